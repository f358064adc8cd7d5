//! A whole cluster under test: Postgres, Redis, an S3 server, nodes, and the load balancer before them, all real
//! processes of this test's own.

mod balancer;
mod certificates;
mod network;
mod node;
mod three_nodes;

pub use certificates::{Authority, CertificateFiles};
pub use network::{Network, Peer};
pub use node::{ClusterNode, NodeSettings};
pub use three_nodes::ThreeNodes;

use crate::{Api, Operator, binary};
use serde_json::Value;
use std::{net::SocketAddr, path::Path, time::Duration};
use tempfile::TempDir;
use tessera_test_servers::{HaProxy, Port, Postgres, Redis, S3, becomes_true};

/// The operators' token of all nodes.
pub const ADMIN_TOKEN: &str = "operators of the cluster under test";
/// What all nodes know.
pub const CLUSTER_SECRET: &str = "only nodes of the cluster under test know this";
/// How long nodes may take to agree on who is there, on a busy machine.
const AGREE_LIMIT: Duration = Duration::from_secs(60);

/// What a cluster is made of.
pub struct ClusterPlan {
    /// How many nodes are started.
    pub nodes: usize,
    /// How many further ones may be added; the load balancer knows them from the start.
    pub spares: usize,
    /// Settings of all nodes, `key=value`.
    pub sets: Vec<String>,
    /// Whether each node lives in a network namespace of its own (root only).
    pub namespaces: bool,
}

impl Default for ClusterPlan {
    fn default() -> Self {
        Self { nodes: 3, spares: 0, sets: vec![], namespaces: false }
    }
}

/// A running cluster. Dropping it ends everything; when the test fails, all logs are printed.
pub struct Cluster {
    /// The nodes, those that run and the spare ones.
    pub nodes: Vec<ClusterNode>,
    pub balancer: HaProxy,
    pub postgres: Postgres,
    pub redis: Redis,
    pub s3: S3,
    /// The network. Nodes are gone before it is.
    pub network: std::sync::Arc<Network>,
    /// Who signed the nodes' certificates.
    pub authority: Authority,
    folder: TempDir,
    _balancer_port: Port,
}

impl Cluster {
    /// Starts a cluster of `nodes` nodes on the loopback address and waits until it is whole.
    pub fn start(nodes: usize) -> Self {
        Self::start_with(ClusterPlan { nodes, ..ClusterPlan::default() })
    }

    /// Starts a cluster and waits until it is whole.
    pub fn start_with(plan: ClusterPlan) -> Self {
        let running = plan.nodes;
        let mut cluster = Self::prepare(plan);
        for node in &mut cluster.nodes[..running] {
            node.launch();
        }
        for node in &mut cluster.nodes[..running] {
            node.await_ready();
        }
        cluster.await_whole(running);
        cluster
    }

    /// Starts everything but the nodes.
    pub fn prepare(plan: ClusterPlan) -> Self {
        let most = plan.nodes + plan.spares;
        let network = if plan.namespaces { Network::namespaces(most) } else { Network::Loopback };
        let network = std::sync::Arc::new(network);
        let folder = tempfile::Builder::new().prefix("tessera-cluster-").tempdir().expect("a temporary folder");
        let postgres = Postgres::start_on(network.address(Peer::Postgres));
        let redis = Redis::start_on(network.address(Peer::Redis), &[]);
        let s3 = S3::start_on(network.address(Peer::S3), &binary());
        let balancer_port = Port::free();
        let front = SocketAddr::new(network.address(Peer::Balancer), balancer_port.number());
        let mut sets = vec![
            "mode=cluster".to_owned(),
            "limits.enabled=false".to_owned(),
            "log.level=info".to_owned(),
            "http.drain_grace_ms=1500".to_owned(),
            format!("http.public_url=http://{front}"),
            format!("ledger.url={}", postgres.create_database("tessera")),
            format!("hot.url={}", redis.url()),
            format!("objects.endpoint={}", s3.url()),
        ];
        sets.extend(plan.sets);
        let authority = Authority::new();
        let nodes: Vec<ClusterNode> =
            (0..most).map(|place| new_node(place, &sets, &authority, &network, folder.path())).collect();
        let balancer = HaProxy::start(&balancer::configuration(front, &nodes), front);
        Self { nodes, balancer, postgres, redis, s3, network, authority, folder, _balancer_port: balancer_port }
    }

    /// The API through the load balancer.
    pub fn api(&self) -> Api {
        Api::new(&self.url())
    }

    /// The load balancer's URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.balancer.address())
    }

    /// The operator of all nodes.
    pub fn operator(&self) -> Operator {
        let urls: Vec<String> = self.nodes.iter().map(|node| format!("http://{}", node.admin())).collect();
        Operator::at(&urls, ADMIN_TOKEN)
    }

    /// A folder of the cluster's own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until every running node sees the same `count` ready nodes, and the balancer sends to all of them.
    ///
    /// # Panics
    /// When the time is up.
    pub fn await_whole(&mut self, count: usize) {
        let whole = becomes_true(AGREE_LIMIT, || self.is_whole(count));
        assert!(whole, "the nodes do not agree on {count} ready nodes:\n{}", self.views());
        // Two of the balancer's checks, so that it has noticed.
        std::thread::sleep(Duration::from_millis(600));
    }

    /// Whether every running node sees the same `count` ready nodes, which own all shards between them.
    pub fn is_whole(&mut self, count: usize) -> bool {
        let mut views = Vec::new();
        for node in &mut self.nodes {
            if !node.is_running() {
                continue;
            }
            let (true, Some(view)) = (node.is_ready(), view_of(node)) else { return false };
            views.push(view);
        }
        let ready = |view: &Value| {
            let nodes = view["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
            let shards: u64 = nodes.iter().filter_map(|node| node["shards"].as_u64()).sum();
            nodes.len() == count
                && nodes.iter().all(|node| node["status"] == "ready" && node["shards"].as_u64() > Some(0))
                && Some(shards) == view["shards"].as_u64()
        };
        views.len() == count
            && views.iter().all(ready)
            && views.windows(2).all(|two| two[0]["epoch"] == two[1]["epoch"])
    }

    fn views(&mut self) -> String {
        let words = self.nodes.iter().map(|node| format!("{}: {:?}\n", node.name, view_of(node)));
        words.collect()
    }
}

/// The cluster as a node sees it.
pub fn view_of(node: &ClusterNode) -> Option<Value> {
    let (status, body) = node.ask("/admin/cluster", Duration::from_secs(1))?;
    if status != 200 {
        return None;
    }
    serde_json::from_str(&body).ok()
}

fn new_node(
    place: usize,
    sets: &[String],
    authority: &Authority,
    network: &std::sync::Arc<Network>,
    folder: &Path,
) -> ClusterNode {
    let name = format!("node-{}", place + 1);
    let address = network.address(Peer::Node(place));
    let settings = NodeSettings {
        sets: sets.to_vec(),
        environment: [
            ("TESSERA__CLUSTER__SECRET", CLUSTER_SECRET),
            ("TESSERA__ADMIN__TOKEN", ADMIN_TOKEN),
            ("TESSERA__OBJECTS__ACCESS_KEY", S3::ACCESS_KEY),
            ("TESSERA__OBJECTS__SECRET_KEY", S3::SECRET_KEY),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
        certificate: authority.sign(&name, folder),
    };
    let network = network.clone();
    let wrap = Box::new(move |command| network.inside(place, command));
    ClusterNode::new(name, settings, address, folder.to_owned(), wrap)
}
