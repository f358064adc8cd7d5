//! Counting anew while others write.
//!
//! Whatever changes a count moves it in the transaction that writes what it counts. So *by how much* a count is wrong
//! stays as it is, whoever writes meanwhile. It is measured in one snapshot, in which counts and what they count are
//! of the same moment, however many statements read it; and taken off afterwards, in a transaction of its own. Nobody
//! waits for the counting.
//!
//! A measure must be taken off once. A rebuild takes a number when it begins, and each of its corrections is written
//! only while that number is the last one given out; so a second rebuild ends the first, and measures what the first
//! has left.
//!
//! A snapshot covers the next posts or accounts until [`SEGMENT_ROWS`] rows were counted, and is held longer only for
//! one that has more; a statement reads [`STEP_ROWS`] rows at most.

use super::{Dialect, Pool, Scope, SqlLedger, Statement, Value, dialect, dialect::refused};
use std::collections::BTreeMap;
use tessera_ports::StoreResult;

/// The most posts or accounts in one snapshot, and in one transaction of corrections.
const SEGMENT_OWNERS: usize = 200;
/// A snapshot ends with the post or account at which this many rows were counted.
const SEGMENT_ROWS: i64 = 200_000;
/// The most rows that one statement counts; stands in the statements as well, so that they are planned for it.
const STEP_ROWS: i64 = 20_000;

/// Counts the next rows of a table behind the row `$2` of the owner `$1`, of owners up to `$3`; gives a [`WalkedRow`]
/// for each owner and shard. The rest of one owner and the next owners are apart because an index that ends in a
/// row's number is no help with both at once everywhere.
macro_rules! walk {
    ($table:literal, $owner:literal, $row:literal, $shard:literal) => {
        concat!(
            "SELECT owner, CAST(shard AS BIGINT), count(*), max(place) FROM (
                 SELECT * FROM (
                     SELECT ",
            $owner,
            " AS owner, ",
            $row,
            " AS place, ",
            $shard,
            " AS shard FROM ",
            $table,
            "
                     WHERE ",
            $owner,
            " = $1 AND ",
            $row,
            " > $2 ORDER BY ",
            $row,
            " LIMIT 20000) AS rest
                 UNION ALL SELECT * FROM (
                     SELECT ",
            $owner,
            " AS owner, ",
            $row,
            " AS place, ",
            $shard,
            " AS shard FROM ",
            $table,
            "
                     WHERE ",
            $owner,
            " > $1 AND ",
            $owner,
            " <= $3
                     ORDER BY ",
            $owner,
            ", ",
            $row,
            " LIMIT 20000) AS others
                 LIMIT 20000) AS step GROUP BY owner, shard"
        )
    };
}

/// What is counted anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The counters of posts: likes and comments.
    Posts,
    /// The counts of accounts: posts, followers and following.
    Accounts,
}

impl Part {
    pub const ALL: [Part; 2] = [Part::Posts, Part::Accounts];

    /// The next posts or accounts after `$1`.
    pub fn owners(self) -> &'static str {
        match self {
            Part::Posts => "SELECT id FROM posts WHERE id > $1 ORDER BY id LIMIT $2",
            Part::Accounts => "SELECT id FROM users WHERE id > $1 ORDER BY id LIMIT $2",
        }
    }

    /// What counts say for posts or accounts after `$1` up to `$2`, as [`CountedRow`]s.
    pub fn counted(self) -> &'static str {
        match self {
            Part::Posts => {
                "SELECT post_id, CAST(shard AS BIGINT), likes, comments, CAST(0 AS BIGINT) FROM counters
                 WHERE post_id > $1 AND post_id <= $2"
            }
            Part::Accounts => {
                "SELECT id, CAST(0 AS BIGINT), post_count, follower_count, following_count FROM users
                 WHERE id > $1 AND id <= $2"
            }
        }
    }

    /// One walk for each count, in their order.
    fn walks(self) -> &'static [&'static str] {
        match self {
            Part::Posts => {
                &[walk!("likes", "post_id", "user_id", "shard"), walk!("comments", "post_id", "id", "shard")]
            }
            Part::Accounts => &[
                walk!("posts", "author_id", "id", "0"),
                walk!("follows", "followee_id", "position", "0"),
                walk!("follows", "follower_id", "position", "0"),
            ],
        }
    }
}

/// An owner, its shard (0 for accounts) and what its counts say.
type CountedRow = (i64, i64, i64, i64, i64);
/// An owner, a shard, how many rows it has among those walked over, and the last one of them.
type WalkedRow = (i64, i64, i64, i64);

/// By how much the counts of an owner's shard are to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Correction {
    pub owner: i64,
    pub shard: i64,
    pub by: [i64; 3],
}

/// Reads of one moment.
trait Snapshot: Send {
    fn owners(&mut self, part: Part, after: i64, most: usize) -> impl Future<Output = StoreResult<Vec<i64>>> + Send;
    fn walk(
        &mut self,
        walk: &'static str,
        behind: (i64, i64),
        last: i64,
    ) -> impl Future<Output = StoreResult<Vec<WalkedRow>>> + Send;
    fn counted(
        &mut self,
        part: Part,
        after: i64,
        last: i64,
    ) -> impl Future<Output = StoreResult<Vec<CountedRow>>> + Send;
}

impl<S: dialect::Snapshot> Snapshot for S {
    async fn owners(&mut self, part: Part, after: i64, most: usize) -> StoreResult<Vec<i64>> {
        let owners: Vec<(i64,)> = self.fetch_all(Statement::of(part.owners()).bind(after).bind(most)).await?;
        Ok(owners.into_iter().map(|(id,)| id).collect())
    }

    async fn walk(&mut self, walk: &'static str, behind: (i64, i64), last: i64) -> StoreResult<Vec<WalkedRow>> {
        self.fetch_all(Statement::of(walk).bind(behind.0).bind(behind.1).bind(last)).await
    }

    async fn counted(&mut self, part: Part, after: i64, last: i64) -> StoreResult<Vec<CountedRow>> {
        self.fetch_all(Statement::of(part.counted()).bind(after).bind(last)).await
    }
}

/// Counts everything anew; returns how many rows were wrong.
pub(super) async fn rebuild<D: Dialect>(ledger: &SqlLedger<D>) -> StoreResult<u64> {
    // Ends an earlier rebuild.
    let next = sql!("UPDATE counter_rebuilds SET number = number + 1 RETURNING number");
    let numbers: Vec<(i64,)> = ledger.background.write_returning(next).await?;
    let number = numbers.first().map_or(0, |(number,)| *number);
    let mut wrong = 0;
    for part in Part::ALL {
        let mut after = i64::MIN;
        loop {
            let mut snapshot = ledger.background.snapshot().await?;
            let segment = measure(&mut snapshot, part, after).await?;
            drop(snapshot);
            let Some((last, corrections)) = segment else { break };
            if !corrections.is_empty() {
                let corrections = (number, part, corrections);
                wrong += ledger
                    .background
                    .transact(corrections, |scope, (number, part, corrections)| {
                        Box::pin(correct(scope, *number, *part, corrections))
                    })
                    .await?;
            }
            tracing::debug!(?part, after, last, wrong, "counted anew");
            after = last;
        }
    }
    Ok(wrong)
}

/// Moves counts of posts or accounts that still exist, unless another rebuild has begun; returns how many rows moved.
async fn correct<S: Scope>(scope: &mut S, rebuild: i64, part: Part, corrections: &[Correction]) -> StoreResult<u64> {
    // Held to the commit: the next rebuild begins after it, and measures what this has left.
    let current = sql!(
        "SELECT number FROM counter_rebuilds WHERE number = $1" {sqlite: "", postgres: " FOR SHARE"}
    );
    if scope.fetch_optional::<(i64,)>(current.bind(rebuild)).await?.is_none() {
        return Err(refused::<S>("another rebuild of the counters has begun; it goes on in place of this one"));
    }
    let correct = match part {
        Part::Posts => sql!(
            {sqlite: "WITH existing AS (SELECT id FROM posts)",
             postgres: "WITH existing AS MATERIALIZED (
                 SELECT id FROM posts WHERE id = ANY($1) ORDER BY id FOR KEY SHARE)"} "
             INSERT INTO counters AS old (post_id, shard, version, likes, comments)
             SELECT existing.id, delta.shard, 1, delta.likes, delta.comments
             FROM " [rows "$1" "$2" "$3" "$4" as "delta" ("post_id" "shard" "likes" "comments")] "
             JOIN existing ON existing.id = delta.post_id WHERE true ORDER BY existing.id, delta.shard
             ON CONFLICT (post_id, shard) DO UPDATE SET version = old.version + 1,
                 likes = old.likes + excluded.likes, comments = old.comments + excluded.comments"
        ),
        Part::Accounts => sql!(
            {sqlite: "WITH existing AS (SELECT id FROM users)",
             postgres: "WITH existing AS MATERIALIZED (
                 SELECT id FROM users WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE)"} "
             UPDATE users SET post_count = post_count + delta.posts, follower_count = follower_count + delta.followers,
                 following_count = following_count + delta.following
             FROM " [rows "$1" "$2" "$3" "$4" "$5" as "delta" ("id" "shard" "posts" "followers" "following")] "
             JOIN existing ON existing.id = delta.id WHERE users.id = delta.id AND delta.shard = 0"
        ),
    };
    let by = |place: usize| Value::from(corrections.iter().map(|one| one.by[place]).collect::<Vec<_>>());
    let owners = corrections.iter().map(|one| one.owner).collect::<Vec<_>>().into();
    let shards = corrections.iter().map(|one| one.shard).collect::<Vec<_>>().into();
    let mut columns = vec![owners, shards, by(0), by(1)];
    if part == Part::Accounts {
        columns.push(by(2));
    }
    scope.execute(correct.bind_rows(columns)).await
}

/// Measures how wrong the counts of the next posts or accounts after `after` are; gives the last one of them as well.
/// None where there are no more.
async fn measure(snapshot: &mut impl Snapshot, part: Part, after: i64) -> StoreResult<Option<(i64, Vec<Correction>)>> {
    let owners = snapshot.owners(part, after, SEGMENT_OWNERS).await?;
    let Some(mut last) = owners.last().copied() else { return Ok(None) };
    let mut by = BTreeMap::<(i64, i64), [i64; 3]>::new();
    let mut rows_walked = 0;
    for (place, walk) in part.walks().iter().enumerate() {
        let mut behind = (after, i64::MAX);
        loop {
            let rows = snapshot.walk(walk, behind, last).await?;
            let step_rows: i64 = rows.iter().map(|(_, _, count, _)| count).sum();
            for (owner, shard, count, _) in &rows {
                by.entry((*owner, *shard)).or_default()[place] += count;
            }
            let Some((owner, row)) = rows.iter().map(|(owner, _, _, row)| (*owner, *row)).max() else { break };
            if step_rows < STEP_ROWS {
                break;
            }
            // Of what is no post any more, but has rows left that are being purged, the others are passed over.
            behind = (owner, if owners.binary_search(&owner).is_ok() { row } else { i64::MAX });
            rows_walked += step_rows;
            if rows_walked >= SEGMENT_ROWS {
                last = last.min(owner);
            }
        }
    }
    for (owner, shard, one, two, three) in snapshot.counted(part, after, last).await? {
        let by = by.entry((owner, shard)).or_default();
        for (by, says) in by.iter_mut().zip([one, two, three]) {
            *by -= says;
        }
    }
    let wrong = by.into_iter().filter(|((owner, _), by)| {
        *owner <= last && by.iter().any(|by| *by != 0) && owners.binary_search(owner).is_ok()
    });
    let corrections = wrong.map(|((owner, shard), by)| Correction { owner, shard, by }).collect();
    Ok(Some((last, corrections)))
}

#[cfg(test)]
mod tests;
