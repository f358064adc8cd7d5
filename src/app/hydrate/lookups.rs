//! Batched look-ups: node cache, then hot store, then ledger. The hot store only ever helps.

use super::{Hydrator, Shown, node_cache::VersionedKey};
use crate::AppResult;
use futures::future::join_all;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tessera_domain::{
    PostId, UserId,
    counters::{Counts, ShardCounts},
    post::Post,
    user::User,
};
use tessera_ports::StoreResult;

/// A hot store that takes longer than this is passed over: the ledger would have answered by then.
const HOT_TIMEOUT: Duration = Duration::from_millis(150);

/// Totals, and the rows that the hot store lacked.
#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) of: HashMap<PostId, Counts>,
    pub(crate) missed: HashMap<PostId, Vec<ShardCounts>>,
}

impl Hydrator {
    /// Posts by id; those that do not exist or were deleted are left out.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(crate) async fn posts(&self, ids: &[PostId]) -> AppResult<HashMap<PostId, Arc<Shown<Post>>>> {
        let this = self.clone();
        self.caches.posts.get_many(ids, move |missing| async move { this.load_posts(missing).await }).await
    }

    /// Accounts by id, deleted ones included; ids that do not exist are left out.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(crate) async fn users(&self, ids: &[UserId]) -> AppResult<HashMap<UserId, Arc<Shown<User>>>> {
        let ledger = self.ledger.clone();
        let load = move |missing: Vec<VersionedKey<UserId>>| async move {
            let ids: Vec<UserId> = missing.iter().map(|(id, _)| *id).collect();
            Ok(ledger.users(&ids).await?.into_iter().map(|user| (user.id, Arc::new(Shown::new(user)))).collect())
        };
        self.caches.users.get_many(ids, load).await
    }

    async fn load_posts(&self, missing: Vec<VersionedKey<PostId>>) -> AppResult<HashMap<PostId, Arc<Shown<Post>>>> {
        let ids: Vec<PostId> = missing.iter().map(|(id, _)| *id).collect();
        let copies = self.hot_answer("posts", self.hot.posts(&ids)).await.unwrap_or_default();
        let mut found: HashMap<PostId, Arc<Shown<Post>>> =
            copies.into_iter().flatten().map(|post| (post.id, Arc::new(Shown::new(post)))).collect();
        let absent: Vec<VersionedKey<PostId>> = missing.into_iter().filter(|(id, _)| !found.contains_key(id)).collect();
        if absent.is_empty() {
            return Ok(found);
        }
        let ids: Vec<PostId> = absent.iter().map(|(id, _)| *id).collect();
        let posts = self.ledger.posts(&ids).await?;
        self.keep_hot_copies(&absent, &posts).await;
        found.extend(posts.into_iter().map(|post| (post.id, Arc::new(Shown::new(post)))));
        Ok(found)
    }

    /// Copies posts into the hot store, but for those that were invalidated since they were asked for.
    async fn keep_hot_copies(&self, asked: &[VersionedKey<PostId>], posts: &[Post]) {
        // While copies are being taken away it is simpler to leave this round out.
        let Ok(_guard) = self.caches.hot_copies.try_read() else { return };
        let versions: HashMap<PostId, u64> = asked.iter().copied().collect();
        let is_current = |post: &&Post| {
            let version = versions.get(&post.id);
            version.is_some_and(|version| self.caches.posts.is_current((post.id, *version)))
        };
        let fresh: Vec<Post> = posts.iter().filter(is_current).cloned().collect();
        if !fresh.is_empty() {
            self.hot_answer("put_posts", self.hot.put_posts(&fresh)).await;
        }
    }

    /// Forgets a post that was edited or deleted, here and in the hot store. Called after the ledger committed
    /// and before the caller hears of it: from then on this node answers with nothing older.
    ///
    /// Where the hot store fails, the outbox relay removes its copy later.
    pub(crate) async fn forget_post(&self, post_id: PostId) {
        let _guard = self.caches.hot_copies.write().await;
        self.hot_answer("remove_posts", self.hot.remove_posts(&[post_id])).await;
        self.caches.invalidate_post(post_id);
    }

    /// Totals of these posts; a post without rows has zeros.
    pub(crate) async fn totals(&self, ids: &[PostId]) -> AppResult<Totals> {
        let mirrored = self.hot_answer("counts", self.hot.counts(ids)).await.unwrap_or_default();
        let mut totals = Totals::default();
        totals.of.extend(ids.iter().zip(mirrored).filter_map(|(id, counts)| Some((*id, counts?))));
        let absent: Vec<PostId> = ids.iter().copied().filter(|id| !totals.of.contains_key(id)).collect();
        if absent.is_empty() {
            return Ok(totals);
        }
        totals.missed.extend(absent.iter().map(|id| (*id, Vec::new())));
        for (post_id, row) in self.ledger.shard_counts(&absent).await? {
            totals.missed.entry(post_id).or_default().push(row);
        }
        totals.of.extend(totals.missed.iter().map(|(id, rows)| (*id, sum(rows))));
        Ok(totals)
    }

    /// Starts the mirrors of posts that had none. A post without rows gets an empty mirror, so that it is not
    /// asked for again.
    pub(crate) async fn fill_mirrors(&self, missed: impl Iterator<Item = (PostId, Vec<ShardCounts>)>) {
        let fills = missed.map(|(post_id, rows)| async move {
            self.hot_answer("fill_counts", self.hot.fill_counts(post_id, &rows)).await
        });
        join_all(fills).await;
    }

    /// The hot store's answer, or `None` where it fails or is slow.
    async fn hot_answer<T>(&self, call: &'static str, answer: impl Future<Output = StoreResult<T>>) -> Option<T> {
        match tokio::time::timeout(HOT_TIMEOUT, answer).await {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => tracing::debug!(call, %error, "hot store passed over"),
            Err(_) => tracing::debug!(call, "hot store passed over: too slow"),
        }
        None
    }
}

/// The total over shards. A single shard may be negative; the total never is.
fn sum(rows: &[ShardCounts]) -> Counts {
    let likes: i64 = rows.iter().map(|row| row.likes).sum();
    let comments: i64 = rows.iter().map(|row| row.comments).sum();
    Counts { likes: likes.max(0) as u64, comments: comments.max(0) as u64 }
}
