//! The measured process of `tessera bench media` without the rest of the program, which takes far longer to build.

#[path = "../../bench/media/worker.rs"]
mod worker;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::io::Result<()> {
    worker::run(2)
}
