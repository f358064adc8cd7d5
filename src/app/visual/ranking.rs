//! The order of posts that look alike: likeness and engagement, one result for each picture, a mix of authors.

use std::collections::HashMap;
use tessera_domain::{PostId, UserId, counters::Counts};

/// What likeness counts (docs/functions.md, section 8).
const SIMILARITY_WEIGHT: f64 = 0.7;
const ENGAGEMENT_WEIGHT: f64 = 0.3;
/// What a comment adds to a post's engagement, in likes; as in what is popular.
const COMMENT_WEIGHT: f64 = 2.0;
/// Engagement counts in full from here on; below it by its logarithm, so that the first hundred likes say about as much
/// as the next ten thousand.
const FULL_ENGAGEMENT: f64 = 10_000.0;
/// Near-duplicates differ in at most so many of the 64 bits of their perceptual hashes…
const DUPLICATE_BITS: u32 = 4;
/// …and lie at nearly the same distance from the query.
const DUPLICATE_SIMILARITY: f32 = 0.05;
/// Posts of one author before the others' turn.
const PER_AUTHOR: usize = 3;

/// A post to be ranked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub post_id: PostId,
    pub author_id: UserId,
    pub similarity: f32,
    pub perceptual_hash: u64,
    pub counts: Counts,
}

/// A post in its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ranked {
    pub post_id: PostId,
    pub author_id: UserId,
    pub similarity: f32,
    pub score: f64,
    pub duplicates: usize,
}

/// Scores, groups near-duplicates under the best of them, sorts, and lets each author's fourth post and those after it
/// wait until all others had their turn.
pub(super) fn rank(candidates: &[Candidate]) -> Vec<Ranked> {
    let mut scored: Vec<(f64, &Candidate)> = candidates.iter().map(|candidate| (score(candidate), candidate)).collect();
    scored.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| other.post_id.cmp(&one.post_id)));
    let mut groups: Vec<(&Candidate, Ranked)> = Vec::new();
    for (score, candidate) in scored {
        match groups.iter_mut().find(|(best, _)| are_duplicates(best, candidate)) {
            Some((_, ranked)) => ranked.duplicates += 1,
            None => {
                let Candidate { post_id, author_id, similarity, .. } = *candidate;
                groups.push((candidate, Ranked { post_id, author_id, similarity, score, duplicates: 0 }));
            }
        }
    }
    let mut per_author: HashMap<UserId, usize> = HashMap::new();
    let (mut first, later): (Vec<Ranked>, Vec<Ranked>) =
        groups.into_iter().map(|(_, ranked)| ranked).partition(|ranked| {
            let count = per_author.entry(ranked.author_id).or_default();
            *count += 1;
            *count <= PER_AUTHOR
        });
    first.extend(later);
    first
}

fn score(candidate: &Candidate) -> f64 {
    let similarity = f64::from(candidate.similarity).clamp(0.0, 1.0);
    SIMILARITY_WEIGHT * similarity + ENGAGEMENT_WEIGHT * engagement(candidate.counts)
}

/// Likes and comments, scaled to 0..1.
fn engagement(counts: Counts) -> f64 {
    let engagements = counts.likes as f64 + COMMENT_WEIGHT * counts.comments as f64;
    (engagements.ln_1p() / FULL_ENGAGEMENT.ln_1p()).min(1.0)
}

fn are_duplicates(one: &Candidate, other: &Candidate) -> bool {
    (one.perceptual_hash ^ other.perceptual_hash).count_ones() <= DUPLICATE_BITS
        && (one.similarity - other.similarity).abs() <= DUPLICATE_SIMILARITY
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(post: u64, author: u64, similarity: f32, likes: u64) -> Candidate {
        Candidate {
            post_id: PostId(post),
            author_id: UserId(author),
            similarity,
            // Far apart in bits for every post.
            perceptual_hash: post.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            counts: Counts { likes, comments: 0 },
        }
    }

    fn order(candidates: &[Candidate]) -> Vec<u64> {
        rank(candidates).iter().map(|ranked| ranked.post_id.0).collect()
    }

    #[test]
    fn likeness_counts_more_than_engagement_and_engagement_decides_between_likes() {
        assert_eq!(order(&[candidate(1, 1, 0.9, 0), candidate(2, 2, 0.4, 10_000)]), [1, 2]);
        assert_eq!(order(&[candidate(1, 1, 0.80, 0), candidate(2, 2, 0.79, 100)]), [2, 1]);
        let best = rank(&[candidate(1, 1, 1.0, 1_000_000)]);
        assert!((best[0].score - 1.0).abs() < 1e-9, "the highest score is 1: {best:?}");
        let worst = rank(&[candidate(1, 1, -1.0, 0)]);
        assert!(worst[0].score.abs() < 1e-9, "the lowest is 0: {worst:?}");
    }

    #[test]
    fn near_duplicates_are_one_result_and_the_best_of_them_stands_for_all() {
        let mut copies = [candidate(1, 1, 0.95, 0), candidate(2, 2, 0.94, 50), candidate(3, 3, 0.5, 0)];
        copies[1].perceptual_hash = copies[0].perceptual_hash ^ 0b101;
        let ranked = rank(&copies);
        assert_eq!(
            ranked.iter().map(|ranked| (ranked.post_id.0, ranked.duplicates)).collect::<Vec<_>>(),
            [(2, 1), (3, 0)]
        );
        copies[1].similarity = 0.6;
        assert_eq!(rank(&copies).len(), 3, "equal hashes of pictures that do not look alike to the model are chance");
    }

    #[test]
    fn an_authors_fourth_post_waits_for_the_others() {
        let mut candidates: Vec<Candidate> =
            (1..=5).map(|post| candidate(post, 1, 0.9 - post as f32 / 100.0, 0)).collect();
        candidates.push(candidate(9, 2, 0.1, 0));
        assert_eq!(order(&candidates), [1, 2, 3, 9, 4, 5], "nobody is left out");
    }
}
