//! The node as its operators' listener sees it.

use crate::cluster_view;
use async_trait::async_trait;
use metrics_exporter_prometheus::PrometheusHandle;
use std::{sync::Arc, time::Duration};
use tessera_actors::{
    Deadline,
    breaker::{BreakerRef, BreakerReport, BreakerStats, Breakers, Sabotage, Symptom},
    tree::ActorSystem,
};
use tessera_app::{AppError, AppResult};
use tessera_cluster::{ClusterKeeper, ClusterNode, EntitySabotage};
use tessera_domain::breaker::BreakerState;
use tessera_http_api::{
    admin::{
        ActorSabotageKind, ActorsView, AdminHooks, BreakerView, ClusterView, KillOutcome, RestartView, SabotageKind,
    },
    present::Rfc3339,
};
use tokio::sync::watch;

/// How late calls begin that are made slow: later than a breaker bears, sooner than callers give up.
const SLOW: Duration = Duration::from_millis(170);
/// How long an operator who looks at breakers waits for what ended just now to be counted.
const BREAKERS_HEAR_WITHIN: Duration = Duration::from_millis(500);
/// How long an operator waits until a breaker stands as it was told to.
const BREAKER_OBEYS_WITHIN: Duration = Duration::from_secs(5);

/// Answers the operators' questions.
pub struct NodeHooks {
    pub node_name: String,
    pub actors: Arc<ActorSystem>,
    pub breakers: Breakers,
    /// This node in its cluster.
    pub cluster_node: Arc<ClusterNode>,
    /// Keeps it there; `None` where it is alone.
    pub keeper: Option<ClusterKeeper>,
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
                ("success", stats.report.succeeded),
                ("failure", stats.report.failed),
                ("ignored", stats.ignored),
                ("cancelled", stats.cancelled),
                ("full", stats.full),
                ("unheard", stats.unheard),
                ("not_permitted", stats.not_permitted),
            ];
            for (outcome, count) in outcomes {
                metrics::counter!("tessera_breaker_calls_total", "breaker" => name.clone(), "outcome" => outcome)
                    .absolute(count);
            }
            metrics::counter!("tessera_breaker_opened_total", "breaker" => name.clone()).absolute(stats.report.opened);
            record_restarts(&name, &stats.report);
            // Below the minimum number of calls there is no rate: that nobody calls is no failure.
            let (failures, slow) = (stats.report.metrics.failure_rate, stats.report.metrics.slow_call_rate);
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
        // What is not heard by then is a second old at most.
        let deadline = Deadline::after(BREAKERS_HEAR_WITHIN);
        for breaker in self.breakers.all() {
            if let Err(error) = breaker.hear(deadline).await {
                tracing::debug!(breaker = breaker.name(), %error, "a breaker shows what it knew a moment ago");
            }
        }
        self.breakers.all().map(|breaker| breaker_view(breaker.stats())).collect()
    }

    fn cut_off(&self) -> Vec<String> {
        let states = self.breakers.all().map(|breaker| (breaker.name(), breaker.state()));
        let cut_off = states.filter_map(|(name, state)| match state {
            BreakerState::Open => Some(format!("{name}: its breaker is open")),
            BreakerState::ForcedOpen => Some(format!("{name}: an operator has forced its breaker open")),
            BreakerState::Closed | BreakerState::HalfOpen | BreakerState::Disabled => None,
        });
        cut_off.collect()
    }

    async fn set_breaker(&self, name: &str, state: BreakerState) -> AppResult<()> {
        let breaker = self.breakers.find(name).ok_or(AppError::NotFound("breaker"))?;
        let forced = breaker.force(state, Deadline::after(BREAKER_OBEYS_WITHIN)).await;
        forced.map_err(|error| AppError::Unavailable(error.to_string()))
    }

    async fn sabotage(&self, breaker: &str, how: SabotageKind, lasting: Duration) -> bool {
        let Some(breaker) = self.breakers.find(breaker) else { return false };
        let sabotage = match how {
            SabotageKind::Hang => Sabotage::Hang,
            SabotageKind::Panic => Sabotage::Panic,
            SabotageKind::Slow => Sabotage::Slow(SLOW),
        };
        breaker.sabotage(sabotage, lasting);
        true
    }

    async fn sabotage_actor(&self, actor: &str, how: ActorSabotageKind, lasting: Duration) -> KillOutcome {
        let how = match how {
            ActorSabotageKind::Hang => EntitySabotage::Hang(lasting),
            ActorSabotageKind::Panic => EntitySabotage::Panic(lasting),
            ActorSabotageKind::Flood => EntitySabotage::Flood(lasting),
        };
        kill_outcome(self.actors.sabotage(actor, how))
    }

    async fn kill(&self, target: &str) -> KillOutcome {
        kill_outcome(self.actors.sabotage(target, EntitySabotage::Crash))
    }
}

fn record_restarts(breaker: &str, report: &BreakerReport) {
    let restarts = &report.restarts;
    let reasons =
        [(Symptom::Hung, restarts.hung), (Symptom::Panicked, restarts.panicked), (Symptom::Flooded, restarts.flooded)];
    for (reason, count) in reasons {
        let labels = [("breaker", breaker.to_owned()), ("reason", reason.as_str().to_owned())];
        metrics::counter!("tessera_breaker_restarts_total", &labels).absolute(count);
    }
    metrics::counter!("tessera_breaker_escalations_total", "breaker" => breaker.to_owned())
        .absolute(report.escalations);
}

fn kill_outcome(sabotaged: Result<bool, String>) -> KillOutcome {
    match sabotaged {
        Ok(true) => KillOutcome::Killed,
        Ok(false) => KillOutcome::NotActive,
        Err(expected) => KillOutcome::Invalid(expected),
    }
}

fn breaker_view(stats: BreakerStats) -> BreakerView {
    let BreakerReport { metrics, restarts, escalations, .. } = stats.report;
    let last_restarts = restarts.last.iter().rev().map(|restart| RestartView {
        actor: restart.ward.clone(),
        reason: restart.symptom.as_str().to_owned(),
        at: Rfc3339(restart.at),
    });
    BreakerView {
        name: stats.name,
        state: stats.state,
        failure_rate: metrics.failure_rate,
        slow_call_rate: metrics.slow_call_rate,
        not_permitted: stats.not_permitted,
        open_seconds_left: stats.open_left.map(|left| left.as_secs_f64()),
        restarts: restarts.total(),
        escalations,
        last_restarts: last_restarts.collect(),
    }
}
