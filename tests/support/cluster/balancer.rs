//! The load balancer before a cluster, with the configuration that the product ships.

use super::node::ClusterNode;
use std::net::SocketAddr;

const TEMPLATE: &str = include_str!("../../../deploy/haproxy.cfg.template");

/// The shipped configuration for these nodes, which need not be there yet.
pub fn configuration(listen: SocketAddr, nodes: &[ClusterNode]) -> String {
    let servers: Vec<String> = nodes
        .iter()
        .map(|node| {
            let admin = node.admin();
            format!("    server {} {} check addr {} port {}", node.name, node.http(), admin.ip(), admin.port())
        })
        .collect();
    TEMPLATE.replace("@LISTEN@", &listen.to_string()).replace("@SERVERS@", &servers.join("\n"))
}
