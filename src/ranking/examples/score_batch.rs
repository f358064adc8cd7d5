//! How long scoring a batch of 1,000 candidates takes: `cargo run --release -p tessera-ranking --example score_batch`.

use std::{error::Error, hint::black_box, time::Instant};
use tessera_domain::features::{CandidateFacts, FeatureBatch, FeatureRow, ViewerFacts};
use tessera_domain::{PostId, Timestamp, UserId, hash::SeededRandom, recommendation::CandidateSources};
use tessera_ports::RankingModel;
use tessera_ranking::TreeModel;

const ROWS: usize = 1_000;
const ROUNDS: usize = 2_000;

fn main() -> Result<(), Box<dyn Error>> {
    let model = TreeModel::shipped()?;
    let mut random = SeededRandom::new(1);
    let now = Timestamp(1_790_000_000_000);
    let viewer = ViewerFacts { at: now, recent_likes: Some(40), following: Some(60), ..ViewerFacts::default() };
    let candidates: Vec<CandidateFacts> = (0..ROWS)
        .map(|_| {
            let age_ms = (random.next_f64() * 3e8) as i64;
            let mut facts =
                CandidateFacts::new(PostId::first_at(now.plus_ms(-age_ms)), UserId(1), CandidateSources::POPULAR);
            facts.likes = Some((random.next_f64() * 500.0) as u64);
            facts.visual_similarity = Some(random.next_f64() as f32);
            facts.co_like_strength = Some(random.next_f64());
            facts
        })
        .collect();
    let (mut assembled, mut scored) = (Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut batch = FeatureBatch::with_capacity(ROWS);
        candidates.iter().for_each(|facts| batch.push(&FeatureRow::new(&viewer, black_box(facts))));
        assembled.push(start.elapsed());
        let start = Instant::now();
        black_box(model.score(black_box(&batch))?);
        scored.push(start.elapsed());
    }
    println!("{} trees, {ROWS} rows, {ROUNDS} rounds, one thread", model.tree_count());
    for (name, mut times) in [("features", assembled), ("scores", scored)] {
        times.sort_unstable();
        let at = |share: f64| times[((ROUNDS - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
        println!("{name}: median {:.0} us, p99 {:.0} us", at(0.5), at(0.99));
    }
    Ok(())
}
