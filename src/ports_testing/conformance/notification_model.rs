//! A seeded random play of a few people, after each deed of which everybody's inbox is compared with a simple model.
//!
//! The seed is printed; set `TESSERA_SEED` to play the same again.

use super::{
    model::seed_from_environment,
    report::ledger_checks,
    world::{NO_CELEBRITIES, World, like, unlike},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    future::Future,
    sync::Arc,
};
use tessera_domain::{
    CommentId, NotificationId, PostId, Timestamp, UserId,
    counters::CounterOperation,
    event::Event,
    hash::SeededRandom,
    notification::{
        AuthorComment, KNOWN_SIGNALS, MAX_TOLD_COMMENTERS, NAMED_ACTORS, Notification, NotificationKind, Signal,
        signals_of,
    },
};
use tessera_ports::ledger::FollowOutcome;

ledger_checks!(inboxes_agree_with_the_model_after_every_deed);

const STEPS: usize = 200;
const PEOPLE: usize = 5;
const POSTS: usize = 6;

/// What one signal left in a notification.
#[derive(Debug, Clone, Copy)]
struct Told {
    actor_id: UserId,
    comment_id: Option<CommentId>,
}

#[derive(Debug)]
struct ModelNotification {
    id: NotificationId,
    kind: NotificationKind,
    post_id: Option<PostId>,
    /// The oldest signal first.
    told: Vec<Told>,
    read: bool,
    updated_at: Timestamp,
}

#[derive(Default)]
struct Model {
    authors: BTreeMap<PostId, UserId>,
    likes: BTreeSet<(PostId, UserId)>,
    comments: BTreeMap<CommentId, (PostId, UserId)>,
    follows: BTreeSet<(UserId, UserId)>,
    blocks: BTreeSet<(UserId, UserId)>,
    heard: HashSet<(UserId, Signal)>,
    inboxes: BTreeMap<UserId, Vec<ModelNotification>>,
}

struct Play {
    world: Arc<World>,
    random: SeededRandom,
    people: Vec<UserId>,
    posts: Vec<PostId>,
    model: Model,
}

async fn inboxes_agree_with_the_model_after_every_deed(world: Arc<World>) {
    let random = SeededRandom::new(seed_from_environment());
    let people = world.users(PEOPLE).await;
    let mut play = Play { world, random, people, posts: Vec::new(), model: Model::default() };
    for number in 0..POSTS {
        let author_id = play.people[number % 3];
        let post_id = play.world.post(author_id).await;
        play.posts.push(post_id);
        play.model.authors.insert(post_id, author_id);
    }
    for step in 0..STEPS {
        play.world.advance(1);
        let deed = play.deed().await;
        play.compare(&format!("step {step}, {deed}")).await;
    }
}

impl Play {
    fn below(&mut self, bound: usize) -> usize {
        (self.random.next_u64() % bound as u64) as usize
    }

    /// Plays one deed; says which.
    async fn deed(&mut self) -> String {
        let (one, other) = (self.below(PEOPLE), self.below(PEOPLE - 1));
        let (one, other) = (self.people[one], self.people[if other >= one { other + 1 } else { other }]);
        let post_id = self.posts[self.random.next_u64() as usize % POSTS];
        match self.below(100) {
            0..=29 => self.comment(one, post_id).await,
            30..=37 => self.delete_comment().await,
            38..=54 => self.engage(post_id, like(one)).await,
            55..=61 => self.engage(post_id, unlike(one)).await,
            62..=71 => self.follow(one, other).await,
            72..=76 => {
                self.world.unfollow(one, other).await;
                self.model.follows.remove(&(one, other));
                format!("{one} unfollows {other}")
            }
            77..=79 => self.block(one, other).await,
            80..=84 => {
                self.world.ledger.unblock(one, other).await.expect("unblock");
                self.model.blocks.remove(&(one, other));
                format!("{one} unblocks {other}")
            }
            85 => self.delete_post(post_id).await,
            _ => self.mark_read(one).await,
        }
    }

    async fn comment(&mut self, user_id: UserId, post_id: PostId) -> String {
        let (comment_id, operation) = self.world.comment(user_id, None);
        let deed = self.engage(post_id, operation).await;
        // Whatever the model says: a comment notifies the post's author, unless one has blocked the other.
        if let Some(author_id) = self.model.authors.get(&post_id).copied().filter(|author_id| *author_id != user_id) {
            let list = self.list(author_id).await;
            let of = |found: &&Notification| (found.kind, found.post_id) == (NotificationKind::Comment, Some(post_id));
            let newest = list.iter().filter(of).find(|found| !found.read).and_then(|found| found.actor_ids.first());
            if !self.model.blocked(author_id, user_id) {
                assert_eq!(newest, Some(&user_id), "{deed}: {comment_id} notifies {author_id}");
            }
        }
        deed
    }

    async fn delete_comment(&mut self) -> String {
        let known: Vec<_> = self.model.comments.iter().map(|(id, (post_id, by))| (*id, *post_id, *by)).collect();
        if known.is_empty() {
            return "nothing to delete".to_owned();
        }
        let (comment_id, post_id, user_id) = known[self.below(known.len())];
        self.engage(post_id, CounterOperation::DeleteComment { comment_id, user_id }).await
    }

    async fn engage(&mut self, post_id: PostId, operation: CounterOperation) -> String {
        self.world.apply(post_id, 0, std::slice::from_ref(&operation)).await;
        if self.model.authors.contains_key(&post_id) {
            match &operation {
                CounterOperation::Like { user_id } => drop(self.model.likes.insert((post_id, *user_id))),
                CounterOperation::Unlike { user_id } => drop(self.model.likes.remove(&(post_id, *user_id))),
                CounterOperation::AddComment { comment_id, user_id, .. } => {
                    self.model.comments.insert(*comment_id, (post_id, *user_id));
                }
                CounterOperation::DeleteComment { comment_id, .. } => drop(self.model.comments.remove(comment_id)),
            }
        }
        self.deliver().await;
        format!("{operation:?} on {post_id}")
    }

    async fn follow(&mut self, follower_id: UserId, followee_id: UserId) -> String {
        if self.world.follow(follower_id, followee_id).await == FollowOutcome::Followed {
            self.model.follows.insert((follower_id, followee_id));
        }
        self.deliver().await;
        format!("{follower_id} follows {followee_id}")
    }

    async fn block(&mut self, blocker_id: UserId, blocked_id: UserId) -> String {
        let blocked = self.world.ledger.block(blocker_id, blocked_id, self.world.now(), NO_CELEBRITIES).await;
        assert!(blocked.expect("block"), "{blocker_id} blocks {blocked_id}");
        self.model.blocks.insert((blocker_id, blocked_id));
        self.model.follows.remove(&(blocker_id, blocked_id));
        self.model.follows.remove(&(blocked_id, blocker_id));
        format!("{blocker_id} blocks {blocked_id}")
    }

    async fn delete_post(&mut self, post_id: PostId) -> String {
        if let Some(author_id) = self.model.authors.remove(&post_id) {
            self.world.ledger.delete_post(post_id, author_id, self.world.now()).await.expect("delete_post");
            self.model.likes.retain(|(post, _)| *post != post_id);
            self.model.comments.retain(|_, (post, _)| *post != post_id);
            if self.below(2) == 0 {
                while self.world.ledger.purge_deleted_post(100).await.expect("purge_deleted_post").is_some() {}
            }
        }
        format!("{post_id} is deleted")
    }

    /// Marks as read from a random place of the list on, most often from its top.
    async fn mark_read(&mut self, user_id: UserId) -> String {
        let list = self.list(user_id).await;
        let Some(last) = list.len().checked_sub(1) else { return format!("{user_id} has nothing to read") };
        let place = if self.below(4) == 0 { self.below(last + 1) } else { 0 };
        let up_to = &list[place];
        self.world.ledger.mark_read(user_id, up_to.id).await.expect("mark_read");
        for notification in self.model.inboxes.entry(user_id).or_default() {
            notification.read |= (notification.updated_at, notification.id) <= (up_to.updated_at, up_to.id);
        }
        if place == 0 {
            let unread = self.world.ledger.unread_count(user_id).await.expect("unread_count");
            assert_eq!(unread, 0, "{user_id} has read everything");
        }
        format!("{user_id} reads from place {place} on")
    }

    /// Brings what is in the outbox to the inboxes, as its relay does, now and then twice.
    async fn deliver(&mut self) {
        for event in self.world.events().await {
            for _ in 0..1 + self.below(8) / 7 {
                self.deliver_event(&event).await;
            }
        }
    }

    async fn deliver_event(&mut self, event: &Event) {
        if let Some((user_id, signals)) = signals_of(event) {
            self.record(user_id, &signals).await;
        }
        for comment in AuthorComment::all_of(event) {
            let AuthorComment { post_id, comment_id, author_id } = comment;
            let found = self.world.ledger.commenters(post_id, comment_id, author_id, MAX_TOLD_COMMENTERS).await;
            let told = found.expect("commenters");
            assert_eq!(told, self.model.commenters(post_id, comment_id, author_id), "before {comment_id}");
            for user_id in told {
                self.record(user_id, &[comment.signal()]).await;
            }
        }
    }

    async fn record(&mut self, user_id: UserId, signals: &[Signal]) {
        let (now, mut with_ids) = (self.world.now(), Vec::with_capacity(signals.len()));
        for signal in signals {
            let id = NotificationId(self.world.id());
            self.model.hear(user_id, *signal, id, now);
            with_ids.push((*signal, id));
        }
        self.world.ledger.record_signals(user_id, &with_ids, now).await.expect("record_signals");
    }

    async fn list(&self, user_id: UserId) -> Vec<Notification> {
        let rows = self.world.ledger.notifications(user_id, None, 100).await.expect("notifications");
        rows.into_iter().filter(Notification::is_shown).collect()
    }

    async fn compare(&self, deed: &str) {
        for user_id in &self.people {
            let list = self.list(*user_id).await;
            assert_eq!(list, self.model.list(*user_id), "{deed}: the list of {user_id}");
            let unread = self.world.ledger.unread_count(*user_id).await.expect("unread_count");
            let expected = list.iter().filter(|notification| !notification.read).count() as u64;
            assert_eq!(unread, expected, "{deed}: {user_id} has as many unread as the list shows");
        }
    }
}

impl Model {
    fn blocked(&self, one: UserId, other: UserId) -> bool {
        self.blocks.contains(&(one, other)) || self.blocks.contains(&(other, one))
    }

    fn hear(&mut self, user_id: UserId, signal: Signal, id: NotificationId, now: Timestamp) {
        if !self.heard.insert((user_id, signal)) {
            return;
        }
        let Signal { kind, post_id, actor_id, .. } = signal;
        let inbox = self.inboxes.entry(user_id).or_default();
        let open = inbox.iter_mut().find(|found| (found.kind, found.post_id, found.read) == (kind, post_id, false));
        let notification = match open {
            Some(open) => open,
            None => {
                inbox.push(ModelNotification { id, kind, post_id, told: Vec::new(), read: false, updated_at: now });
                inbox.last_mut().expect("one was pushed")
            }
        };
        notification.told.push(Told { actor_id, comment_id: signal.comment_id });
        notification.updated_at = now;
    }

    /// Who commented on a post before a comment of its author, the latest first.
    fn commenters(&self, post_id: PostId, before: CommentId, author_id: UserId) -> Vec<UserId> {
        let mut people = Vec::new();
        for (_, (on, user_id)) in self.comments.range(..before).rev() {
            if *on == post_id && *user_id != author_id && !people.contains(user_id) {
                people.push(*user_id);
            }
        }
        people
    }

    fn stands(&self, user_id: UserId, notification: &ModelNotification, told: &Told) -> bool {
        let post = notification.post_id.filter(|post_id| self.authors.contains_key(post_id));
        let stands = match notification.kind {
            NotificationKind::Like => post.is_some_and(|post_id| self.likes.contains(&(post_id, told.actor_id))),
            NotificationKind::Comment => told.comment_id.is_some_and(|id| self.comments.contains_key(&id)),
            NotificationKind::Follow => self.follows.contains(&(told.actor_id, user_id)),
        };
        stands && !self.blocked(user_id, told.actor_id)
    }

    /// What somebody's list shows, newest first.
    fn list(&self, user_id: UserId) -> Vec<Notification> {
        let mut shown: Vec<Notification> = self
            .inboxes
            .get(&user_id)
            .into_iter()
            .flatten()
            .filter_map(|notification| {
                let known = notification.told.iter().rev().take(KNOWN_SIGNALS);
                let standing = known.filter(|told| self.stands(user_id, notification, told));
                let mut actor_ids: Vec<UserId> = Vec::new();
                for told in standing {
                    if !actor_ids.contains(&told.actor_id) {
                        actor_ids.push(told.actor_id);
                    }
                }
                let actor_count = actor_ids.len() as u64;
                actor_ids.truncate(NAMED_ACTORS);
                let ModelNotification { id, kind, post_id, read, updated_at, .. } = *notification;
                let own_post = post_id.is_some_and(|post_id| self.authors.get(&post_id) == Some(&user_id));
                (actor_count > 0).then_some(Notification {
                    id,
                    kind,
                    post_id,
                    own_post,
                    actor_ids,
                    actor_count,
                    read,
                    updated_at,
                })
            })
            .collect();
        shown.sort_by_key(|notification| std::cmp::Reverse((notification.updated_at, notification.id)));
        shown
    }
}
