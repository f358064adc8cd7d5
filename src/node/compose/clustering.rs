//! Makes the node a member of its cluster.

use crate::{
    Failure,
    config::{ClusterConfig, Config},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tessera_app::{IdSource, hydrate::NodeCaches};
use tessera_cluster::{
    ClusterKeeper, ClusterNode, JoinError, KeeperHooks, KeeperSettings, NodeName, ShardMap, View,
    link::{ClusterSecret, LinkListener, LinkSettings},
    wire::WIRE_NEWEST,
};
use tessera_ports::Membership;

/// How long a node's lease runs: how long a node that vanished without a trace holds up its users at the most.
const LEASE: Duration = Duration::from_secs(5);
/// How far a machine's clock may be off the database's. Ids sort by time, and leases end by the clock.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);
/// How long starting waits for links to the other nodes.
const LINK_LIMIT: Duration = Duration::from_secs(20);

/// A cluster that this node is about to join.
pub struct Clustering {
    config: ClusterConfig,
    listener: LinkListener,
    /// This node in it.
    pub node: Arc<ClusterNode>,
}

impl Clustering {
    /// Listens for other nodes.
    pub async fn bind(config: &ClusterConfig) -> Result<Self, Failure> {
        if config.has_seeds {
            tracing::info!("cluster.seeds is not used: nodes find one another in the ledger");
        }
        let failed = |error: &dyn std::fmt::Display| Failure::start_up(format!("cluster: {error}"));
        let secret = ClusterSecret::new(config.secret.expose()).map_err(|error| failed(&error))?;
        let ClusterConfig { listen, certificate, key, authority, .. } = config.clone();
        let mut settings = LinkSettings::new(listen, certificate, key, authority, secret);
        settings.wire_newest = config.wire_newest.unwrap_or(WIRE_NEWEST);
        let listener = LinkListener::bind(&settings).await.map_err(|error| failed(&error))?;
        // Nobody's, until it has joined.
        let this = NodeName(String::new());
        let view = View { this, map: ShardMap::new(0, Vec::new()), members: Vec::new() };
        Ok(Self { config: config.clone(), listener, node: ClusterNode::starting_with(view) })
    }

    /// The keeper of this node's membership, which has not joined yet.
    pub fn keeper(
        self,
        config: &Config,
        admin: SocketAddr,
        membership: Arc<dyn Membership>,
        ids: Arc<IdSource>,
        caches: Arc<NodeCaches>,
    ) -> ClusterKeeper {
        let settings = KeeperSettings {
            name: config.node_name.clone(),
            advertise: self.config.advertised(self.listener.address()),
            admin_url: config.admin.public_url.clone().unwrap_or_else(|| format!("http://{admin}")),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            wire_newest: self.config.wire_newest.unwrap_or(WIRE_NEWEST),
            lease: LEASE,
            clock_tolerance: CLOCK_TOLERANCE,
            link_limit: LINK_LIMIT,
        };
        ClusterKeeper::new(settings, self.node, self.listener, membership, Arc::new(Hooks { ids, caches }))
    }
}

/// Joins and waits until the node owns its share.
pub async fn join(keeper: &ClusterKeeper) -> Result<(), Failure> {
    let joined = async {
        keeper.join().await?;
        keeper.wait_ready().await
    };
    let Err(error) = joined.await else { return Ok(()) };
    keeper.leave().await;
    let hint = match error {
        JoinError::NotLinked { .. } => "; do all nodes have the same cluster.secret and certificates of one authority?",
        _ => "",
    };
    Err(Failure::start_up(format!("cluster: {error}{hint}")))
}

struct Hooks {
    ids: Arc<IdSource>,
    caches: Arc<NodeCaches>,
}

impl KeeperHooks for Hooks {
    fn joined(&self, number: u16) {
        self.ids.set_node_number(number);
    }

    fn forget_copies(&self) {
        self.caches.clear();
    }
}
