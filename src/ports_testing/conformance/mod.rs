//! The conformance suite: what the traits' docs promise, checked against any adapter.
//!
//! An adapter's own tests call one function per port and hand it a maker of fresh, empty stores:
//!
//! ```ignore
//! #[tokio::test(flavor = "multi_thread")]
//! async fn keeps_the_ledgers_guarantees() {
//!     tessera_ports_testing::conformance::ledger(|| async { Arc::new(open_empty().await) as _ }).await;
//! }
//! ```
//!
//! Every check is a small function named after the guarantee it checks and gets a store of its own.
//! All checks run even when some fail; the suite then panics with the list of broken guarantees.

mod accounts;
mod ads;
mod discovery;
mod embeddings;
mod engagement;
mod graph;
mod graph_limits;
mod hot_store;
mod job_failures;
mod jobs;
mod maintenance;
mod membership;
mod model;
mod notification_model;
mod notification_standing;
mod notifications;
mod object_store;
mod object_store_puts;
mod outbox;
mod post_lists;
mod post_purges;
mod posts;
mod races;
mod report;
mod retries;
mod tastes;
mod uploads;
mod world;

pub use membership::{CLUSTER_NODES, ClusterNode};
pub use model::seed_from_environment;
pub use world::World;

use bytes::Bytes;
use report::Report;
use std::{future::Future, sync::Arc};
use tessera_ports::{HotStore, Ledger, ObjectStore};

/// Checks every guarantee of the ledger's traits. `make` gives a fresh, empty ledger each time.
///
/// Must run on a multi-threaded tokio runtime, because races are part of what is checked.
///
/// # Panics
/// Panics after all checks have run, with the names of those that failed.
pub async fn ledger<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Ledger>>,
{
    let mut report = Report::new("ledger");
    accounts::run(&make, &mut report).await;
    graph::run(&make, &mut report).await;
    graph_limits::run(&make, &mut report).await;
    uploads::run(&make, &mut report).await;
    jobs::run(&make, &mut report).await;
    job_failures::run(&make, &mut report).await;
    posts::run(&make, &mut report).await;
    post_lists::run(&make, &mut report).await;
    post_purges::run(&make, &mut report).await;
    tastes::run(&make, &mut report).await;
    discovery::run(&make, &mut report).await;
    embeddings::run(&make, &mut report).await;
    engagement::run(&make, &mut report).await;
    races::run(&make, &mut report).await;
    notifications::run(&make, &mut report).await;
    notification_standing::run(&make, &mut report).await;
    notification_model::run(&make, &mut report).await;
    outbox::run(&make, &mut report).await;
    ads::run(&make, &mut report).await;
    maintenance::run(&make, &mut report).await;
    model::run(&make, &mut report).await;
    retries::run(&make, &mut report).await;
    report.finish();
}

/// Checks every guarantee of the membership table. `make` gives as many handles on one fresh, empty store, each with
/// the ledger whose leases are that node's.
///
/// Must run on a multi-threaded tokio runtime. Leases run by the store's own clock, so it takes a quarter of a minute.
///
/// # Panics
/// Panics after all checks have run, with the names of those that failed.
pub async fn membership<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = [ClusterNode; CLUSTER_NODES]>,
{
    let mut report = Report::new("membership");
    membership::run(&make, &mut report).await;
    report.finish();
}

/// Checks every guarantee of the hot store. `make` gives a fresh, empty store with room for a few
/// megabytes, so that nothing the checks put in has to make room.
///
/// # Panics
/// Panics after all checks have run, with the names of those that failed.
pub async fn hot_store<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn HotStore>>,
{
    let mut report = Report::new("hot store");
    hot_store::run(&make, &mut report).await;
    report.finish();
}

/// Checks every guarantee of the object store. `make` gives a fresh, empty store each time.
///
/// `put` makes one HTTP PUT of the body to the URL with these headers and gives the status of the answer.
/// It sets `Content-Length` to the body's real length and `Host` from the URL by itself, sends no other
/// header of its own, and gives 400 where the server drops the connection instead of answering. So the port needs no
/// HTTP client.
///
/// # Panics
/// Panics after all checks have run, with the names of those that failed.
pub async fn object_store<F, Fut, P, PutFut>(make: F, put: P)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn ObjectStore>>,
    P: Fn(String, Vec<(String, String)>, Bytes) -> PutFut + Clone + Send + Sync + 'static,
    PutFut: Future<Output = u16> + Send + 'static,
{
    let mut report = Report::new("object store");
    object_store::run(&make, &mut report).await;
    object_store_puts::run(&make, put, &mut report).await;
    report.finish();
}
