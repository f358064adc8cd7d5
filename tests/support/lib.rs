//! What the tests of the built product share: a node as a child process, whole clusters, and a client of their API.

mod api;
pub mod cluster;
pub mod load;
mod node;
mod operator;
mod pictures;
mod videos;

pub use api::{Api, Person, Problem, Reply, Uploaded, ids_of};
pub use node::{Ended, Node, binary, run_to_end};
pub use operator::{Operated, Operator};
pub use pictures::{Look, fixture, look_at, small_gif, small_jpeg};
pub use videos::{film, long_film, probed, tiny_film};

use std::{
    future::Future,
    time::{Duration, Instant},
};

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

/// The seeds to run a randomised test with: those of `TESSERA_SEED` (comma-separated), else `default`.
pub fn seeds(default: &[u64]) -> Vec<u64> {
    match std::env::var("TESSERA_SEED") {
        Ok(text) => text.split(',').map(|seed| seed.trim().parse().expect("TESSERA_SEED holds numbers")).collect(),
        Err(_) => default.to_vec(),
    }
}

/// Runs futures side by side, at most `width` at once, each in a task of its own; gives their results in order.
pub async fn side_by_side<T, Fut>(width: usize, futures: impl IntoIterator<Item = Fut>) -> Vec<T>
where
    T: Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    use futures::StreamExt;
    futures::stream::iter(futures)
        .map(|future| async { tokio::spawn(future).await.expect("the task did not panic") })
        .buffered(width)
        .collect()
        .await
}
