//! What a call through a breaker costs, beside the same call without one:
//! `cargo bench -p tessera-actors --bench breaker` (Linux).
//!
//! The work is there at once, so that nothing else is in the figures. They are processor time of the calling thread,
//! which other work on the machine changes little; each is the median of several rounds.

use std::{
    hint::black_box,
    thread,
    time::{Duration, Instant},
};
use tessera_actors::{
    Deadline,
    breaker::{BreakerPolicy, BreakerRef, Breakers},
};
use tessera_cluster::{RestartIntensity, Supervisor, SupervisorArgs};
use tessera_domain::breaker::BreakerState;
use tessera_ports::StoreError;
use tokio::runtime::{Builder, Handle};

const CALLS: u32 = 1_000_000;
const ROUNDS: usize = 9;

async fn work(number: u32) -> Result<u32, StoreError> {
    Ok(black_box(number))
}

/// Processor time of this thread in nanoseconds.
fn processor_time() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells a thread's processor time");
    text.split_whitespace().next().and_then(|word| word.parse().ok()).expect("nanoseconds")
}

/// Nanoseconds that each of so many calls takes on a thread of its own.
fn measure(runtime: &Handle, calls: impl Future<Output = ()>) -> f64 {
    let before = processor_time();
    runtime.block_on(calls);
    (processor_time() - before) / f64::from(CALLS)
}

async fn bare() {
    for number in 0..CALLS {
        let _ = black_box(work(number).await);
    }
}

async fn clock() {
    let origin = Instant::now();
    for _ in 0..CALLS {
        black_box((origin.elapsed(), origin.elapsed()));
    }
}

async fn through(breaker: &BreakerRef) {
    let deadline = Deadline::after(Duration::from_secs(600));
    for number in 0..CALLS {
        let _ = black_box(breaker.call(deadline, work(number)).await);
    }
}

fn tell(what: &str, round: impl FnMut() -> f64) {
    let mut rounds: Vec<f64> = std::iter::repeat_with(round).take(ROUNDS).collect();
    rounds.sort_by(f64::total_cmp);
    println!("{what}: {:.1} ns (fastest {:.1}, slowest {:.1})", rounds[ROUNDS / 2], rounds[0], rounds[ROUNDS - 1]);
}

/// The mean of two threads that call at the same time.
fn two_at_once(runtime: &Handle, breaker: &BreakerRef) -> f64 {
    let measured = thread::scope(|scope| {
        let callers = [0, 1].map(|_| scope.spawn(|| measure(runtime, through(breaker))));
        callers.map(|caller| caller.join().expect("a caller ends"))
    });
    measured.iter().sum::<f64>() / 2.0
}

fn main() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let breaker = Breakers::new(BreakerPolicy::default(), 0).recommendations;
    let args = SupervisorArgs {
        name: "bench",
        intensity: RestartIntensity { max_restarts: 0, within: Duration::from_secs(1) },
        children: vec![breaker.child_spec("breaker")],
    };
    runtime.block_on(Supervisor::start(args, None)).expect("the actor starts");
    let handle = runtime.handle();
    tell("the bare call", || measure(handle, bare()));
    tell("two reads of the clock", || measure(handle, clock()));
    tell("through a closed breaker", || measure(handle, through(&breaker)));
    tell("through a closed breaker, two threads at once", || two_at_once(handle, &breaker));
    let forced = breaker.force(BreakerState::ForcedOpen, Deadline::after(Duration::from_secs(5)));
    runtime.block_on(forced).expect("it obeys");
    tell("refused", || measure(handle, through(&breaker)));
    println!("ends of calls that were not heard: {}", breaker.stats().unheard);
}
