//! How good a ranking is: AUC, NDCG@10 and calibration, with 95 % intervals, beside simpler rankings.
//!
//! Intervals are percentiles of a bootstrap over viewers (Efron, 1979): a person's impressions hang together, so people
//! are drawn anew and not impressions. All rankings are measured on the same draws.

use crate::log::Example;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use tessera_domain::{
    UserId,
    features::{Feature, FeatureBatch},
    hash::SeededRandom,
};
use tessera_ports::{RankingError, RankingModel};

/// Places of a list that NDCG looks at.
const NDCG_PLACES: usize = 10;
/// Draws of the bootstrap.
const DRAWS: usize = 300;
/// Groups of like scores whose promise is compared with what came of it.
const CALIBRATION_GROUPS: usize = 10;

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// On all of the data.
    pub value: f64,
    /// 2.5 % of the draws are below.
    pub low: f64,
    /// 2.5 % of the draws are above.
    pub high: f64,
}

/// How good one ranking is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankingFigures {
    pub name: String,
    /// How likely an impression that was engaged with stands above one that was not, over all pairs.
    pub auc: Interval,
    /// Mean over lists with an engagement of the normalised discounted gain of the first ten places (Järvelin and
    /// Kekäläinen, 2002).
    pub ndcg_at_10: Interval,
}

/// Whether scores mean what they promise, on impressions in first place, for which they are made.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Impressions in first place.
    pub impressions: usize,
    pub promised: f64,
    /// Share that was engaged with.
    pub observed: f64,
    /// Mean distance of the two over ten groups of like scores (expected calibration error).
    pub error: f64,
}

/// Figures of a model and of simpler rankings on the same impressions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    pub viewers: usize,
    pub lists: usize,
    pub impressions: usize,
    /// Impressions that were engaged with.
    pub engaged: usize,
    /// The model first, then the baselines.
    pub rankings: Vec<RankingFigures>,
    pub calibration: Calibration,
}

impl Report {
    /// The figures of the ranking called `name`.
    pub fn ranking(&self, name: &str) -> Option<&RankingFigures> {
        self.rankings.iter().find(|ranking| ranking.name == name)
    }
}

/// Measures `model` beside what is popular now (the decayed window that the product falls back to), what is most liked,
/// what is newest, and chance. Same examples and seed, same report.
///
/// # Errors
/// Where the model fails.
pub fn evaluate(model: &dyn RankingModel, examples: &[&Example], seed: u64) -> Result<Report, RankingError> {
    let mut batch = FeatureBatch::with_capacity(examples.len());
    examples.iter().for_each(|example| batch.push(&example.row));
    let scores = model.score(&batch)?;
    let feature = |feature: Feature, sign: f32| -> Vec<f32> {
        let values = examples.iter().map(|example| sign * example.row.get(feature));
        values.map(|value| if value.is_nan() { f32::NEG_INFINITY } else { value }).collect()
    };
    let mut random = SeededRandom::new(seed);
    let chance: Vec<f32> = examples.iter().map(|_| random.next_f64() as f32).collect();
    let sample = Sample::new(examples, &mut random);
    let rankings = [
        ("model", &scores),
        ("popular now", &feature(Feature::RecentLikesLog, 1.0)),
        ("most liked", &feature(Feature::LikesLog, 1.0)),
        ("newest", &feature(Feature::AgeHours, -1.0)),
        ("chance", &chance),
    ];
    Ok(Report {
        viewers: sample.viewers,
        lists: sample.lists.len(),
        impressions: examples.len(),
        engaged: examples.iter().filter(|example| example.is_engaged).count(),
        rankings: rankings.into_iter().map(|(name, scores)| sample.measure(name, scores)).collect(),
        calibration: calibration(examples, &scores),
    })
}

/// The impressions, by list and by viewer, and how often each draw drew each viewer.
struct Sample<'a> {
    examples: &'a [&'a Example],
    /// The viewer's number, of each impression.
    viewer_of: Vec<usize>,
    viewers: usize,
    /// Impressions of each list.
    lists: Vec<Vec<usize>>,
    draws: Vec<Vec<u32>>,
}

impl<'a> Sample<'a> {
    fn new(examples: &'a [&'a Example], random: &mut SeededRandom) -> Self {
        let mut numbers: HashMap<UserId, usize> = HashMap::new();
        let mut lists: BTreeMap<(usize, u64), Vec<usize>> = BTreeMap::new();
        let mut viewer_of = Vec::with_capacity(examples.len());
        for (index, example) in examples.iter().enumerate() {
            let next = numbers.len();
            let viewer = *numbers.entry(example.viewer_id).or_insert(next);
            viewer_of.push(viewer);
            lists.entry((viewer, example.list_id)).or_default().push(index);
        }
        let viewers = numbers.len();
        let draws = (0..DRAWS).map(|_| draw(viewers, random)).collect();
        Self { examples, viewer_of, viewers, lists: lists.into_values().collect(), draws }
    }

    fn measure(&self, name: &str, scores: &[f32]) -> RankingFigures {
        let mut by_score: Vec<usize> = (0..scores.len()).collect();
        by_score.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        let gains = self.gains(scores);
        RankingFigures {
            name: name.to_owned(),
            auc: self.interval(|times| self.auc(&by_score, scores, times)),
            ndcg_at_10: self.interval(|times| {
                let weighted = |of: fn(&(usize, f64)) -> f64| -> f64 {
                    gains.iter().map(|gain| f64::from(times[gain.0]) * of(gain)).sum()
                };
                weighted(|gain| gain.1) / weighted(|_| 1.0).max(1.0)
            }),
        }
    }

    /// The figure on all of the data, and between which values the draws put it.
    fn interval(&self, figure: impl Fn(&[u32]) -> f64) -> Interval {
        let mut drawn: Vec<f64> = self.draws.iter().map(|times| figure(times)).collect();
        drawn.sort_by(f64::total_cmp);
        let at = |share: f64| drawn[((drawn.len() - 1) as f64 * share).round() as usize];
        Interval { value: rounded(figure(&vec![1; self.viewers])), low: rounded(at(0.025)), high: rounded(at(0.975)) }
    }

    /// By the rank sum (Mann and Whitney, 1947), each impression as often as its viewer was drawn; ties count half.
    fn auc(&self, by_score: &[usize], scores: &[f32], times: &[u32]) -> f64 {
        let (mut below, mut pairs, mut engaged) = (0.0, 0.0, 0.0);
        for tied in by_score.chunk_by(|a, b| scores[*a] == scores[*b]) {
            let (mut with, mut without) = (0.0, 0.0);
            for index in tied {
                let weight = f64::from(times[self.viewer_of[*index]]);
                if self.examples[*index].is_engaged { with += weight } else { without += weight }
            }
            pairs += with * (below + without / 2.0);
            engaged += with;
            below += without;
        }
        if engaged * below > 0.0 { pairs / (engaged * below) } else { 0.5 }
    }

    /// The viewer and NDCG@10 of each list in which something was engaged with.
    fn gains(&self, scores: &[f32]) -> Vec<(usize, f64)> {
        let discount = |place: usize| 1.0 / (place as f64 + 2.0).log2();
        let mut gains = Vec::new();
        for list in &self.lists {
            let engaged = list.iter().filter(|index| self.examples[**index].is_engaged).count();
            if engaged == 0 {
                continue;
            }
            let mut ranked = list.clone();
            // Ties must not go by the logged order, which knew more than the scores.
            let tie = |index: usize| tessera_domain::hash::stable_hash_u64(index as u64, 7);
            ranked.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(tie(*a).cmp(&tie(*b))));
            let ranked = ranked.iter().take(NDCG_PLACES).enumerate();
            let gained: f64 =
                ranked.filter(|(_, index)| self.examples[**index].is_engaged).map(|(place, _)| discount(place)).sum();
            let best: f64 = (0..engaged.min(NDCG_PLACES)).map(discount).sum();
            gains.push((self.viewer_of[list[0]], gained / best));
        }
        gains
    }
}

/// How often each of `viewers` comes up in as many draws with replacement.
fn draw(viewers: usize, random: &mut SeededRandom) -> Vec<u32> {
    let mut times = vec![0; viewers];
    for _ in 0..viewers {
        times[(random.next_f64() * viewers as f64) as usize] += 1;
    }
    times
}

fn calibration(examples: &[&Example], scores: &[f32]) -> Calibration {
    let mut first: Vec<(f64, f64)> = examples
        .iter()
        .zip(scores)
        .filter(|(example, _)| example.position == 0)
        .map(|(example, score)| (f64::from(*score), f64::from(u8::from(example.is_engaged))))
        .collect();
    if first.is_empty() {
        return Calibration::default();
    }
    first.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total = first.len() as f64;
    let sums = |group: &[(f64, f64)]| group.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let groups = first.chunks(first.len().div_ceil(CALIBRATION_GROUPS));
    let error = groups.map(|group| (sums(group).0 - sums(group).1).abs()).sum::<f64>() / total;
    let (promised, observed) = sums(&first);
    Calibration {
        impressions: first.len(),
        promised: rounded(promised / total),
        observed: rounded(observed / total),
        error: rounded(error),
    }
}

/// To six decimals: further ones say nothing, and would not all survive being written and read.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_domain::{
        Timestamp,
        features::{FEATURE_COUNT, FeatureRow},
    };

    /// Gives every row its number of likes as the score.
    struct ByLikes;

    impl RankingModel for ByLikes {
        fn version(&self) -> &str {
            "by likes"
        }

        fn feature_names(&self) -> Vec<&'static str> {
            vec![Feature::LikesLog.name()]
        }

        fn score(&self, batch: &FeatureBatch) -> Result<Vec<f32>, RankingError> {
            Ok((0..batch.len()).map(|row| batch.row(row)[Feature::LikesLog as usize]).collect())
        }
    }

    fn example(viewer: u64, position: u32, likes: f32, is_engaged: bool) -> Example {
        let mut row = FeatureRow([f32::NAN; FEATURE_COUNT]);
        row.0[Feature::LikesLog as usize] = likes;
        Example { viewer_id: UserId(viewer), list_id: 1, position, at: Timestamp(0), row, is_engaged }
    }

    fn report(examples: &[Example]) -> Report {
        let examples: Vec<&Example> = examples.iter().collect();
        evaluate(&ByLikes, &examples, 1).expect("a report")
    }

    #[test]
    fn figures_are_those_worked_out_by_hand() {
        // Ranked 0.9, 0.5, 0.5, 0.1; engaged are the first and the last: of four pairs two are right, none is tied.
        let report = report(&[
            example(1, 0, 0.9, true),
            example(1, 1, 0.5, false),
            example(1, 2, 0.5, false),
            example(1, 3, 0.1, true),
        ]);
        let model = report.ranking("model").expect("the model");
        assert!((model.auc.value - 0.5).abs() < 1e-6);
        let expected = (1.0 + 1.0 / 5f64.log2()) / (1.0 + 1.0 / 3f64.log2());
        assert!((model.ndcg_at_10.value - expected).abs() < 1e-6);
        assert_eq!((report.viewers, report.lists, report.impressions, report.engaged), (1, 1, 4, 2));
        let first = report.calibration;
        assert_eq!((first.impressions, first.observed), (1, 1.0));
        assert!((first.error - 0.1).abs() < 1e-6);
    }

    #[test]
    fn ties_count_half_and_intervals_hold_the_value() {
        let examples: Vec<Example> =
            (0..400).map(|index| example(index / 4, (index % 4) as u32, 0.5, index % 3 == 0)).collect();
        let report = report(&examples);
        assert_eq!(report.ranking("model").expect("the model").auc.value, 0.5);
        let chance = report.ranking("chance").expect("chance").auc;
        assert!(chance.low < chance.value && chance.value < chance.high, "{chance:?}");
        assert!(chance.low < 0.5 && 0.5 < chance.high, "{chance:?}");
        assert_eq!(report, super::evaluate(&ByLikes, &examples.iter().collect::<Vec<_>>(), 1).expect("a report"));
    }
}
