//! Measuring over a table in memory.

use super::*;
use std::{collections::BTreeSet, ops::Bound::*};

/// Posts with their likes (comments have none), and what their counters say.
#[derive(Default)]
struct Posts {
    existing: BTreeSet<i64>,
    likes: BTreeSet<(i64, i64)>,
    says: BTreeMap<i64, i64>,
    longest_step: usize,
    steps: usize,
}

impl Posts {
    fn with(likes: &[(i64, i64)]) -> Self {
        let mut posts = Self::default();
        for (post, count) in likes {
            posts.existing.insert(*post);
            posts.says.insert(*post, *count);
            posts.likes.extend((0..*count).map(|user| (*post, user)));
        }
        posts
    }

    /// Segments until none is left, and their corrections.
    async fn measure_all(&mut self) -> (Vec<i64>, Vec<Correction>) {
        let (mut ends, mut all, mut after) = (Vec::new(), Vec::new(), i64::MIN);
        while let Some((last, corrections)) = measure(self, Part::Posts, after).await.expect("measure") {
            assert!(last > after, "every segment goes on");
            ends.push(last);
            all.extend(corrections);
            after = last;
        }
        (ends, all)
    }
}

impl Snapshot for Posts {
    async fn owners(&mut self, _: Part, after: i64, most: usize) -> StoreResult<Vec<i64>> {
        Ok(self.existing.iter().copied().filter(|post| *post > after).take(most).collect())
    }

    async fn walk(&mut self, walk: &'static str, behind: (i64, i64), last: i64) -> StoreResult<Vec<WalkedRow>> {
        if !walk.contains("FROM likes") {
            return Ok(Vec::new());
        }
        let mut counted = BTreeMap::<i64, (i64, i64)>::new();
        let rows = self.likes.range((Excluded(behind), Unbounded)).take_while(|like| like.0 <= last);
        for (post, user) in rows.take(usize::try_from(STEP_ROWS).expect("small")) {
            let entry = counted.entry(*post).or_default();
            *entry = (entry.0 + 1, *user);
        }
        self.steps += 1;
        self.longest_step = self.longest_step.max(counted.values().map(|(count, _)| *count as usize).sum());
        Ok(counted.into_iter().map(|(post, (count, user))| (post, 0, count, user)).collect())
    }

    async fn counted(&mut self, _: Part, after: i64, last: i64) -> StoreResult<Vec<CountedRow>> {
        let says = self.says.iter().filter(|(post, _)| **post > after && **post <= last);
        Ok(says.map(|(post, likes)| (*post, 0, *likes, 0, 0)).collect())
    }
}

#[tokio::test]
async fn one_post_with_more_than_a_snapshots_rows_is_counted_in_steps() {
    let mut posts = Posts::with(&[(1, 30_000), (2, 3 * SEGMENT_ROWS), (3, 5), (4, 0)]);
    posts.says.insert(2, 7);
    posts.says.insert(4, -1);
    let (ends, corrections) = posts.measure_all().await;
    assert_eq!(ends, [2, 4], "the snapshot ends with the post at which it is full");
    let by = |owner, likes| Correction { owner, shard: 0, by: [likes, 0, 0] };
    assert_eq!(corrections, [by(2, 3 * SEGMENT_ROWS - 7), by(4, 1)]);
    assert!(posts.longest_step <= STEP_ROWS as usize && posts.steps > 30, "{} steps", posts.steps);
}

#[tokio::test]
async fn what_is_left_of_a_deleted_post_is_passed_over() {
    let mut posts = Posts::with(&[(1, 3 * SEGMENT_ROWS), (2, 10), (3, 2 * STEP_ROWS)]);
    posts.existing.remove(&1);
    posts.says.remove(&1);
    let (ends, corrections) = posts.measure_all().await;
    assert_eq!((ends.last(), corrections.len()), (Some(&3), 0));
    assert!(posts.steps < 10, "{} steps", posts.steps);
}

#[tokio::test]
async fn many_small_posts_are_measured_a_few_at_a_time() {
    let likes: Vec<(i64, i64)> = (1..=450).map(|post| (post, post % 7)).collect();
    let mut posts = Posts::with(&likes);
    posts.says.remove(&450);
    posts.says.insert(449, 100);
    let (ends, corrections) = posts.measure_all().await;
    assert_eq!(ends, [200, 400, 450]);
    assert_eq!(corrections.iter().map(|one| (one.owner, one.by[0])).collect::<Vec<_>>(), [(449, 1 - 100), (450, 2)]);
}
