//! Ground for tests of actors: a SQLite ledger in a folder of its own, a hot store, a supervisor.

use crate::{NextId, restart};
use futures::future::join_all;
use parking_lot::Mutex;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tempfile::TempDir;
use tessera_cluster::{
    ClusterNode, Deadline, Entity, NodeName, Region, RegionSettings, Spread, Supervisor, SupervisorArgs,
    SupervisorHandle,
};
use tessera_domain::{IdGenerator, Timestamp};
use tessera_ports::{HotStore, Ledger, clock};
use tessera_ports_testing::conformance::World;
use tessera_stores::{
    local_s3::{LocalCredentials, LocalS3, LocalS3Options},
    memory::MemoryHotStore,
    s3::{S3ObjectStore, S3Options},
    sqlite::{SqliteLedger, SqliteOptions},
};

/// Everything that an actor under test stands on.
pub(crate) struct Ground {
    pub folder: TempDir,
    pub ledger: Arc<dyn Ledger>,
    pub hot: Arc<dyn HotStore>,
    /// Makes users and posts in the ledger, at the real time.
    pub world: Arc<World>,
    pub root: SupervisorHandle,
}

impl Ground {
    pub async fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("ledger.sqlite");
        let ledger: Arc<dyn Ledger> =
            SqliteLedger::open(path, SqliteOptions::default()).await.expect("the ledger opens");
        let world = World::new(ledger.clone());
        world.advance(clock::now().since_ms(world.now()));
        let args = SupervisorArgs { name: "test", intensity: restart::GROUP, children: vec![] };
        let (root, _) = Supervisor::start(args, None).await.expect("the supervisor starts");
        Self { folder, ledger, hot: Arc::new(MemoryHotStore::new(1 << 20)), world, root }
    }

    pub fn region<E: Entity>(&self, args: E::Args, settings: RegionSettings) -> Region<E> {
        Region::new(Arc::new(args), settings, alone(), Spread::OverNodes, self.root.get_cell())
    }

    /// An object store in the same folder, over the in-process S3 server, which ends when it is dropped.
    pub async fn objects(&self) -> (LocalS3, S3ObjectStore) {
        let credentials = LocalCredentials::random();
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = LocalS3Options::new(self.folder.path().join("objects"), any_port, credentials.clone());
        let server = LocalS3::start(options).await.expect("the server starts");
        let LocalCredentials { access_key, secret_key } = credentials;
        let options = S3Options::new(server.endpoint(), "media", "us-east-1", access_key, secret_key);
        let objects = S3ObjectStore::new(options).expect("a store");
        objects.ensure_bucket().await.expect("a bucket");
        (server, objects)
    }

    /// Ids that the world does not make.
    pub fn next_id(&self) -> NextId {
        let ids = Mutex::new(IdGenerator::new(7, Timestamp(0)));
        Arc::new(move || ids.lock().next(clock::now()))
    }
}

/// A node that is a cluster of its own.
pub(crate) fn alone() -> Arc<ClusterNode> {
    ClusterNode::alone(NodeName("only".into()))
}

pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

/// Waits until `condition` gives something, for at most ten seconds.
pub(crate) async fn eventually<T, Fut: Future<Output = Option<T>>>(what: &str, condition: impl Fn() -> Fut) -> T {
    for _ in 0..500 {
        if let Some(value) = condition().await {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never came true: {what}");
}

/// Runs all of `work` at once, each in a task of its own.
pub(crate) async fn at_once<T, Fut>(work: impl IntoIterator<Item = Fut>) -> Vec<T>
where
    T: Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = work.into_iter().map(tokio::spawn).collect();
    join_all(tasks).await.into_iter().map(|task| task.expect("a task of this test ends well")).collect()
}
