//! Recommendations: where candidates come from, why one is shown, and the business rules
//! (docs/functions.md, section 6).

use crate::{Timestamp, UserId, post::PostRef, time::HOUR_MS};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fmt,
    ops::{BitOr, BitOrAssign},
};

/// Added to the score of a post younger than [`FRESH_HOURS`] (docs/functions.md, section 6).
pub const FRESHNESS_BONUS: f64 = 0.1;
/// Posts younger than this count as fresh.
pub const FRESH_HOURS: i64 = 6;
/// Most recommended posts per author in one feed (docs/functions.md, section 6).
pub const MAX_PER_AUTHOR: usize = 2;
/// Taken from the score of a post similar to what the viewer saw lately.
pub const SIMILARITY_PENALTY: f64 = 0.05;

/// Which of the four sources brought a candidate; several may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CandidateSources(u8);

impl CandidateSources {
    /// People who like the same.
    pub const SIMILAR_USERS: Self = Self(1);
    /// What is popular now.
    pub const POPULAR: Self = Self(2);
    pub const TRENDING: Self = Self(4);
    /// What looks like what the viewer liked.
    pub const VISUAL: Self = Self(8);

    /// Whether all of `other` are among them.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for CandidateSources {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for CandidateSources {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// Why a post is recommended. [`fmt::Display`] says it in words.
///
/// It stands in snapshots of feeds and travels between nodes: variants are only added, at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// People who like what the viewer likes also like it.
    SimilarUsers,
    /// Many like it now.
    Popular,
    /// It carries a trending hashtag.
    Trending {
        hashtag: Box<str>,
    },
    /// It carries a hashtag that the viewer follows.
    FollowedHashtag {
        hashtag: Box<str>,
    },
    /// It looks like something that the viewer liked.
    LooksLike {
        /// Which post that was.
        liked: crate::PostId,
    },
    New,
}

impl Reason {
    /// The word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SimilarUsers => "similar_users",
            Self::Popular => "popular",
            Self::Trending { .. } => "trending",
            Self::FollowedHashtag { .. } => "followed_hashtag",
            Self::LooksLike { .. } => "looks_like",
            Self::New => "new",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SimilarUsers => f.write_str("people who like what you like also liked this"),
            Self::Popular => f.write_str("popular now"),
            Self::Trending { hashtag } => write!(f, "trending in #{hashtag}"),
            Self::FollowedHashtag { hashtag } => write!(f, "because you follow #{hashtag}"),
            Self::LooksLike { .. } => f.write_str("looks like something you liked"),
            Self::New => f.write_str("new here"),
        }
    }
}

/// A candidate with the model's score.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredCandidate {
    /// Which post, and whose.
    pub post: PostRef,
    /// The model's score, 0 to 1.
    pub score: f64,
    /// Why it may be shown.
    pub reason: Reason,
    /// Whether it looks like what the viewer saw lately.
    pub is_similar_to_seen: bool,
}

/// Applies the business rules: the scores are adjusted first (+0.1 under six hours, -0.05
/// where similar to what was seen lately), then sorted, then at most two posts per author stay. Best first; a score
/// that is no number counts as the worst; of equal scores the newer post comes first.
pub fn apply_business_rules(mut scored: Vec<ScoredCandidate>, now: Timestamp) -> Vec<ScoredCandidate> {
    for candidate in &mut scored {
        let is_fresh = now.since_ms(candidate.post.post_id.created_at()) < FRESH_HOURS * HOUR_MS;
        let bonus = if is_fresh { FRESHNESS_BONUS } else { 0.0 };
        let penalty = if candidate.is_similar_to_seen { SIMILARITY_PENALTY } else { 0.0 };
        let score = if candidate.score.is_nan() { f64::NEG_INFINITY } else { candidate.score };
        candidate.score = score + bonus - penalty;
    }
    scored.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.post.post_id.cmp(&a.post.post_id)));
    let mut per_author: HashMap<UserId, usize> = HashMap::new();
    scored.retain(|candidate| {
        let count = per_author.entry(candidate.post.author_id).or_default();
        *count += 1;
        *count <= MAX_PER_AUTHOR
    });
    scored
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PostId;

    fn now() -> Timestamp {
        Timestamp(crate::ids::ID_EPOCH_MS + 100 * HOUR_MS)
    }

    /// A post of `author`, `age_hours` old.
    fn candidate(age_hours: i64, author: u64, score: f64) -> ScoredCandidate {
        let post_id = PostId(PostId::first_at(now().plus_ms(-age_hours * HOUR_MS)).0 + author);
        let post = PostRef { post_id, author_id: UserId(author) };
        ScoredCandidate { post, score, reason: Reason::Popular, is_similar_to_seen: false }
    }

    fn authors(ranked: &[ScoredCandidate]) -> Vec<u64> {
        ranked.iter().map(|candidate| candidate.post.author_id.0).collect()
    }

    #[test]
    fn scores_are_adjusted_before_they_are_sorted() {
        let mut similar = candidate(20, 3, 0.54);
        similar.is_similar_to_seen = true;
        let ranked = apply_business_rules(vec![candidate(20, 1, 0.5), similar, candidate(5, 2, 0.45)], now());
        assert_eq!(authors(&ranked), [2, 1, 3]);
        assert!((ranked[0].score - 0.55).abs() < 1e-9 && (ranked[2].score - 0.49).abs() < 1e-9);
    }

    #[test]
    fn six_hours_are_no_longer_fresh() {
        let ranked = apply_business_rules(vec![candidate(6, 1, 0.5)], now());
        assert!((ranked[0].score - 0.5).abs() < 1e-9);
    }

    #[test]
    fn the_author_limit_keeps_the_best_after_adjustment() {
        let posts = vec![candidate(30, 7, 0.9), candidate(20, 7, 0.85), candidate(1, 7, 0.84), candidate(9, 8, 0.1)];
        let ranked = apply_business_rules(posts, now());
        assert_eq!(authors(&ranked), [7, 7, 8]);
        assert!((ranked[0].score - 0.94).abs() < 1e-9, "the fresh one counts: {ranked:?}");
    }

    #[test]
    fn a_score_that_is_no_number_comes_last() {
        let ranked = apply_business_rules(vec![candidate(9, 1, f64::NAN), candidate(9, 2, -1.0)], now());
        assert_eq!(authors(&ranked), [2, 1]);
    }

    #[test]
    fn sources_add_up() {
        let mut sources = CandidateSources::POPULAR | CandidateSources::VISUAL;
        sources |= CandidateSources::TRENDING;
        assert!(sources.contains(CandidateSources::VISUAL) && !sources.contains(CandidateSources::SIMILAR_USERS));
    }
}
