//! How a viewer stands to others and to posts, from the nodes' memory.

use super::{Context, Hydrator, caches::KnownRelations, node_cache::VersionedKey};
use crate::AppResult;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tessera_actors::Deadline;
use tessera_domain::{PostId, UserId, user::Standing};
use tessera_ports::{Ledger, clock};

/// Of somebody who stands to more accounts than this the ledger is asked every time.
const MAX_RELATIONS: usize = 20_000;
/// How long a timeline may take to say which posts its user likes; then the ledger is asked.
const TIMELINE_TIMEOUT: Duration = Duration::from_millis(150);

impl Hydrator {
    /// How `viewer` stands to each of `others`, in their order.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(super) async fn standings(&self, viewer: UserId, others: &[UserId]) -> AppResult<Vec<Standing>> {
        match &self.known_relations(viewer).await?.relations {
            Some(relations) => Ok(others.iter().map(|other| relations.standing(*other)).collect()),
            None => {
                let relationships = self.ledger.relationships(viewer, others).await?;
                Ok(relationships.into_iter().map(Standing::from).collect())
            }
        }
    }

    /// Those that `user_id` follows whose posts are pulled.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(crate) async fn pulled_followees(&self, user_id: UserId) -> AppResult<Box<[UserId]>> {
        Ok(self.known_relations(user_id).await?.pulled.clone())
    }

    /// Those of `ids` that `viewer` likes: in feeds by the viewer's timeline, as far as it knows.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(super) async fn liked(&self, viewer: UserId, ids: &[PostId], context: Context) -> AppResult<HashSet<PostId>> {
        let known = match context {
            Context::Feed => self.liked_by_timeline(viewer, ids).await,
            Context::Direct => None,
        };
        let Some(known) = known else { return self.liked_by_ledger(viewer, ids).await };
        let pairs = || ids.iter().copied().zip(&known);
        let unknown: Vec<PostId> = pairs().filter(|(_, likes)| likes.is_none()).map(|(id, _)| id).collect();
        let mut liked: HashSet<PostId> = pairs().filter(|(_, likes)| **likes == Some(true)).map(|(id, _)| id).collect();
        if !unknown.is_empty() {
            liked.extend(self.liked_by_ledger(viewer, &unknown).await?);
        }
        Ok(liked)
    }

    async fn liked_by_timeline(&self, viewer: UserId, ids: &[PostId]) -> Option<Vec<Option<bool>>> {
        let deadline = Deadline::after(TIMELINE_TIMEOUT);
        match self.timelines.liked_if_active(viewer, ids.to_vec(), deadline).await {
            Ok(known) => known.filter(|known| known.len() == ids.len()),
            Err(error) => {
                tracing::debug!(%viewer, %error, "a timeline does not say what its user likes");
                None
            }
        }
    }

    async fn liked_by_ledger(&self, viewer: UserId, ids: &[PostId]) -> AppResult<HashSet<PostId>> {
        Ok(self.ledger.liked_by(viewer, ids).await?.into_iter().collect())
    }

    async fn known_relations(&self, user_id: UserId) -> AppResult<Arc<KnownRelations>> {
        let ledger = self.ledger.clone();
        let load = move |_: Vec<VersionedKey<UserId>>| async move {
            Ok(HashMap::from([(user_id, Arc::new(load(&*ledger, user_id).await?))]))
        };
        let mut found = self.caches.relations.get_many(&[user_id], load).await?;
        Ok(found.remove(&user_id).unwrap_or_default())
    }
}

async fn load(ledger: &dyn Ledger, user_id: UserId) -> AppResult<KnownRelations> {
    let relations = ledger.relations(user_id, MAX_RELATIONS);
    let pulled = ledger.pulled_followees(user_id, clock::now());
    let (relations, pulled) = tokio::try_join!(relations, pulled)?;
    Ok(KnownRelations { relations, pulled: pulled.into_iter().map(|author| author.author_id).collect() })
}
