//! The shell around a person's taste: loads it, keeps early callers waiting, follows likes.

use super::{
    core::{LIKERS_PER_POST, RECENT_LIKES, Taste},
    requests::{GetTaste, LikeChanged, TasteView},
};
use crate::{ActorError, UserKey, limited::limited};
use std::{sync::Arc, time::Duration};
use tessera_cluster::{AskError, Entity, EntityContext, Handle, Passivation, Reply};
use tessera_domain::{PostId, UserId};
use tessera_ports::{Ledger, StoreResult, clock, ledger::StandingLike};

/// The most callers that wait for a load.
const WAITING_CALLERS: usize = 256;
/// The most comparisons of new likes under way; further likes count at the next load.
const COMPARISONS: usize = 4;

/// Timing of a recommender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecommenderSettings {
    /// How long what was loaded is followed by likes alone before it is loaded anew.
    pub reload_after: Duration,
    /// How long a read may take.
    pub read_limit: Duration,
}

impl Default for RecommenderSettings {
    fn default() -> Self {
        Self { reload_after: Duration::from_secs(1_800), read_limit: Duration::from_secs(2) }
    }
}

/// What all recommenders share.
pub struct RecommenderArgs {
    pub ledger: Arc<dyn Ledger>,
    pub settings: RecommenderSettings,
}

/// What the ledger knows of a person's taste.
pub struct LedgerTaste {
    likes: Vec<StandingLike>,
    /// Who likes the same posts.
    likers: Vec<(PostId, UserId)>,
}

/// What a recommender tells itself.
pub enum RecommenderEvent {
    /// What the ledger gave.
    Loaded(StoreResult<LedgerTaste>),
    /// Who liked the post of a new like.
    Compared {
        like: StandingLike,
        /// Who else likes it.
        likers: StoreResult<Vec<(PostId, UserId)>>,
    },
    /// What is known is old.
    Outdated,
}

/// One person's recommender. All it knows is in the ledger.
pub struct RecommenderActor {
    args: Arc<RecommenderArgs>,
    taste: Option<Taste>,
    loading: bool,
    /// A like changed while a load is under way: it may have missed that.
    changed_since: bool,
    comparisons: usize,
    /// Those of their likes that stand.
    compared: Vec<StandingLike>,
    waiting: Vec<Reply<Result<TasteView, ActorError>>>,
}

impl Entity for RecommenderActor {
    type Key = UserKey;
    type Event = RecommenderEvent;
    type Args = RecommenderArgs;
    const KIND: &'static str = "recommender";

    fn activate(_: UserKey, args: &Arc<RecommenderArgs>, _: &EntityContext<Self>) -> Self {
        let args = args.clone();
        let (compared, waiting) = (Vec::new(), Vec::new());
        Self { args, taste: None, loading: false, changed_since: false, comparisons: 0, compared, waiting }
    }

    fn on_event(&mut self, event: RecommenderEvent, context: &EntityContext<Self>) {
        match event {
            RecommenderEvent::Loaded(result) => self.loaded(result, context),
            RecommenderEvent::Compared { like, likers } => {
                self.comparisons -= 1;
                let standing = self.compared.iter().position(|compared| *compared == like);
                let stands = standing.map(|at| self.compared.swap_remove(at)).is_some();
                let likers = likers.unwrap_or_default();
                if let Some(taste) = self.taste.as_mut().filter(|_| stands) {
                    let likers: Vec<UserId> = likers.into_iter().map(|(_, liker)| liker).collect();
                    taste.liked(like, &likers, clock::now());
                }
            }
            RecommenderEvent::Outdated => self.taste = None,
        }
    }

    fn passivate(&mut self, _: &EntityContext<Self>) -> Passivation {
        if self.loading || self.comparisons > 0 { Passivation::Busy } else { Passivation::Ready }
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.taste.as_ref().map_or(0, Taste::heap_bytes)
    }
}

impl Handle<GetTaste> for RecommenderActor {
    fn handle(&mut self, _: GetTaste, reply: Reply<Result<TasteView, ActorError>>, context: &EntityContext<Self>) {
        if let Some(taste) = &self.taste {
            return reply.send(Ok(view(taste)));
        }
        self.waiting.retain(|waiting| !waiting.is_abandoned());
        if self.waiting.len() >= WAITING_CALLERS {
            return reply.send(Err(AskError::Overloaded { kind: Self::KIND }.into()));
        }
        self.waiting.push(reply);
        self.load(context);
    }
}

impl Handle<LikeChanged> for RecommenderActor {
    fn handle(&mut self, change: LikeChanged, reply: Reply<()>, context: &EntityContext<Self>) {
        self.like_changed(change, context);
        reply.send(());
    }
}

impl RecommenderActor {
    fn load(&mut self, context: &EntityContext<Self>) {
        if self.loading {
            return;
        }
        (self.loading, self.changed_since) = (true, false);
        let (args, user_id) = (self.args.clone(), context.key().0);
        context.spawn(async move {
            let read = read_taste(args.ledger.as_ref(), user_id);
            RecommenderEvent::Loaded(limited("ledger", args.settings.read_limit, read).await)
        });
    }

    fn loaded(&mut self, result: StoreResult<LedgerTaste>, context: &EntityContext<Self>) {
        self.loading = false;
        let answer = match result {
            Ok(LedgerTaste { likes, likers }) => {
                let taste = Taste::loaded(context.key().0, likes, &likers, clock::now());
                let view = view(&taste);
                // What changed meanwhile may be missing: the next question loads again.
                if !self.changed_since {
                    self.taste = Some(taste);
                    context.after(self.args.settings.reload_after, RecommenderEvent::Outdated);
                }
                Ok(view)
            }
            Err(error) => Err(ActorError::from(error)),
        };
        for reply in self.waiting.drain(..) {
            reply.send(answer.clone());
        }
    }

    fn like_changed(&mut self, change: LikeChanged, context: &EntityContext<Self>) {
        self.changed_since = true;
        let compared = self.compared.len();
        if let LikeChanged::Unliked(post_id) = change {
            self.compared.retain(|like| like.post.post_id != post_id);
        }
        let was_compared = self.compared.len() < compared;
        let Some(taste) = &mut self.taste else { return };
        match change {
            // It may have overtaken its like, which is then not to be taken in: the ledger knows.
            LikeChanged::Unliked(post_id) if !taste.unliked(post_id) && !was_compared => self.taste = None,
            LikeChanged::Unliked(_) => {}
            LikeChanged::Liked { .. } if self.comparisons >= COMPARISONS => self.taste = None,
            LikeChanged::Liked { post, at } => {
                self.comparisons += 1;
                let like = StandingLike { user_id: context.key().0, post, at };
                self.compared.push(like);
                let args = self.args.clone();
                context.spawn(async move {
                    let posts = [post.post_id];
                    let read = args.ledger.last_likers(&posts, LIKERS_PER_POST);
                    let likers = limited("ledger", args.settings.read_limit, read).await;
                    RecommenderEvent::Compared { like, likers }
                });
            }
        }
    }
}

async fn read_taste(ledger: &dyn Ledger, user_id: UserId) -> StoreResult<LedgerTaste> {
    let likes = ledger.recent_likes(&[user_id], RECENT_LIKES).await?;
    let posts: Vec<_> = likes.iter().map(|like| like.post.post_id).collect();
    let likers = if posts.is_empty() { Vec::new() } else { ledger.last_likers(&posts, LIKERS_PER_POST).await? };
    Ok(LedgerTaste { likes, likers })
}

fn view(taste: &Taste) -> TasteView {
    TasteView { likes: taste.likes().map(|like| (like.post, like.at)).collect(), similar_users: taste.similar_users() }
}
