//! The shipped model on people it never saw, and training on a log of one's own.

use tessera_domain::{
    features::{FEATURE_NAMES, Feature, FeatureBatch, FeatureRow},
    impression::LogRecord,
};
use tessera_ports::RankingModel;
use tessera_ranking::{
    ModelFile, TrainError, TrainSettings, TreeModel,
    evaluate::{Report, evaluate},
    log::{Dataset, Example},
    train,
};
use tessera_ranking_simulation::{SimulationSettings, simulate};

/// A small population; 1 to 9 are the seeds of training, so these are strangers.
fn small(seed: u64, shuffled_share: f64) -> Dataset {
    let settings = SimulationSettings {
        seed,
        people: 400,
        days: 5,
        warm_up_days: 3,
        shuffled_share,
        ..SimulationSettings::default()
    };
    let mut dataset = Dataset::new(1_000_000);
    simulate(&settings, |record| dataset.add(record));
    dataset
}

fn assert_beats_baselines(report: &Report) {
    let model = report.ranking("model").expect("the model");
    for name in ["popular now", "most liked", "newest", "chance"] {
        let baseline = report.ranking(name).expect("a baseline");
        assert!(model.auc.low > baseline.auc.high, "AUC beside {name}: {report:?}");
        assert!(model.ndcg_at_10.low > baseline.ndcg_at_10.high, "NDCG@10 beside {name}: {report:?}");
    }
}

#[test]
fn the_shipped_model_beats_the_baselines_on_strangers() {
    let model = TreeModel::shipped().expect("the shipped model loads");
    let dataset = small(4_711, 1.0);
    let examples: Vec<&Example> = dataset.examples().collect();
    let report = evaluate(&model, &examples, 1).expect("a report");
    assert_beats_baselines(&report);
    // The figures of docs/ranking.md, with room.
    let shipped = report.ranking("model").expect("the model");
    assert!(shipped.auc.value > 0.67 && shipped.ndcg_at_10.value > 0.36, "{report:?}");
    assert!(report.calibration.error < 0.06, "{report:?}");
}

#[test]
fn scores_are_finite_whatever_the_rows_hold() {
    let model = TreeModel::shipped().expect("the shipped model loads");
    let mut batch = FeatureBatch::default();
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 0.0, -0.0] {
        batch.push(&FeatureRow([value; FEATURE_NAMES.len()]));
    }
    let scores = model.score(&batch).expect("scores");
    assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)), "{scores:?}");
}

#[test]
fn training_is_repeatable_and_learns() {
    // Through the lines of a log, as the command reads them.
    let mut lines = Vec::new();
    let settings =
        SimulationSettings { seed: 21, people: 400, days: 6, warm_up_days: 2, ..SimulationSettings::default() };
    simulate(&settings, |record: LogRecord| {
        serde_json::to_writer(&mut lines, &record).expect("JSON");
        lines.push(b'\n');
    });
    let mut dataset = Dataset::new(1_000_000);
    dataset.read(&lines[..]).expect("memory is readable");
    let counts = dataset.counts();
    assert_eq!((counts.malformed, counts.unmatched, counts.other_feature_set), (0, 0, 0));
    let settings = TrainSettings { trees: 40, ..TrainSettings::default() };
    let file = train(&dataset, &settings, |_, _| {}).expect("a model");
    let bytes = file.to_bytes().expect("JSON");
    let again = train(&dataset, &settings, |_, _| {}).expect("a model").to_bytes().expect("JSON");
    assert!(bytes == again, "the same log and seed give the same file");
    let strangers = small(815, 1.0);
    let examples: Vec<&Example> = strangers.examples().collect();
    assert_beats_baselines(&evaluate(&TreeModel::load(&bytes).expect("loads"), &examples, 1).expect("a report"));
}

#[test]
fn a_short_log_is_refused() {
    let error = train(&Dataset::new(10), &TrainSettings::default(), |_, _| {}).expect_err("nothing to learn");
    assert!(matches!(error, TrainError::TooFew { impressions: 0, engaged: 0 }), "{error}");
}

/// Engagements that depend on the place alone must not make what stands first look good.
#[test]
fn the_place_does_not_leak_into_the_model() {
    let mut dataset = Dataset::new(1_000_000);
    let mut engaged = Vec::new();
    simulate(&SimulationSettings { seed: 31, people: 200, days: 4, ..SimulationSettings::default() }, |record| {
        let LogRecord::Impression(mut impression) = record else { return };
        // Popular posts stand first, and only first places are engaged with.
        let likes = &mut impression.features[Feature::RecentLikesLog as usize];
        *likes = Some(5.0 - impression.position as f32 / 10.0 + (impression.post_id.0 % 7) as f32 / 3.0);
        if impression.position < 4 {
            engaged.push((impression.viewer_id, impression.post_id, impression.at));
        }
        dataset.add(LogRecord::Impression(impression));
    });
    for (viewer_id, post_id, at) in engaged {
        let kind = tessera_domain::impression::EngagementKind::Like;
        dataset.add(LogRecord::Engagement(tessera_domain::impression::Engagement { viewer_id, post_id, kind, at }));
    }
    let settings = TrainSettings { trees: 30, feature_share: 1.0, ..TrainSettings::default() };
    let file = train(&dataset, &settings, |_, _| {}).expect("a model");
    let asked: usize = file.trees.iter().map(|tree| tree.splits.len()).sum();
    assert!(asked <= 20, "the place explains everything, features next to nothing: {:?}", file.card.splits_by_feature);
}

#[test]
fn every_feature_is_documented_and_the_shipped_file_is_the_writers() {
    let text = include_str!("../../../docs/ranking.md");
    for name in FEATURE_NAMES {
        assert!(text.contains(&format!("`{name}`")), "docs/ranking.md does not tell of {name}");
    }
    let shipped = include_bytes!("../../ranking/models/default.json");
    let file = ModelFile::parse(shipped).expect("the shipped model is one");
    assert!(file.to_bytes().expect("JSON") == shipped, "written by `train_default`");
}
