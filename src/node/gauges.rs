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
        for check in app.operators.check_stores().await {
            gauge!("tessera_store_up", "store" => check.store).set(if check.failure.is_none() { 1.0 } else { 0.0 });
        }
        for shard in app.operators.visual_index().await {
            let posts: u64 = shard.models.iter().map(|model| model.live).sum();
            let segments: u64 = shard.models.iter().map(|model| model.segments).sum();
            let buffered: u64 = shard.models.iter().map(|model| model.buffered).sum();
            let label = ("shard", shard.shard.to_string());
            gauge!("tessera_visual_posts", std::slice::from_ref(&label)).set(posts as f64);
            gauge!("tessera_visual_segments", std::slice::from_ref(&label)).set(segments as f64);
            gauge!("tessera_visual_buffered", std::slice::from_ref(&label)).set(buffered as f64);
            gauge!("tessera_visual_complete", std::slice::from_ref(&label)).set(if shard.complete { 1.0 } else { 0.0 });
            if let Some(recall) = shard.models.iter().filter_map(|model| model.recall).reduce(f32::min) {
                gauge!("tessera_visual_recall", &[label]).set(f64::from(recall));
            }
        }
        // While the ledger is away the last numbers stand, and tessera_store_up says so.
        let Ok(backlog) = app.operators.backlog().await else { continue };
        let jobs = [("queued", backlog.jobs.queued), ("leased", backlog.jobs.leased), ("dead", backlog.jobs.dead)];
        for (state, count) in jobs {
            gauge!("tessera_jobs", "state" => state).set(count as f64);
        }
        for (state, count) in [("pending", backlog.events.pending), ("dead", backlog.events.dead)] {
            gauge!("tessera_outbox_events", "state" => state).set(count as f64);
        }
    }
}
