//! The timeline's shell: loads, registers for pushes, applies messages to the core, saves.
//!
//! Loading has two steps. First the graph is read and the timeline registers in the resident index; only
//! then the posts are read, and what is pushed meanwhile is merged. So whichever way a new post races the
//! activation, it is read or pushed or both, and the merge drops doubles.

use super::{
    codec,
    core::{MAX_ENTRIES, TimelineCore},
    message::{LoadedTimeline, TimelineMessage},
    own_likes::{LikeBook, MAX_OWN_LIKES, OwnLikes},
    requests::ChangeLike,
    resident_index::{Registration, ResidentIndex},
};
use crate::{UserKey, limited::limited};
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_cluster::{ClusterNode, Entity, EntityContext, Passivation, Reply};
use tessera_domain::{
    PostId, Timestamp, UserId,
    celebrity::PulledAuthor,
    hash::{stable_hash, stable_hash_u64},
    post::PostRef,
};
use tessera_ports::{HotStore, Ledger, StoreError, StoreResult, clock, ledger::PostRange};
use tokio::sync::Semaphore;

/// What was seen is saved at most this long after it was shown.
pub(super) const SAVE_INTERVAL: Duration = Duration::from_secs(10);
/// A load that takes longer has failed.
const LOAD_TIMEOUT: Duration = Duration::from_secs(5);
/// A hot store that takes longer is done without.
const HOT_TIMEOUT: Duration = Duration::from_secs(1);
/// A save that takes longer has failed.
const SAVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Back-fills at once on a node: an author who is no celebrity any more has them in every resident follower.
const MAX_BACKFILLS: usize = 16;
/// Saves at once on a node: when shards move, thousands of timelines save at the same time, and requests need the
/// ledger, too.
const MAX_SAVES: usize = 8;
/// A like whose answer was lost is committed by then or never.
const LIKE_SETTLES_AFTER: Duration = Duration::from_secs(10);
/// A back-fill that failed is tried again after this long.
const BACKFILL_RETRY: Duration = Duration::from_secs(20);
/// Requests that wait for the load; further ones are refused by the mailbox's bound.
const MAX_PENDING: usize = 1_024;
/// A post's id is a little older than its commit, and its delivery may be late and miss a timeline that left memory
/// meanwhile; catching up reads this much further back.
const CATCH_UP_MARGIN_MS: i64 = 10 * 60 * 1_000;

/// What all timelines of a node share.
pub struct TimelineArgs {
    /// This node in its cluster.
    node: Arc<ClusterNode>,
    pub ledger: Arc<dyn Ledger>,
    pub hot: Arc<dyn HotStore>,
    /// Who follows whom among the residents.
    pub residents: Arc<ResidentIndex>,
    /// Held by back-fills under way.
    backfills: Semaphore,
    /// Held by saves under way.
    saves: Semaphore,
}

impl TimelineArgs {
    /// What timelines stand on.
    pub fn new(
        node: Arc<ClusterNode>,
        ledger: Arc<dyn Ledger>,
        hot: Arc<dyn HotStore>,
        residents: Arc<ResidentIndex>,
    ) -> Self {
        Self {
            node,
            ledger,
            hot,
            residents,
            backfills: Semaphore::new(MAX_BACKFILLS),
            saves: Semaphore::new(MAX_SAVES),
        }
    }
}

enum Phase {
    /// Nothing is known yet and nothing is under way (as after a failed load).
    Empty,
    Loading,
    Ready,
}

/// The timeline of one user.
pub struct TimelineActor {
    user_id: UserId,
    args: Arc<TimelineArgs>,
    core: TimelineCore,
    registration: Registration,
    phase: Phase,
    /// Requests that came before the load was done.
    pending: Vec<TimelineMessage>,
    likes: LikeBook,
    followees_hash: u64,
    saved_change: u64,
    save_scheduled: bool,
    saving: bool,
    opened: u64,
    /// While this lies in the future a failed save is not tried again for a passivation.
    leave_without_saving_at: Option<Instant>,
}

impl Entity for TimelineActor {
    type Key = UserKey;
    type Event = TimelineMessage;
    type Args = TimelineArgs;
    const KIND: &'static str = "timeline";

    fn activate(key: UserKey, args: &Arc<TimelineArgs>, context: &EntityContext<Self>) -> Self {
        let mut timeline = Self {
            user_id: key.0,
            args: args.clone(),
            core: TimelineCore::default(),
            registration: Registration::new(args.residents.clone(), key.0),
            phase: Phase::Empty,
            pending: Vec::new(),
            likes: LikeBook::default(),
            followees_hash: 0,
            saved_change: 0,
            save_scheduled: false,
            saving: false,
            opened: 0,
            leave_without_saving_at: None,
        };
        timeline.begin_loading(context);
        timeline
    }

    fn on_event(&mut self, message: TimelineMessage, context: &EntityContext<Self>) {
        match message {
            TimelineMessage::Push(post) => {
                // A push may be overtaken by an unfollow. (While loading, posts are read after registering.)
                if self.registration.contains(post.author_id) {
                    self.core.push(post);
                }
            }
            TimelineMessage::Remove(post_id) => {
                self.core.remove(post_id);
            }
            TimelineMessage::FolloweesRead(Ok(followees)) => self.followees_read(followees, context),
            TimelineMessage::FolloweesRead(Err(error)) => self.load_failed(&error),
            TimelineMessage::Loaded(result) => match *result {
                Ok(loaded) => self.loaded(loaded, context),
                Err(error) => self.load_failed(&error),
            },
            TimelineMessage::Saved { change, error } => self.saved(change, error, context),
            TimelineMessage::SaveDue => {
                self.save_scheduled = false;
                self.save(context);
            }
            TimelineMessage::LikesDue => {
                if self.likes.begin_reading() {
                    self.read_likes(context);
                }
            }
            TimelineMessage::LikesRead(likes) => self.likes_read(likes, context),
            request if !matches!(self.phase, Phase::Ready) => {
                if self.pending.len() < MAX_PENDING {
                    self.pending.push(request);
                }
                if matches!(self.phase, Phase::Empty) {
                    self.begin_loading(context);
                }
            }
            request => self.serve(request, context),
        }
    }

    fn passivate(&mut self, context: &EntityContext<Self>) -> Passivation {
        match self.phase {
            Phase::Loading => Passivation::Busy,
            Phase::Empty => Passivation::Ready,
            Phase::Ready if self.core.change() == self.saved_change => Passivation::Ready,
            // The stores are down: memory is worth more than what was seen in the last seconds.
            Phase::Ready if self.leave_without_saving_at.is_some_and(|at| Instant::now() >= at) => Passivation::Ready,
            Phase::Ready => {
                self.leave_without_saving_at.get_or_insert_with(|| Instant::now() + 3 * SAVE_TIMEOUT);
                self.save(context);
                Passivation::Saving
            }
        }
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.core.heap_bytes() + self.registration.heap_bytes() + self.likes.heap_bytes()
    }
}

impl TimelineActor {
    fn serve(&mut self, request: TimelineMessage, context: &EntityContext<Self>) {
        let now = clock::now();
        match request {
            TimelineMessage::Open(request, reply) => {
                self.opened += 1;
                let feed_id = stable_hash_u64(self.user_id.0 ^ self.opened.rotate_left(32), now.0 as u64);
                reply.send(Ok(self.core.open(request, feed_id, now)));
            }
            TimelineMessage::Page(request, reply) => reply.send(Ok(self.core.page(request, now))),
            TimelineMessage::Served(post_ids, reply) => {
                self.core.served(&post_ids);
                reply.send(());
            }
            TimelineMessage::PassedOlder(passed) => self.core.pass_older(passed, now),
            TimelineMessage::Newest(limit, reply) => reply.send(Ok(self.core.newest_unseen(limit))),
            TimelineMessage::Unseen(mut post_ids, reply) => {
                post_ids.retain(|post_id| !self.core.seen().contains(*post_id));
                reply.send(Ok(post_ids));
            }
            TimelineMessage::Liked(post_ids, reply) => {
                reply.send(Ok(post_ids.into_iter().map(|post_id| self.likes.likes(post_id)).collect()));
                if self.likes.begin_refresh(now) {
                    self.read_likes(context);
                }
            }
            TimelineMessage::LikeChanged(ChangeLike { post_id, liked }, reply) => {
                match liked {
                    Some(liked) => self.likes.change(post_id, liked),
                    None => {
                        self.likes.forget();
                        context.after(LIKE_SETTLES_AFTER, TimelineMessage::LikesDue);
                    }
                }
                reply.send(());
            }
            TimelineMessage::FollowChanged { followee_id, following: false, reply } => {
                self.registration.remove(followee_id);
                self.core.remove_author(followee_id);
                self.followees_hash = 0;
                if let Some(reply) = reply {
                    reply.send(Ok(()));
                }
            }
            TimelineMessage::FollowChanged { followee_id, following: true, reply } => {
                self.registration.add(followee_id);
                self.core.forget_passed();
                self.followees_hash = 0;
                self.backfill(followee_id, reply, context);
            }
            // Unless the user stopped following meanwhile.
            TimelineMessage::CelebrityChanged { author_id, celebrity } if self.registration.contains(author_id) => {
                // A snapshot saved while posts are pulled lacks them: it must not be taken for whole later.
                self.followees_hash = 0;
                if !celebrity {
                    self.backfill(author_id, None, context);
                }
            }
            TimelineMessage::BackfillRead { author_id, posts, reply } => {
                self.backfilled(author_id, posts, reply, context)
            }
            // Of an author whom the user does not follow any more.
            TimelineMessage::CelebrityChanged { .. } => {}
            // Taken up by `on_event` in every phase.
            TimelineMessage::Push(_)
            | TimelineMessage::Remove(_)
            | TimelineMessage::FolloweesRead(_)
            | TimelineMessage::Loaded(_)
            | TimelineMessage::SaveDue
            | TimelineMessage::LikesDue
            | TimelineMessage::LikesRead(_)
            | TimelineMessage::Saved { .. } => {}
        }
        self.schedule_save(context);
    }

    fn begin_loading(&mut self, context: &EntityContext<Self>) {
        self.phase = Phase::Loading;
        let (ledger, user_id) = (self.args.ledger.clone(), self.user_id);
        context.spawn(async move {
            let followees = limited("ledger", LOAD_TIMEOUT, ledger.followees(user_id)).await;
            TimelineMessage::FolloweesRead(followees)
        });
    }

    fn followees_read(&mut self, followees: Vec<UserId>, context: &EntityContext<Self>) {
        for followee in &followees {
            self.registration.add(*followee);
        }
        let (args, user_id) = (self.args.clone(), self.user_id);
        context.spawn(async move {
            let loaded = limited("ledger", LOAD_TIMEOUT, load(&args, user_id, followees)).await;
            TimelineMessage::Loaded(Box::new(loaded))
        });
    }

    fn loaded(&mut self, loaded: LoadedTimeline, context: &EntityContext<Self>) {
        let mut feeds = Vec::new();
        if let Some(snapshot) = loaded.snapshot {
            self.core.raise_floor(snapshot.floor);
            self.core.merge(snapshot.entries);
            feeds = snapshot.feeds;
            if let Some(passed) = snapshot.passed {
                self.core.pass_older(passed, snapshot.saved_at);
            }
        }
        if let Some(oldest) = loaded.posts.get(MAX_ENTRIES - 1) {
            self.core.raise_floor(oldest.post_id);
        }
        self.core.merge(loaded.posts);
        self.core.restore(loaded.seen, feeds);
        self.likes.begin_reading();
        self.likes.end_reading(Some(loaded.likes), clock::now());
        self.followees_hash = loaded.followees_hash;
        self.saved_change = self.core.change();
        self.phase = Phase::Ready;
        for request in std::mem::take(&mut self.pending) {
            self.serve(request, context);
        }
    }

    fn load_failed(&mut self, error: &StoreError) {
        tracing::warn!(user = %self.user_id, %error, "cannot load a timeline");
        self.phase = Phase::Empty;
        for request in std::mem::take(&mut self.pending) {
            match request {
                TimelineMessage::Open(_, reply) => reply.send(Err(error.clone())),
                TimelineMessage::Page(_, reply) => reply.send(Err(error.clone())),
                TimelineMessage::Newest(_, reply) => reply.send(Err(error.clone())),
                TimelineMessage::Unseen(_, reply) => reply.send(Err(error.clone())),
                TimelineMessage::Liked(_, reply) => reply.send(Err(error.clone())),
                // Likes are read anew with the next load.
                TimelineMessage::LikeChanged(_, reply) => reply.send(()),
                // The graph is read anew with the next load, and posts with it.
                TimelineMessage::FollowChanged { reply, .. } | TimelineMessage::BackfillRead { reply, .. } => {
                    if let Some(reply) = reply {
                        reply.send(Ok(()));
                    }
                }
                TimelineMessage::CelebrityChanged { .. } => {}
                // Who waits hears that it was dropped. Others gave hints: a post that comes again is better than a
                // timeline that cannot be had.
                TimelineMessage::Served(..) | TimelineMessage::PassedOlder(_) => {}
                // Taken up by `on_event` in every phase.
                TimelineMessage::Push(_)
                | TimelineMessage::Remove(_)
                | TimelineMessage::FolloweesRead(_)
                | TimelineMessage::Loaded(_)
                | TimelineMessage::SaveDue
                | TimelineMessage::LikesDue
                | TimelineMessage::LikesRead(_)
                | TimelineMessage::Saved { .. } => {}
            }
        }
    }

    fn read_likes(&self, context: &EntityContext<Self>) {
        let (ledger, user_id) = (self.args.ledger.clone(), self.user_id);
        context.spawn(async move {
            let read = limited("ledger", LOAD_TIMEOUT, own_likes(&*ledger, user_id)).await;
            TimelineMessage::LikesRead(read)
        });
    }

    fn likes_read(&mut self, likes: StoreResult<OwnLikes>, context: &EntityContext<Self>) {
        if let Err(error) = &likes {
            tracing::debug!(user = %self.user_id, %error, "cannot read somebody's likes");
        }
        self.likes.end_reading(likes.ok(), clock::now());
        if self.likes.is_unknown() {
            context.after(LIKE_SETTLES_AFTER, TimelineMessage::LikesDue);
        }
    }

    fn backfill(&mut self, author_id: UserId, reply: Option<Reply<StoreResult<()>>>, context: &EntityContext<Self>) {
        let args = self.args.clone();
        context.spawn(async move {
            // The semaphore is never closed.
            let _turn = args.backfills.acquire().await;
            let read = args.ledger.posts_by_author(author_id, None, MAX_ENTRIES);
            let posts = limited("ledger", LOAD_TIMEOUT, read).await;
            TimelineMessage::BackfillRead { author_id, posts, reply }
        });
    }

    fn backfilled(
        &mut self,
        author_id: UserId,
        posts: StoreResult<Vec<PostRef>>,
        reply: Option<Reply<StoreResult<()>>>,
        context: &EntityContext<Self>,
    ) {
        let result = posts.map(|posts| {
            // Unless the user changed their mind meanwhile.
            if self.registration.contains(author_id) {
                self.core.merge(posts);
            }
        });
        match (reply, result) {
            (Some(reply), result) => reply.send(result),
            // Nobody waits, so nobody else tries again; the posts are pulled for a while yet.
            (None, Err(error)) => {
                tracing::warn!(user = %self.user_id, author = %author_id, %error, "a back-fill failed; trying again");
                context.after(BACKFILL_RETRY, TimelineMessage::CelebrityChanged { author_id, celebrity: false });
            }
            (None, Ok(())) => {}
        }
    }

    fn schedule_save(&mut self, context: &EntityContext<Self>) {
        if !self.save_scheduled && self.core.change() != self.saved_change {
            self.save_scheduled = true;
            context.after(SAVE_INTERVAL, TimelineMessage::SaveDue);
        }
    }

    fn save(&mut self, context: &EntityContext<Self>) {
        if self.saving || self.core.change() == self.saved_change {
            return;
        }
        self.saving = true;
        let (args, user_id, change) = (self.args.clone(), self.user_id, self.core.change());
        let seen = codec::encode_seen(self.core.seen());
        // Who is no member any more was not told of posts: whoever reads this catches up from the last sure moment.
        let saved_at = self.args.node.last_sure(clock::now());
        let snapshot = codec::encode_snapshot(&self.core, self.followees_hash, saved_at);
        context.spawn(async move {
            // The semaphore is never closed.
            let _turn = args.saves.acquire().await;
            let checkpoint = [(user_id, seen)];
            let (durable, hot) = tokio::join!(
                limited("ledger", SAVE_TIMEOUT, args.ledger.put_timeline_checkpoints(&checkpoint)),
                limited("hot store", HOT_TIMEOUT, args.hot.put_timeline(user_id, snapshot))
            );
            if let Err(error) = hot {
                tracing::debug!(user = %user_id, %error, "cannot save a timeline's snapshot; it will be rebuilt");
            }
            TimelineMessage::Saved { change, error: durable.err() }
        });
    }

    fn saved(&mut self, change: u64, error: Option<StoreError>, context: &EntityContext<Self>) {
        self.saving = false;
        match error {
            None => {
                self.saved_change = change;
                self.leave_without_saving_at = None;
            }
            Some(error) => tracing::warn!(user = %self.user_id, %error, "cannot save what was seen"),
        }
        // What failed, and what changed while it was under way.
        self.schedule_save(context);
    }
}

/// Reads what a timeline needs, after it registered for the posts of `followees`.
async fn load(args: &TimelineArgs, user_id: UserId, followees: Vec<UserId>) -> StoreResult<LoadedTimeline> {
    let now = clock::now();
    let (pulled, checkpoint, likes, snapshot) = tokio::join!(
        args.ledger.pulled_followees(user_id, now),
        args.ledger.timeline_checkpoint(user_id),
        own_likes(&*args.ledger, user_id),
        limited("hot store", HOT_TIMEOUT, args.hot.timeline(user_id))
    );
    let followees_hash = hash_of(&followees, &pulled?);
    let seen = checkpoint?.and_then(|bytes| codec::decode_seen(&bytes)).unwrap_or_default();
    // Without the hot store, or after a change of the graph, everything is read from the ledger.
    let snapshot = snapshot.ok().flatten().and_then(|bytes| codec::decode_snapshot(&bytes));
    // One from the future was saved under a wrong clock: catching up from its date would miss posts.
    let latest = clock::now().plus_ms(CATCH_UP_MARGIN_MS);
    let snapshot = snapshot.filter(|snapshot| snapshot.followees_hash == followees_hash && snapshot.saved_at <= latest);
    let after = snapshot.as_ref().map(|snapshot| catch_up_from(snapshot.saved_at));
    let posts = args.ledger.timeline_posts(user_id, PostRange { after, before: None }, MAX_ENTRIES).await?;
    Ok(LoadedTimeline { snapshot, seen, posts, likes: likes?, followees_hash })
}

async fn own_likes(ledger: &dyn Ledger, user_id: UserId) -> StoreResult<OwnLikes> {
    Ok(OwnLikes::new(&ledger.recent_likes(&[user_id], MAX_OWN_LIKES).await?))
}

fn catch_up_from(saved_at: Timestamp) -> PostId {
    PostId::first_at(saved_at.plus_ms(-CATCH_UP_MARGIN_MS))
}

/// A hash of those whose posts are pushed; never 0, which stands for "changed since it was loaded".
fn hash_of(followees: &[UserId], pulled: &[PulledAuthor]) -> u64 {
    let celebrities = pulled.iter().filter(|author| author.ended_at.is_none()).map(|author| author.author_id);
    let celebrities: HashSet<UserId> = celebrities.collect();
    let mut pushed: Vec<u64> = followees.iter().filter(|id| !celebrities.contains(id)).map(|id| id.0).collect();
    pushed.sort_unstable();
    let bytes: Vec<u8> = pushed.iter().flat_map(|id| id.to_le_bytes()).collect();
    stable_hash(&bytes).max(1)
}
