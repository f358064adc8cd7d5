//! From post ids to posts that can be shown: `hydrate_posts` (docs/functions.md, section 2).
//!
//! The order is kept; deleted and hidden posts are dropped; nothing is asked for per post. Blocks, mutes and
//! private accounts are decided here, at read time, whatever was pushed or ranked before.

mod caches;
mod lookups;
mod node_cache;
mod relations;
mod shown;

pub use caches::NodeCaches;
pub(crate) use node_cache::NodeCache;
pub use shown::{Runs, Shown};

use crate::{AppParts, AppResult};
use futures::{StreamExt, TryStreamExt, stream};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tessera_actors::timeline::TimelineRef;
use tessera_domain::{
    PostId, UserId,
    counters::Counts,
    post::{Post, PostRef},
    user::{Relationship, Standing, User, Visibility, visibility},
};
use tessera_ports::{HotStore, Ledger};

/// Most posts read of one author at once.
pub(crate) const RECENT_PER_AUTHOR: usize = 200;
/// Authors read at the same time for one request.
const CONCURRENT_READS: usize = 8;

/// What a post is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// A feed: muted authors are left out.
    Feed,
    /// It was asked for by id or on its author's page: muting does not matter.
    Direct,
}

/// A post with all that is shown of it.
#[derive(Debug, Clone)]
pub struct HydratedPost {
    pub post: Arc<Shown<Post>>,
    pub author: Arc<Shown<User>>,
    pub counts: Counts,
    /// Whether the viewer likes it.
    pub liked: bool,
}

/// Looks posts up for a viewer.
#[derive(Clone)]
pub(crate) struct Hydrator {
    ledger: Arc<dyn Ledger>,
    hot: Arc<dyn HotStore>,
    caches: Arc<NodeCaches>,
    timelines: TimelineRef,
}

impl Hydrator {
    pub(crate) fn new(parts: &AppParts) -> Self {
        Self {
            ledger: parts.ledger.clone(),
            hot: parts.hot.clone(),
            caches: parts.caches.clone(),
            timelines: parts.actors.timelines.clone(),
        }
    }

    /// Those of `ids` that `viewer` may see, in the order asked, each as often as asked.
    ///
    /// # Errors
    /// Those of the ledger; a failing hot store only costs time.
    pub(crate) async fn hydrate(
        &self,
        viewer: UserId,
        ids: &[PostId],
        context: Context,
    ) -> AppResult<Vec<HydratedPost>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let (visible, mut totals, liked) = tokio::try_join!(
            self.visible_posts(viewer, ids, context),
            self.totals(ids),
            self.liked(viewer, ids, context)
        )?;
        let known = std::mem::take(&mut totals.missed).into_iter().filter(|(id, _)| visible.contains_key(id));
        self.fill_mirrors(known).await;
        let show = |id: &PostId| {
            let (post, author) = visible.get(id)?.clone();
            let counts = totals.of.get(id).copied().unwrap_or_default();
            Some(HydratedPost { post, author, counts, liked: liked.contains(id) })
        };
        Ok(ids.iter().filter_map(show).collect())
    }

    /// Which of `ids` `viewer` may see.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(crate) async fn visible_ids(
        &self,
        viewer: UserId,
        ids: &[PostId],
        context: Context,
    ) -> AppResult<HashSet<PostId>> {
        Ok(self.visible_posts(viewer, ids, context).await?.into_keys().collect())
    }

    /// One post that `viewer` may see, asked for by its id, without counts.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(crate) async fn visible_post(&self, viewer: UserId, id: PostId) -> AppResult<Option<Arc<Shown<Post>>>> {
        let mut visible = self.visible_posts(viewer, &[id], Context::Direct).await?;
        Ok(visible.remove(&id).map(|(post, _)| post))
    }

    /// Accounts and how `viewer` stands to each, without those that do not exist.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(crate) async fn users_for(
        &self,
        viewer: UserId,
        mut ids: Vec<UserId>,
    ) -> AppResult<HashMap<UserId, (Arc<Shown<User>>, Standing)>> {
        ids.sort_unstable();
        ids.dedup();
        let (mut users, standings) = tokio::try_join!(self.users(&ids), self.standings(viewer, &ids))?;
        let pairs = ids.iter().zip(standings);
        Ok(pairs.filter_map(|(id, standing)| Some((*id, (users.remove(id)?, standing)))).collect())
    }

    /// Accounts and all of how `viewer` stands to each, which is read from the ledger, without those that do not exist.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(crate) async fn users_with_relationships(
        &self,
        viewer: UserId,
        mut ids: Vec<UserId>,
    ) -> AppResult<HashMap<UserId, (Arc<Shown<User>>, Relationship)>> {
        ids.sort_unstable();
        ids.dedup();
        let relationships = async { Ok(self.ledger.relationships(viewer, &ids).await?) };
        let (mut users, relationships) = tokio::try_join!(self.users(&ids), relationships)?;
        let pairs = ids.iter().zip(relationships);
        Ok(pairs.filter_map(|(id, relationship)| Some((*id, (users.remove(id)?, relationship)))).collect())
    }

    /// The newest posts of each of these authors, at most [`RECENT_PER_AUTHOR`] of each, newest first. They are
    /// remembered for half a second, so that a celebrity's readers share one read.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(crate) async fn recent_posts(&self, authors: &[UserId]) -> AppResult<HashMap<UserId, Arc<[PostRef]>>> {
        let ledger = self.ledger.clone();
        let load = move |missing: Vec<node_cache::VersionedKey<UserId>>| async move {
            let reads = missing.into_iter().map(|(author_id, _)| {
                let ledger = ledger.clone();
                async move {
                    let posts = ledger.posts_by_author(author_id, None, RECENT_PER_AUTHOR).await?;
                    Ok((author_id, Arc::from(posts)))
                }
            });
            stream::iter(reads).buffer_unordered(CONCURRENT_READS).try_collect().await
        };
        self.caches.recent.get_many(authors, load).await
    }

    async fn visible_posts(
        &self,
        viewer: UserId,
        ids: &[PostId],
        context: Context,
    ) -> AppResult<HashMap<PostId, (Arc<Shown<Post>>, Arc<Shown<User>>)>> {
        let posts = self.posts(ids).await?;
        if posts.is_empty() {
            return Ok(HashMap::new());
        }
        let authors = self.users_for(viewer, posts.values().map(|post| post.author_id).collect()).await?;
        let visible = posts.into_iter().filter_map(|(id, post)| {
            let (author, standing) = authors.get(&post.author_id)?;
            let may_see = match visibility(viewer, author, *standing) {
                Visibility::Visible => true,
                Visibility::HiddenInFeeds => context == Context::Direct,
                Visibility::Hidden => false,
            };
            may_see.then(|| (id, (post, author.clone())))
        });
        Ok(visible.collect())
    }
}
