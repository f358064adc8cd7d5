//! The cluster as this node sees it, for its operators.

use std::collections::HashMap;
use tessera_cluster::{ClusterKeeper, ClusterNode, NodeName, Phase, SHARDS, link::PeerState, node_name};
use tessera_http_api::admin::{ClusterView, NodeStatus, NodeView};
use tessera_ports::membership::{Member, MemberStatus};

/// What is missing before a node of a cluster can serve.
pub fn missing(keeper: &ClusterKeeper) -> Option<String> {
    match keeper.phase() {
        Phase::Ready if keeper.may_serve() => None,
        Phase::Ready => Some("its membership's lease ran out".to_owned()),
        Phase::Apart | Phase::Joining => Some("joining the cluster".to_owned()),
        Phase::Unsure(reason) => Some(format!("not sure to be a member: {reason}")),
        Phase::Outside => Some("evicted from the cluster, and joining it anew".to_owned()),
        Phase::Draining => Some("draining".to_owned()),
        Phase::Left => Some("it has left the cluster".to_owned()),
    }
}

/// The view of a node of a cluster.
pub fn of_member(node: &ClusterNode, keeper: &ClusterKeeper) -> ClusterView {
    let view = node.view();
    let shares: HashMap<&NodeName, usize> = view.map.nodes().iter().zip(view.map.shares()).collect();
    let peers = keeper.peers();
    let nodes = view.members.iter().map(|member| {
        let name = node_name(&member.id);
        let peer = peers.iter().find(|peer| peer.name == name);
        let is_other = name != view.this;
        NodeView {
            shards: shares.get(&name).map_or(0, |shards| *shards as u32),
            linked: is_other.then(|| peer.is_some_and(|peer| peer.state == PeerState::Up)),
            round_trip_ms: peer.and_then(|peer| peer.round_trip).map(|time| time.as_secs_f64() * 1_000.0),
            ..of_table(member)
        }
    });
    let this = view.members.iter().find(|member| node_name(&member.id) == view.this);
    ClusterView {
        this_node: this.map_or_else(|| view.this.0.clone(), |member| member.id.name.clone()),
        epoch: view.epoch(),
        shards: u32::from(SHARDS),
        nodes: nodes.collect(),
    }
}

/// The view of a node that is alone.
pub fn of_lone_node(name: &str, draining: bool) -> ClusterView {
    let node = NodeView {
        name: name.to_owned(),
        status: if draining { NodeStatus::Draining } else { NodeStatus::Ready },
        shards: u32::from(SHARDS),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..NodeView::default()
    };
    ClusterView { this_node: name.to_owned(), epoch: 1, shards: u32::from(SHARDS), nodes: vec![node] }
}

fn of_table(member: &Member) -> NodeView {
    let status = match member.status {
        MemberStatus::Joining => NodeStatus::Joining,
        MemberStatus::Ready => NodeStatus::Ready,
        MemberStatus::Draining => NodeStatus::Draining,
    };
    NodeView {
        name: member.id.name.clone(),
        incarnation: Some(member.id.incarnation),
        status,
        address: member.address.to_string(),
        admin_url: member.admin_url.clone(),
        lease_left_ms: Some(member.lease_left.as_millis() as u64),
        wire_oldest: Some(member.wire_oldest),
        wire_newest: Some(member.wire_newest),
        version: member.version.clone(),
        suspected_by: member.suspected_by.iter().map(|voter| voter.name.clone()).collect(),
        ..NodeView::default()
    }
}

/// Metrics of the cluster and of the links.
pub fn record(node: &ClusterNode, keeper: &ClusterKeeper) {
    let view = node.view();
    metrics::gauge!("tessera_cluster_epoch").set(view.epoch() as f64);
    metrics::gauge!("tessera_cluster_members").set(view.members.len() as f64);
    metrics::gauge!("tessera_cluster_may_serve").set(if keeper.may_serve() { 1.0 } else { 0.0 });
    for peer in keeper.peers() {
        let labels = [("peer", peer.name.0.split('#').next().unwrap_or_default().to_owned())];
        metrics::gauge!("tessera_link_up", &labels).set(if peer.state == PeerState::Up { 1.0 } else { 0.0 });
        metrics::gauge!("tessera_link_queue_bytes", &labels).set(peer.queue_bytes as f64);
        metrics::gauge!("tessera_link_pending", &labels).set(peer.pending as f64);
        metrics::counter!("tessera_link_expired_total", &labels).absolute(peer.expired);
        if let Some(time) = peer.round_trip {
            metrics::gauge!("tessera_link_round_trip_seconds", &labels).set(time.as_secs_f64());
        }
    }
}
