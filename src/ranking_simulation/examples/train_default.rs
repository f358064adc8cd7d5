//! Trains the model that the product ships with, on simulated populations, and prints its card.
//!
//! `cargo run -p tessera-ranking-simulation --example train_default [FILE]`; without a file it only prints. The same
//! command gives the same file on every machine of one kind.

use std::{error::Error, time::Instant};
use tessera_ranking::{
    TreeModel,
    evaluate::{Report, evaluate},
    log::{Dataset, Example},
};
use tessera_ranking_simulation::{SimulationSettings, simulate, train_simulated};

fn main() -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let file = train_simulated(1, |tree, loss| {
        if tree % 20 == 0 {
            println!("tree {tree}: validation loss {loss:.5}");
        }
    })?;
    println!("trained in {:.1} s: {} trees", started.elapsed().as_secs_f64(), file.trees.len());
    println!("{:?}", file.card.splits_by_feature);
    println!("held-out people and days of the training population, in the order that they were shown:");
    print(&file.card.held_out);
    let bytes = file.to_bytes()?;
    let model = TreeModel::load(&bytes)?;
    for seed in [201, 202, 203] {
        let settings =
            SimulationSettings { seed, people: 600, days: 5, shuffled_share: 1.0, ..SimulationSettings::default() };
        let mut dataset = Dataset::new(usize::MAX);
        simulate(&settings, |record| dataset.add(record));
        let examples: Vec<&Example> = dataset.examples().collect();
        println!("fresh population {seed}, lists in random order:");
        print(&evaluate(&model, &examples, seed)?);
    }
    if let Some(path) = std::env::args().nth(1) {
        std::fs::write(&path, &bytes)?;
        println!("{path}: {} bytes", bytes.len());
    }
    Ok(())
}

fn print(report: &Report) {
    let Report { viewers, lists, impressions, engaged, calibration, .. } = report;
    println!("  {viewers} people, {lists} lists, {impressions} impressions, {engaged} engaged");
    for ranking in &report.rankings {
        let (auc, ndcg) = (ranking.auc, ranking.ndcg_at_10);
        println!(
            "  {:12} AUC {:.3} [{:.3}, {:.3}]  NDCG@10 {:.3} [{:.3}, {:.3}]",
            ranking.name, auc.value, auc.low, auc.high, ndcg.value, ndcg.low, ndcg.high
        );
    }
    println!("  first places: {calibration:?}");
}
