//! Real servers for tests: Postgres, Redis, HAProxy, Varnish and S3, each a child process with a folder and ports of
//! its own.
//!
//! Starting one gives it back once it answers. Dropping one ends it and removes its folder; when the test process
//! itself is killed, the kernel ends it. A server keeps its address when it is killed and started again, so that
//! clients find it where it was. All calls block; they are short.

mod haproxy;
mod port;
mod postgres;
mod process;
mod redis;
mod redis_cluster;
mod redis_sentinel;
mod s3;
#[cfg(test)]
mod tests;
mod varnish;

pub use haproxy::HaProxy;
pub use port::Port;
pub use postgres::Postgres;
pub use process::{Process, as_user};
pub use redis::Redis;
pub use redis_cluster::RedisCluster;
pub use redis_sentinel::RedisSentinel;
pub use s3::S3;
pub use varnish::Varnish;

use std::{
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long a server may take to answer after its start, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Finds a program in `PATH` and where Debian puts servers.
///
/// # Panics
/// When it is missing; the message names the Debian package that has it.
pub fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin".into(), "/usr/bin".into(), "/sbin".into()]);
    folders
        .iter()
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("{name} is missing: install the Debian package {package} (scripts/prepare --tests)"))
}

/// Tries `attempt` every few milliseconds until it is true or the time is up; whether it became true.
pub fn becomes_true(limit: Duration, mut attempt: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if attempt() {
            return true;
        }
        if start.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether something accepts connections at this address.
pub fn accepts(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok()
}

fn folder_for(what: &str) -> TempDir {
    tempfile::Builder::new().prefix(&format!("tessera-{what}-")).tempdir().expect("a temporary folder")
}

/// Waits until the server answers.
///
/// # Panics
/// When it ends or the time is up; with what it logged.
fn await_start(process: &mut Process, mut answers: impl FnMut() -> bool) {
    let mut ended = false;
    let started = becomes_true(START_LIMIT, || {
        ended = !process.is_running();
        ended || answers()
    });
    assert!(started && !ended, "{} did not start:\n{}", process.name(), process.log());
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
