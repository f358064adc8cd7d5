//! What the tests of the built product share: a node as a child process, and a client of its API.

mod api;
mod node;
mod pictures;

pub use api::{Api, Person, Problem, Uploaded, ids_of};
pub use node::{Node, binary};
pub use pictures::{fixture, small_jpeg};

use std::time::{Duration, Instant};

/// Tries `attempt` every few milliseconds until it gives something, for at most `limit`.
///
/// # Panics
/// When the time is up; `what` says what was waited for.
pub async fn eventually<T, F, Fut>(what: &str, limit: Duration, mut attempt: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let start = Instant::now();
    loop {
        if let Some(found) = attempt().await {
            return found;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
