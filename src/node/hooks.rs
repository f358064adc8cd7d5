//! The node as its operators' listener sees it.

use crate::cluster_view;
use async_trait::async_trait;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use tessera_actors::tree::ActorSystem;
use tessera_cluster::{ClusterKeeper, ClusterNode};
use tessera_http_api::admin::{ActorsView, AdminHooks, BreakerView, ClusterView, KillOutcome};
use tokio::sync::watch;

/// Answers the operators' questions.
pub struct NodeHooks {
    /// This node's name.
    pub node_name: String,
    /// The actors.
    pub actors: Arc<ActorSystem>,
    /// This node in its cluster.
    pub cluster_node: Arc<ClusterNode>,
    /// Keeps it there; `None` where it is alone.
    pub keeper: Option<ClusterKeeper>,
    /// Renders the metrics.
    pub metrics: PrometheusHandle,
    /// True once the node drains.
    pub draining: Arc<watch::Sender<bool>>,
}

impl NodeHooks {
    fn record_actors(&self) {
        for kind in self.actors.stats() {
            let labels = [("kind", kind.kind)];
            metrics::gauge!("tessera_actors_active", &labels).set(kind.stats.active as f64);
            metrics::gauge!("tessera_actors_mailbox_depth", &labels).set(kind.stats.waiting as f64);
            metrics::gauge!("tessera_actors_heap_bytes", &labels).set(kind.stats.heap_bytes as f64);
            metrics::counter!("tessera_actors_activations_total", &labels).absolute(kind.stats.activations);
            metrics::counter!("tessera_actors_passivations_total", &labels).absolute(kind.stats.passivations);
            metrics::counter!("tessera_actors_restarts_total", &labels).absolute(kind.stats.restarts);
            metrics::counter!("tessera_actors_expired_total", &labels).absolute(kind.stats.expired);
            metrics::counter!("tessera_actors_refused_total", &labels).absolute(kind.stats.refused);
        }
        let media = self.actors.media().stats();
        metrics::gauge!("tessera_media_workers_busy").set(media.busy as f64);
        metrics::counter!("tessera_media_jobs_done_total").absolute(media.done);
        metrics::counter!("tessera_media_jobs_failed_total").absolute(media.failed);
    }
}

#[async_trait]
impl AdminHooks for NodeHooks {
    async fn missing(&self) -> Vec<String> {
        if *self.draining.borrow() {
            return vec!["draining".to_owned()];
        }
        self.keeper.iter().filter_map(cluster_view::missing).collect()
    }

    fn metrics(&self) -> String {
        self.record_actors();
        if let Some(keeper) = &self.keeper {
            cluster_view::record(&self.cluster_node, keeper);
        }
        self.metrics.render()
    }

    async fn drain(&self) {
        self.draining.send_replace(true);
    }

    async fn cluster(&self) -> ClusterView {
        match &self.keeper {
            Some(keeper) => cluster_view::of_member(&self.cluster_node, keeper),
            None => cluster_view::of_lone_node(&self.node_name, *self.draining.borrow()),
        }
    }

    async fn actors(&self) -> Vec<ActorsView> {
        let kinds = self.actors.stats().into_iter();
        kinds
            .map(|kind| ActorsView {
                kind: kind.kind.to_owned(),
                active: kind.stats.active as u64,
                mailbox_depth: kind.stats.waiting as u64,
                restarts: kind.stats.restarts,
            })
            .collect()
    }

    /// There are none in this version; the recommender brings the first.
    async fn breakers(&self) -> Vec<BreakerView> {
        vec![]
    }

    async fn set_breaker(&self, _name: &str, _state: &str) -> bool {
        false
    }

    async fn kill(&self, target: &str) -> KillOutcome {
        match self.actors.crash(target) {
            Ok(true) => KillOutcome::Killed,
            Ok(false) => KillOutcome::NotActive,
            Err(expected) => KillOutcome::Invalid(expected),
        }
    }
}
