//! Three nodes behind a load balancer, with the methods of a single [`crate::Node`]: the same API tests run on both.

use super::{ADMIN_TOKEN, Cluster, ClusterPlan};
use crate::{Api, Operated};
use std::path::PathBuf;

/// A cluster that stands in for a node. What a test does to "the node" happens to one of the three, each time the next.
pub struct ThreeNodes {
    cluster: Cluster,
    /// Whom it happened to last.
    victim: usize,
    /// The load balancer's URL.
    pub http: String,
}

impl ThreeNodes {
    /// How many nodes there are.
    pub const NODES: usize = 3;

    /// Starts three nodes with limits off and the given settings (`key=value`).
    pub fn start(settings: &[&str]) -> Self {
        let sets = settings.iter().map(|set| (*set).to_owned()).collect();
        let cluster = Cluster::start_with(ClusterPlan { nodes: Self::NODES, sets, ..ClusterPlan::default() });
        let http = cluster.url();
        Self { cluster, victim: Self::NODES - 1, http }
    }

    /// A client of the API, through the load balancer.
    pub fn api(&self) -> Api {
        self.cluster.api()
    }

    /// The folders that hold the nodes' data.
    pub fn data_dirs(&self) -> Vec<PathBuf> {
        self.cluster.nodes.iter().map(|node| node.data_dir()).collect()
    }

    /// SIGKILL of the next node.
    pub fn kill(&mut self) {
        self.victim = (self.victim + 1) % Self::NODES;
        self.cluster.nodes[self.victim].kill();
    }

    /// SIGTERM to the next node; gives its exit code once it has drained.
    pub fn terminate(&mut self) -> Option<i32> {
        self.victim = (self.victim + 1) % Self::NODES;
        self.cluster.nodes[self.victim].terminate()
    }

    /// Starts the node again that was ended last, and waits until the cluster is whole.
    pub fn restart(&mut self) {
        self.cluster.nodes[self.victim].start();
        self.cluster.await_whole(Self::NODES);
    }
}

impl Operated for ThreeNodes {
    fn admin_urls(&self) -> Vec<String> {
        self.cluster.nodes.iter().map(|node| format!("http://{}", node.admin())).collect()
    }

    fn token(&self) -> String {
        ADMIN_TOKEN.to_owned()
    }
}
