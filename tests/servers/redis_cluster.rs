//! A Redis Cluster.

use crate::{Port, Redis, becomes_true};
use std::time::Duration;

const LAST_SLOT: u32 = 16_383;

/// Masters that share the key space among them, without replicas.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
    /// The ports that the nodes talk among themselves on.
    _buses: Vec<Port>,
}

impl RedisCluster {
    /// Starts so many masters, with equal shares; further arguments go to each of them.
    ///
    /// # Panics
    /// When they do not agree within 30 s.
    pub fn start(masters: usize, arguments: &[&str]) -> Self {
        let buses: Vec<Port> = (0..masters).map(|_| Port::free()).collect();
        let nodes: Vec<Redis> = buses.iter().map(|bus| node(bus, arguments)).collect();
        let first = (nodes[0].port().to_string(), buses[0].number().to_string());
        for (number, node) in nodes.iter().enumerate() {
            let share = |number: usize| (LAST_SLOT + 1) * number as u32 / masters as u32;
            let (from, to) = (share(number).to_string(), (share(number + 1) - 1).to_string());
            let epoch = (number + 1).to_string();
            for command in [
                &["CLUSTER", "SET-CONFIG-EPOCH", &epoch][..],
                &["CLUSTER", "ADDSLOTSRANGE", &from, &to],
                &["CLUSTER", "MEET", "127.0.0.1", &first.0, &first.1],
            ] {
                assert_eq!(node.command(command), "OK", "{command:?}");
            }
        }
        let cluster = Self { nodes, _buses: buses };
        let agreed = becomes_true(Duration::from_secs(30), || {
            let known = format!("cluster_known_nodes:{masters}");
            let is_ready = |info: String| info.contains("cluster_state:ok") && info.contains(&known);
            cluster.nodes.iter().all(|node| is_ready(node.command(&["CLUSTER", "INFO"])))
        });
        assert!(agreed, "no cluster: {}", cluster.nodes[0].command(&["CLUSTER", "NODES"]));
        cluster
    }

    /// The URL, naming the first two nodes: the others are found from there.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.nodes.iter().take(2).map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    pub fn nodes(&mut self) -> &mut [Redis] {
        &mut self.nodes
    }

    /// Forgets everything, on every node.
    pub fn flush_all(&self) {
        self.nodes.iter().for_each(Redis::flush_all);
    }
}

fn node(bus: &Port, arguments: &[&str]) -> Redis {
    let bus = bus.number().to_string();
    // A part that is missing must not stop the others.
    let fixed = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-require-full-coverage", "no"];
    let timing = ["--cluster-node-timeout", "2000"];
    Redis::start(&[&fixed, &timing[..], arguments].concat())
}
