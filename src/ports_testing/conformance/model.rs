//! A seeded random walk over counters and follows, compared with a simple model in memory.
//!
//! The seed is printed; set `TESSERA_SEED` to walk the same way again.

use super::{
    report::ledger_checks,
    world::{NO_CELEBRITIES, World, like, sorted, unlike},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    future::Future,
    sync::Arc,
};
use tessera_domain::{
    CommentId, PostId, UserId,
    counters::{COUNTER_SHARDS, CounterOperation, CounterOutcome, Counts},
    hash::SeededRandom,
};
use tessera_ports::ledger::FollowOutcome;

ledger_checks!(a_random_walk_agrees_with_the_model);

const STEPS: usize = 400;
const USERS: usize = 8;
const POSTS: usize = 4;

/// The seed of this run: `TESSERA_SEED` (decimal) where it is set, else from the clock. Prints it.
pub fn seed_from_environment() -> u64 {
    let given = std::env::var("TESSERA_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| tessera_ports::clock::now().0 as u64);
    eprintln!("TESSERA_SEED={seed}");
    seed
}

#[derive(Default)]
struct Model {
    follows: BTreeSet<(UserId, UserId)>,
    blocks: BTreeSet<(UserId, UserId)>,
    likes: BTreeSet<(PostId, UserId)>,
    comments: BTreeMap<CommentId, (PostId, UserId)>,
    deleted: HashSet<PostId>,
}

struct Walk {
    world: Arc<World>,
    random: SeededRandom,
    users: Vec<UserId>,
    author: UserId,
    posts: Vec<PostId>,
    model: Model,
}

async fn a_random_walk_agrees_with_the_model(world: Arc<World>) {
    let random = SeededRandom::new(seed_from_environment());
    let users = world.users(USERS).await;
    let author = users[0];
    let posts = world.posts(author, POSTS).await;
    let mut walk = Walk { world, random, users, author, posts, model: Model::default() };
    for step in 0..STEPS {
        let pause_ms = walk.below(3) as i64;
        walk.world.advance(pause_ms);
        if walk.below(2) == 0 {
            walk.step_in_the_graph(step).await
        } else {
            walk.step_on_a_post(step).await
        }
        if step % 50 == 49 {
            walk.compare(step).await;
        }
    }
    let wrong = walk.world.ledger.rebuild_counters().await.expect("rebuild_counters");
    assert_eq!(wrong, 0, "after a random walk no counter is wrong");
}

impl Walk {
    fn below(&mut self, bound: usize) -> usize {
        (self.random.next_u64() % bound as u64) as usize
    }

    async fn step_in_the_graph(&mut self, step: usize) {
        let (a, b) = (self.below(USERS), self.below(USERS - 1));
        let (a, b) = (self.users[a], self.users[if b >= a { b + 1 } else { b }]);
        let (world, now) = (Arc::clone(&self.world), self.world.now());
        let model = &mut self.model;
        match self.random.next_u64() % 10 {
            0..=4 => {
                let expected = if model.blocks.contains(&(a, b)) || model.blocks.contains(&(b, a)) {
                    FollowOutcome::NotFound
                } else if model.follows.insert((a, b)) {
                    FollowOutcome::Followed
                } else {
                    FollowOutcome::AlreadyFollowing
                };
                assert_eq!(world.follow(a, b).await, expected, "step {step}: follow {a} {b}");
            }
            5..=7 => {
                let expected = model.follows.remove(&(a, b));
                assert_eq!(world.unfollow(a, b).await, expected, "step {step}: unfollow {a} {b}");
            }
            8 => {
                model.blocks.insert((a, b));
                model.follows.remove(&(a, b));
                model.follows.remove(&(b, a));
                let blocked = world.ledger.block(a, b, now, NO_CELEBRITIES).await.expect("block");
                assert!(blocked, "step {step}: block {a} {b}");
            }
            _ => {
                model.blocks.remove(&(a, b));
                world.ledger.unblock(a, b).await.expect("unblock");
            }
        }
    }

    async fn step_on_a_post(&mut self, step: usize) {
        let post_id = self.posts[self.random.next_u64() as usize % POSTS];
        if self.below(100) == 0 {
            let deleted = self.world.ledger.delete_post(post_id, self.author, self.world.now()).await;
            deleted.expect("delete_post");
            self.model.forget(post_id);
            return;
        }
        let shard = self.below(usize::from(COUNTER_SHARDS)) as u16;
        let (mut operations, mut expected) = (Vec::new(), Vec::new());
        for _ in 0..1 + self.below(5) {
            let operation = self.operation();
            expected.push(self.model.apply(post_id, self.author, &operation));
            operations.push(operation);
        }
        let batch = self.world.apply(post_id, shard, &operations).await;
        assert_eq!(batch.outcomes, expected, "step {step}: outcomes of {operations:?}");
        assert_eq!(batch.totals, self.model.counts(post_id), "step {step}: totals after {operations:?}");
        let rows = self.world.rows(post_id).await;
        assert!(batch.rows.iter().all(|row| rows.contains(row)), "step {step}: the moved rows are the ledger's");
    }

    fn operation(&mut self) -> CounterOperation {
        let user = self.users[self.random.next_u64() as usize % USERS];
        match self.below(8) {
            0..=2 => like(user),
            3..=4 => unlike(user),
            5..=6 => self.world.comment(user, None).1,
            _ => {
                let known: Vec<CommentId> = self.model.comments.keys().copied().collect();
                let chosen = self.below(known.len() + 1);
                let comment_id = known.get(chosen).copied().unwrap_or_else(|| CommentId(self.world.id()));
                CounterOperation::DeleteComment { comment_id, user_id: user }
            }
        }
    }

    async fn compare(&self, step: usize) {
        for user in &self.users {
            let follows = |edge: &&(UserId, UserId)| edge.0 == *user;
            let expected: Vec<UserId> = self.model.follows.iter().filter(follows).map(|edge| edge.1).collect();
            let followees = self.world.ledger.followees(*user).await.expect("followees");
            assert_eq!(sorted(&followees), expected, "step {step}: whom {user} follows");
            let account = self.world.account(*user).await;
            let followers = self.model.follows.iter().filter(|edge| edge.1 == *user).count();
            let counts = (account.follower_count, account.following_count);
            assert_eq!(counts, (followers as u64, expected.len() as u64), "step {step}: counts of {user}");
            let liked = self.world.ledger.liked_by(*user, &self.posts).await.expect("liked_by");
            let likes = self.model.likes.iter().filter(|(_, who)| who == user).map(|(post, _)| *post);
            assert_eq!(sorted(&liked), likes.collect::<Vec<_>>(), "step {step}: what {user} likes");
        }
        for post_id in &self.posts {
            assert_eq!(self.world.counts(*post_id).await, self.model.counts(*post_id), "step {step}: {post_id}");
            let comments = self.world.ledger.comments(*post_id, None, 1_000).await.expect("comments");
            let listed: Vec<CommentId> = comments.iter().map(|comment| comment.id).collect();
            let expected = self.model.comments.iter().filter(|(_, (post, _))| post == post_id).map(|(id, _)| *id);
            assert_eq!(listed, expected.collect::<Vec<_>>(), "step {step}: comments of {post_id}");
        }
        let posts = self.world.account(self.author).await.post_count;
        assert_eq!(posts, (POSTS - self.model.deleted.len()) as u64, "step {step}: the author's posts");
    }
}

impl Model {
    fn apply(&mut self, post_id: PostId, author: UserId, operation: &CounterOperation) -> CounterOutcome {
        if self.deleted.contains(&post_id) {
            return CounterOutcome::NotFound;
        }
        match operation {
            CounterOperation::Like { user_id } if self.likes.insert((post_id, *user_id)) => CounterOutcome::Applied,
            CounterOperation::Like { .. } => CounterOutcome::AlreadyLiked,
            CounterOperation::Unlike { user_id } if self.likes.remove(&(post_id, *user_id)) => CounterOutcome::Applied,
            CounterOperation::Unlike { .. } => CounterOutcome::NotLiked,
            CounterOperation::AddComment { comment_id, user_id, .. } => {
                self.comments.insert(*comment_id, (post_id, *user_id));
                CounterOutcome::Applied
            }
            CounterOperation::DeleteComment { comment_id, user_id } => match self.comments.get(comment_id) {
                Some((on, who)) if *on == post_id && (who == user_id || author == *user_id) => {
                    self.comments.remove(comment_id);
                    CounterOutcome::Applied
                }
                Some((on, _)) if *on == post_id => CounterOutcome::Forbidden,
                _ => CounterOutcome::NotFound,
            },
        }
    }

    fn forget(&mut self, post_id: PostId) {
        self.deleted.insert(post_id);
        self.likes.retain(|(post, _)| *post != post_id);
        self.comments.retain(|_, (post, _)| *post != post_id);
    }

    fn counts(&self, post_id: PostId) -> Counts {
        Counts {
            likes: self.likes.iter().filter(|(post, _)| *post == post_id).count() as u64,
            comments: self.comments.values().filter(|(post, _)| *post == post_id).count() as u64,
        }
    }
}
