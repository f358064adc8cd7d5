//! The hot store in Redis 7: one server, a master under sentinels, or a cluster.
//!
//! | key | holds | lives |
//! |---|---|---|
//! | `tessera:{post}:post1:run` | a post's copy (`post_codec`), or the tombstone of one | 1 h; 1 min |
//! | `tessera:{post}:counts1:run` | a post's counter mirror (`mirror_codec`) | 10 min from its fill; 1 min before it |
//! | `tessera:{u‹user›}:timeline` | a timeline's snapshot | 24 h |
//! | `tessera:{upload}:progress` | percent | 1 h |
//!
//! Every key has an end, so Redis needs room for what is used in that time; with less, let it evict
//! (`maxmemory-policy allkeys-lru`). It should keep nothing on disk: what a file brings back is old.
//!
//! **No wrong counts.** A mirror begins when [`HotStore::counts`] finds none: the asking leaves a mark, rows that
//! move from then on are merged into it out of sight, and only where the mark still stands does a fill make it a
//! mirror. So a fill that read the ledger before a FLUSHALL, an eviction or a restart comes to nothing, instead of
//! bringing back older numbers. Rows that could not be sent are kept (`pending_writes`) and sent as soon as Redis is
//! back. Mirrors end ten minutes after their fill whatever happens, which bounds what remains: a node that dies between
//! its commit and the mirror.
//!
//! **No return of the removed.** A removal leaves a tombstone for a minute, so that a reader who had loaded the
//! post before cannot put it back. Copies of a server's earlier runs and of other servers (`run`) are never read.

mod address;
mod dial;
mod link;
mod mirror_codec;
mod node;
mod options;
mod pending_writes;
mod post_codec;
mod script;
mod session;
mod step;

pub use options::RedisOptions;

use async_trait::async_trait;
use bytes::Bytes;
use link::{Link, STORE};
use mirror_codec::Mirror;
use pending_writes::PendingWrites;
use redis::{Value, cmd};
use script::Script;
use session::{MIRROR_TTL, Session};
use std::{sync::Arc, time::Duration};
use step::{Key, Step};
use tessera_domain::{
    PostId, UploadId, UserId,
    counters::{Counts, ShardCounts},
    post::Post,
};
use tessera_ports::{
    HotStore, StoreError, StoreResult,
    hot_store::{POST_TTL, REMOVED_TTL, TIMELINE_TTL},
};
use tokio::task::JoinHandle;

/// How long an asked-for mirror waits for its fill: far longer than a fill takes to read the ledger.
const ASKED_TTL: Duration = Duration::from_secs(60);
/// How long a progress note lives.
const PROGRESS_TTL: Duration = Duration::from_secs(3_600);

/// A hot store in Redis. Dropping it closes its connections.
pub struct RedisHotStore {
    link: Arc<Link>,
    keeper: JoinHandle<()>,
}

impl RedisHotStore {
    /// Begins to keep connections to Redis. Waits for the first attempt, so that a Redis that is there is of use
    /// from the first request on; one that is not is tried again in the background, for as long as the store lives.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where the options cannot be right, whatever servers there are.
    pub async fn connect(options: RedisOptions) -> StoreResult<Self> {
        let refused = |detail| StoreError::Refused { store: STORE, detail };
        let link = Arc::new(Link::new(&options, PendingWrites::new(MIRROR_TTL)).map_err(refused)?);
        if let Err(failure) = link.restore().await {
            tracing::warn!(redis = %link.dialer.address, failure, "no connection to Redis yet; going on without it");
        }
        let keeper = tokio::spawn(link::keep(Arc::clone(&link)));
        Ok(Self { link, keeper })
    }

    /// Marks mirrors as asked for; where that fails, their fills come to nothing.
    async fn ask(session: &mut Session<'_>, missing: Vec<Key>, unreadable: Vec<Key>) {
        let mut steps = Vec::with_capacity(missing.len() + 2 * unreadable.len());
        for key in &unreadable {
            let mut command = cmd("UNLINK");
            command.arg(&key.text);
            steps.push(Step::command(key, command));
        }
        for key in unreadable.iter().chain(&missing) {
            let mut command = cmd("SET");
            command.arg(&key.text).arg(&mirror_codec::ASKED[..]).arg("NX").arg("PX").arg(ASKED_TTL.as_millis() as u64);
            steps.push(Step::command(key, command));
        }
        if !steps.is_empty()
            && let Err(error) = session.write(&steps).await
        {
            tracing::debug!(%error, "missing counts could not be marked as asked for");
        }
    }

    async fn set(&self, key: impl Fn(&mut Session<'_>) -> Key, value: &[u8], life: Duration) -> StoreResult<()> {
        let mut session = self.link.session()?;
        let key = key(&mut session);
        let mut command = cmd("SET");
        command.arg(&key.text).arg(value).arg("PX").arg(life.as_millis() as u64);
        session.write(&[Step::command(&key, command)]).await.map(|_| ())
    }

    async fn get(&self, key: impl Fn(&mut Session<'_>) -> Key) -> StoreResult<Option<Vec<u8>>> {
        let mut session = self.link.session()?;
        let key = key(&mut session);
        Ok(session.read(&[key]).await?.pop().flatten())
    }
}

impl Drop for RedisHotStore {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

#[async_trait]
impl HotStore for RedisHotStore {
    async fn posts(&self, ids: &[PostId]) -> StoreResult<Vec<Option<Post>>> {
        let mut session = self.link.session()?;
        let keys: Vec<Key> = ids.iter().map(|id| session.post_key(*id)).collect();
        let found = session.read(&keys).await?;
        let read = |(id, bytes): (&PostId, Option<Vec<u8>>)| post_codec::decode(*id, &bytes?);
        Ok(ids.iter().zip(found).map(read).collect())
    }

    async fn put_posts(&self, posts: &[Post]) -> StoreResult<()> {
        let mut session = self.link.session()?;
        let step = |post: &Post| {
            let edited_at = post_codec::edited_at(post).to_string().into_bytes();
            let arguments = vec![post_codec::encode(post), edited_at, milliseconds(POST_TTL)];
            Step::script(Script::PutPost, [session.post_key(post.id)], arguments)
        };
        let steps: Vec<Step> = posts.iter().map(step).collect();
        session.write(&steps).await.map(|_| ())
    }

    async fn remove_posts(&self, ids: &[PostId]) -> StoreResult<u64> {
        let mut session = self.link.session()?;
        let step = |id: &PostId| {
            let keys = [session.post_key(*id), session.mirror_key(*id)];
            Step::script(Script::RemovePost, keys, vec![milliseconds(REMOVED_TTL)])
        };
        let steps: Vec<Step> = ids.iter().map(step).collect();
        let answers = session.write(&steps).await?;
        Ok(answers.iter().map(count).sum())
    }

    async fn counts(&self, ids: &[PostId]) -> StoreResult<Vec<Option<Counts>>> {
        let mut session = self.link.session()?;
        let keys: Vec<Key> = ids.iter().map(|id| session.mirror_key(*id)).collect();
        let found = session.read(&keys).await?;
        let (mut missing, mut unreadable) = (Vec::new(), Vec::new());
        let mut counts = Vec::with_capacity(ids.len());
        for (key, stored) in keys.into_iter().zip(found) {
            counts.push(match stored.as_deref().map(mirror_codec::read) {
                Some(Mirror::Filled(totals)) => Some(totals),
                Some(Mirror::Waiting) => None,
                Some(Mirror::Unreadable) => {
                    unreadable.push(key);
                    None
                }
                None => {
                    missing.push(key);
                    None
                }
            });
        }
        Self::ask(&mut session, missing, unreadable).await;
        Ok(counts)
    }

    async fn fill_counts(&self, post_id: PostId, rows: &[ShardCounts]) -> StoreResult<()> {
        let mut session = self.link.session()?;
        let step = session.merge_step(post_id, rows, true);
        session.write(&[step]).await.map(|_| ())
    }

    async fn update_counts(&self, post_id: PostId, rows: &[ShardCounts]) -> StoreResult<()> {
        let debt = Debt { link: &self.link, post_id, rows, paid: false };
        let mut session = self.link.session()?;
        let step = session.merge_step(post_id, rows, false);
        session.write(&[step]).await?;
        debt.paid();
        Ok(())
    }

    async fn timeline(&self, user_id: UserId) -> StoreResult<Option<Bytes>> {
        Ok(self.get(|session| session.timeline_key(user_id)).await?.map(Bytes::from))
    }

    async fn put_timeline(&self, user_id: UserId, snapshot: Bytes) -> StoreResult<()> {
        self.set(|session| session.timeline_key(user_id), &snapshot, TIMELINE_TTL).await
    }

    async fn remove_timeline(&self, user_id: UserId) -> StoreResult<bool> {
        let mut session = self.link.session()?;
        let key = session.timeline_key(user_id);
        let mut command = cmd("UNLINK");
        command.arg(&key.text);
        let answers = session.write(&[Step::command(&key, command)]).await?;
        Ok(answers.iter().map(count).sum::<u64>() > 0)
    }

    async fn put_progress(&self, upload_id: UploadId, percent: u8) -> StoreResult<()> {
        self.set(|session| session.progress_key(upload_id), percent.to_string().as_bytes(), PROGRESS_TTL).await
    }

    async fn progress(&self, upload_id: UploadId) -> StoreResult<Option<u8>> {
        let stored = self.get(|session| session.progress_key(upload_id)).await?;
        Ok(stored.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse().ok()))
    }

    async fn check(&self) -> StoreResult<()> {
        let mut session = self.link.session()?;
        // Any key will do; in a cluster its node speaks for the others.
        let key = session.timeline_key(UserId(0));
        session.write(&[Step::command(&key, cmd("PING"))]).await.map(|_| ())
    }
}

/// Rows on their way to a mirror. Unless they arrive they are pending, also where the caller stops waiting.
struct Debt<'a> {
    link: &'a Link,
    post_id: PostId,
    rows: &'a [ShardCounts],
    paid: bool,
}

impl Debt<'_> {
    fn paid(mut self) {
        self.paid = true;
    }
}

impl Drop for Debt<'_> {
    fn drop(&mut self) {
        if !self.paid {
            self.link.pending_writes.add(self.post_id, self.rows);
            self.link.wake.notify_one();
        }
    }
}

fn milliseconds(duration: Duration) -> Vec<u8> {
    duration.as_millis().to_string().into_bytes()
}

fn count(answer: &Value) -> u64 {
    match answer {
        Value::Int(number) => u64::try_from(*number).unwrap_or(0),
        _ => 0,
    }
}
