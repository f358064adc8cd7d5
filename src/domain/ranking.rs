//! Ranking rules: the order of posts within their source, before stitching.
//!
//! The default rules keep followed posts in order of time, because that is what people who follow
//! somebody expect, and order recommendations by their decayed popularity with section 6's business
//! rules: a bonus for posts under six hours, then at most two posts per author.

use crate::{Timestamp, UserId, feed::Candidate, time::HOUR_MS};
use std::collections::HashMap;

/// Added to the score of a post younger than [`FRESH_HOURS`] (section 6, rule 2).
pub const FRESHNESS_BONUS: f64 = 0.1;
/// Posts younger than this count as fresh.
pub const FRESH_HOURS: i64 = 6;
/// Most recommended posts per author in one feed (section 6, rule 1).
pub const MAX_PER_AUTHOR: usize = 2;

/// Merges candidates of several sources into one list, newest first, each post once.
///
/// The first list that names a post decides its source, so pushed copies win over pulled ones.
pub fn newest_first(lists: &[&[Candidate]]) -> Vec<Candidate> {
    let mut merged: Vec<Candidate> = lists.iter().flat_map(|list| list.iter().copied()).collect();
    // A stable sort keeps the order of the lists among equal ids.
    merged.sort_by_key(|candidate| std::cmp::Reverse(candidate.post_id));
    merged.dedup_by_key(|candidate| candidate.post_id);
    merged
}

/// Orders recommendations: popularity scaled to 0..1, the freshness bonus, then the author limit.
pub fn rank_recommended(scored: Vec<(Candidate, f64)>, now: Timestamp) -> Vec<Candidate> {
    let strongest = scored.iter().map(|(_, score)| *score).fold(f64::MIN_POSITIVE, f64::max);
    let mut adjusted: Vec<(Candidate, f64)> = scored
        .into_iter()
        .map(|(candidate, score)| {
            let fresh = now.since_ms(candidate.post_id.created_at()) < FRESH_HOURS * HOUR_MS;
            (candidate, score / strongest + if fresh { FRESHNESS_BONUS } else { 0.0 })
        })
        .collect();
    adjusted.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.post_id.cmp(&a.0.post_id)));
    let mut per_author: HashMap<UserId, usize> = HashMap::new();
    adjusted.retain(|(candidate, _)| {
        let count = per_author.entry(candidate.author_id).or_default();
        *count += 1;
        *count <= MAX_PER_AUTHOR
    });
    adjusted.into_iter().map(|(candidate, _)| candidate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PostId, feed::Source};

    fn candidate(post: u64, author: u64, source: Source) -> Candidate {
        Candidate { post_id: PostId(post), author_id: UserId(author), source }
    }

    #[test]
    fn pushed_and_pulled_copies_merge_into_one() {
        let pushed = [candidate(5, 1, Source::Following), candidate(3, 1, Source::Following)];
        let pulled = [candidate(5, 1, Source::Celebrity), candidate(4, 2, Source::Celebrity)];
        let merged = newest_first(&[&pushed, &pulled]);
        assert_eq!(merged.iter().map(|c| c.post_id.0).collect::<Vec<_>>(), [5, 4, 3]);
        assert_eq!(merged[0].source, Source::Following);
    }

    #[test]
    fn freshness_is_added_before_the_author_limit() {
        let now = Timestamp(crate::ids::ID_EPOCH_MS + 100 * HOUR_MS);
        let fresh = PostId::first_at(now.plus_ms(-HOUR_MS)).0;
        let old = PostId::first_at(now.plus_ms(-20 * HOUR_MS)).0;
        let scored = vec![
            (candidate(old, 7, Source::Recommended), 1.0),
            (candidate(old + 1, 7, Source::Recommended), 0.95),
            (candidate(fresh, 7, Source::Recommended), 0.97),
            (candidate(old + 2, 8, Source::Recommended), 0.1),
        ];
        let ranked: Vec<u64> = rank_recommended(scored, now).iter().map(|c| c.post_id.0).collect();
        assert_eq!(ranked, [fresh, old, old + 2], "the fresh post outranks and the author's third goes");
    }
}
