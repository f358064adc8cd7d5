//! The node as its operators' listener sees it.

use crate::cluster_view;
use async_trait::async_trait;
use metrics_exporter_prometheus::PrometheusHandle;
use std::{sync::Arc, time::Duration};
use tessera_actors::{
    breaker::{BreakerRef, Breakers, Sabotage},
    tree::ActorSystem,
};
use tessera_cluster::{ClusterKeeper, ClusterNode};
use tessera_domain::breaker::BreakerState;
use tessera_http_api::admin::{ActorsView, AdminHooks, BreakerView, ClusterView, KillOutcome};
use tokio::sync::watch;

/// How late calls begin that are made slow: later than a breaker bears, sooner than callers give up.
const SLOW: Duration = Duration::from_millis(170);

/// Answers the operators' questions.
pub struct NodeHooks {
    /// This node's name.
    pub node_name: String,
    /// The actors.
    pub actors: Arc<ActorSystem>,
    /// The circuit breakers.
    pub breakers: Breakers,
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

    fn record_breakers(&self) {
        for stats in self.breakers.all().map(BreakerRef::stats) {
            let name = stats.name;
            for state in BreakerState::ALL {
                let value = if state == stats.state { 1.0 } else { 0.0 };
                metrics::gauge!("tessera_breaker_state", "breaker" => name.clone(), "state" => state.as_str())
                    .set(value);
            }
            let outcomes = [
                ("success", stats.succeeded),
                ("failure", stats.failed),
                ("ignored", stats.ignored),
                ("cancelled", stats.cancelled),
                ("full", stats.full),
                ("not_permitted", stats.not_permitted),
            ];
            for (outcome, count) in outcomes {
                metrics::counter!("tessera_breaker_calls_total", "breaker" => name.clone(), "outcome" => outcome)
                    .absolute(count);
            }
            metrics::counter!("tessera_breaker_opened_total", "breaker" => name.clone()).absolute(stats.opened);
            // Below the minimum number of calls there is no rate: that nobody calls is no failure.
            let (failures, slow) = (stats.metrics.failure_rate, stats.metrics.slow_call_rate);
            metrics::gauge!("tessera_breaker_failure_rate", "breaker" => name.clone()).set(failures.unwrap_or(0.0));
            metrics::gauge!("tessera_breaker_slow_call_rate", "breaker" => name).set(slow.unwrap_or(0.0));
        }
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
        self.record_breakers();
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

    async fn breakers(&self) -> Vec<BreakerView> {
        let stats = self.breakers.all().map(BreakerRef::stats);
        stats
            .map(|stats| BreakerView {
                name: stats.name,
                state: stats.state.as_str().to_owned(),
                failure_rate: stats.metrics.failure_rate,
                slow_call_rate: stats.metrics.slow_call_rate,
                not_permitted: stats.not_permitted,
            })
            .collect()
    }

    async fn set_breaker(&self, name: &str, state: &str) -> bool {
        let (Some(breaker), Ok(state)) = (self.breakers.find(name), state.parse()) else { return false };
        breaker.force(state);
        true
    }

    async fn sabotage(&self, breaker: &str, how: &str, lasting: Duration) -> bool {
        let Some(breaker) = self.breakers.find(breaker) else { return false };
        let sabotage = match how {
            "panic" => Sabotage::Panic,
            "slow" => Sabotage::Slow(SLOW),
            _ => Sabotage::Hang,
        };
        breaker.sabotage(sabotage, lasting);
        true
    }

    async fn kill(&self, target: &str) -> KillOutcome {
        match self.actors.crash(target) {
            Ok(true) => KillOutcome::Killed,
            Ok(false) => KillOutcome::NotActive,
            Err(expected) => KillOutcome::Invalid(expected),
        }
    }
}
