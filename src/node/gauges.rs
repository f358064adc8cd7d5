//! Metrics that must be asked for: whether the stores answer, and what waits in the ledger.

use metrics::gauge;
use std::{sync::Arc, time::Duration};
use tessera_app::App;

const INTERVAL: Duration = Duration::from_secs(10);

/// Measures for as long as it is polled.
pub async fn keep_measuring(app: Arc<App>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for check in app.check_stores().await {
            gauge!("tessera_store_up", "store" => check.store).set(if check.failure.is_none() { 1.0 } else { 0.0 });
        }
        // While the ledger is away the last numbers stand, and tessera_store_up says so.
        let Ok(backlog) = app.backlog().await else { continue };
        let jobs = [("queued", backlog.jobs.queued), ("leased", backlog.jobs.leased), ("dead", backlog.jobs.dead)];
        for (state, count) in jobs {
            gauge!("tessera_jobs", "state" => state).set(count as f64);
        }
        for (state, count) in [("pending", backlog.events.pending), ("dead", backlog.events.dead)] {
            gauge!("tessera_outbox_events", "state" => state).set(count as f64);
        }
    }
}
