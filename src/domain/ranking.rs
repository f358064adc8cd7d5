//! Ranking rules: the order of posts within their source, before stitching.
//!
//! The default rules keep followed posts in order of time, because that is what people who follow
//! somebody expect. How recommendations are ordered is in [`crate::recommendation`].

use crate::feed::Candidate;

/// Merges candidates of several sources into one list, newest first, each post once.
///
/// The first list that names a post decides its source, so pushed copies win over pulled ones.
pub fn newest_first<const N: usize>(lists: [Vec<Candidate>; N]) -> Vec<Candidate> {
    let mut merged: Vec<Candidate> = lists.into_iter().flatten().collect();
    // A stable sort keeps the order of the lists among equal ids.
    merged.sort_by_key(|candidate| std::cmp::Reverse(candidate.post_id));
    merged.dedup_by_key(|candidate| candidate.post_id);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PostId, UserId, feed::Source};

    fn candidate(post: u64, author: u64, source: Source) -> Candidate {
        Candidate { post_id: PostId(post), author_id: UserId(author), source }
    }

    #[test]
    fn pushed_and_pulled_copies_merge_into_one() {
        let pushed = vec![candidate(5, 1, Source::Following), candidate(3, 1, Source::Following)];
        let pulled = vec![candidate(5, 1, Source::Celebrity), candidate(4, 2, Source::Celebrity)];
        let merged = newest_first([pushed, pulled]);
        assert_eq!(merged.iter().map(|c| c.post_id.0).collect::<Vec<_>>(), [5, 4, 3]);
        assert_eq!(merged[0].source, Source::Following);
    }
}
