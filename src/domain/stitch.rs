//! Stitching: social, recommended and ad posts mixed by ratio (docs/functions.md, section 2).
//!
//! The ratios are normalised, the mix is spread evenly instead of drawn place by place, a source that runs
//! dry is filled up by the others, and ads never exceed their share nor follow one another.

use crate::{Invalid, feed::Candidate, hash::SeededRandom};
use serde::{Deserialize, Serialize};

/// Shares of the mix. They need not add up to one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FeedRatios {
    /// Followed people and celebrities together.
    pub social: f64,
    pub recommended: f64,
    pub ads: f64,
}

impl Default for FeedRatios {
    fn default() -> Self {
        Self { social: 0.6, recommended: 0.3, ads: 0.1 }
    }
}

impl FeedRatios {
    /// Normalised shares; refuses negative ones, nothing but zeros, and ads above one half.
    pub fn normalised(self) -> Result<Self, Invalid> {
        let parts = [self.social, self.recommended, self.ads];
        let sum: f64 = parts.iter().sum();
        if parts.iter().any(|part| !part.is_finite() || *part < 0.0) || sum <= 0.0 {
            return Err(Invalid::new("feed.ratios", "must be three numbers of at least 0 with a sum above 0"));
        }
        let ratios = Self { social: self.social / sum, recommended: self.recommended / sum, ads: self.ads / sum };
        if ratios.ads > 0.5 {
            return Err(Invalid::new("feed.ratios", "ads must be at most half of the feed"));
        }
        Ok(ratios)
    }
}

/// Mixes three ranked lists into one of at most `limit`, keeping the order within each list.
///
/// `ratios` are taken as given by [`FeedRatios::normalised`]. The same input and seed give the same
/// output; the seed only decides where in the first period each source begins. Complexity O(output).
pub fn stitch(
    social: Vec<Candidate>,
    recommended: Vec<Candidate>,
    ads: Vec<Candidate>,
    ratios: FeedRatios,
    seed: u64,
    limit: usize,
) -> Vec<Candidate> {
    let mut random = SeededRandom::new(seed);
    let places = limit.min(social.len() + recommended.len() + ads.len());
    let mut sources = [social, recommended, ads].map(Vec::into_iter);
    let shares = [ratios.social, ratios.recommended, ratios.ads];
    // Credit grows by each source's share with every place and is paid when one is taken. The seeded
    // start lies below zero, so that no source gets ahead of its share.
    let mut credit = shares.map(|share| share * random.next_f64() - share);
    let mut merged: Vec<Candidate> = Vec::with_capacity(places);
    let mut ads_taken = 0usize;
    let mut last_was_ad = true;
    while merged.len() < limit {
        for (credit, share) in credit.iter_mut().zip(shares) {
            *credit += share;
        }
        let content_left = sources[0].len() + sources[1].len() > 0;
        if !content_left {
            break;
        }
        let ad_is_due = !last_was_ad
            && sources[2].len() > 0
            && (ads_taken + 1) as f64 <= ratios.ads * (merged.len() + 1) as f64 + 1e-9;
        let social_first = credit[0] >= credit[1];
        let choice = match (sources[0].len() > 0, sources[1].len() > 0) {
            _ if ad_is_due => 2,
            (true, true) if social_first => 0,
            (true, true) => 1,
            (true, false) => 0,
            (false, _) => 1,
        };
        if let Some(candidate) = sources[choice].next() {
            credit[choice] -= 1.0;
            last_was_ad = choice == 2;
            ads_taken += usize::from(last_was_ad);
            merged.push(candidate);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AdId, PostId, UserId, feed::Source, recommendation::Reason};

    const RECOMMENDED: Source = Source::Recommended(Reason::Popular);
    const AD: Source = Source::Ad(AdId(7));

    fn list(source: Source, from: u64, count: u64) -> Vec<Candidate> {
        let candidate = |id| Candidate { post_id: PostId(id), author_id: UserId(1), source: source.clone() };
        (from..from + count).map(candidate).collect()
    }

    fn count(merged: &[Candidate], source: Source) -> usize {
        merged.iter().filter(|candidate| candidate.source == source).count()
    }

    #[test]
    fn the_mix_keeps_its_ratios_and_order() {
        let mixed = |seed| {
            let (social, recommended) = (list(Source::Following, 0, 500), list(RECOMMENDED, 1_000, 500));
            stitch(social, recommended, list(AD, 2_000, 500), FeedRatios::default(), seed, 100)
        };
        for seed in 0..50 {
            let merged = mixed(seed);
            assert_eq!(merged.len(), 100);
            assert!((9..=10).contains(&count(&merged, AD)), "seed {seed}");
            assert!((28..=32).contains(&count(&merged, RECOMMENDED)), "seed {seed}");
            assert!(merged.windows(2).all(|pair| pair.iter().any(|c| c.source != AD)), "seed {seed}");
            for prefix in 1..=100 {
                let ads = count(&merged[..prefix], AD);
                assert!(ads as f64 <= 0.1 * prefix as f64 + 1e-9, "seed {seed}, {ads} ads in {prefix}");
            }
            let order: Vec<_> = merged.iter().filter(|c| c.source == Source::Following).map(|c| c.post_id).collect();
            assert!(order.is_sorted(), "seed {seed}");
            assert_eq!(merged, mixed(seed), "seed {seed}");
        }
    }

    #[test]
    fn dry_sources_are_filled_up_but_never_by_ads() {
        let ads = list(AD, 2_000, 50);
        let (social, recommended) = (list(Source::Following, 0, 3), list(RECOMMENDED, 9, 30));
        let merged = stitch(social, recommended, ads.clone(), FeedRatios::default(), 7, 100);
        assert_eq!(count(&merged, Source::Following) + count(&merged, RECOMMENDED), 33);
        assert!(count(&merged, AD) <= 3);
        assert!(stitch(vec![], vec![], ads, FeedRatios::default(), 7, 100).is_empty());
    }

    #[test]
    fn ratios_are_normalised_and_nonsense_is_refused() {
        let ratios = FeedRatios { social: 0.7, recommended: 0.3, ads: 0.1 }.normalised().expect("valid");
        assert!((ratios.social + ratios.recommended + ratios.ads - 1.0).abs() < 1e-12);
        for (social, recommended, ads) in [(0.0, 0.0, 0.0), (-1.0, 1.0, 1.0), (f64::NAN, 1.0, 1.0), (0.1, 0.1, 0.9)] {
            assert!(FeedRatios { social, recommended, ads }.normalised().is_err());
        }
    }
}
