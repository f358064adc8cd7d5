//! What is known of one person's taste: pure, bounded, kept up to date by every like.

use std::collections::{HashMap, VecDeque};
use tessera_domain::{PostId, Timestamp, UserId, time::DAY_MS};
use tessera_ports::ledger::StandingLike;

/// Likes that are remembered.
pub(super) const RECENT_LIKES: usize = 100;
/// Of each liked post so many who liked it last are compared.
pub(super) const LIKERS_PER_POST: usize = 50;
/// People who like the same that are asked for their posts (docs/functions.md, section 6).
pub(super) const SIMILAR_USERS: usize = 50;
/// People whose likeness is kept; the least alike go first.
const KEPT_USERS: usize = 1_000;
/// What two people have in common counts half after this long.
const HALF_LIFE_MS: f64 = 14.0 * DAY_MS as f64;

#[derive(Debug, Clone, Default)]
pub(super) struct Taste {
    likes: VecDeque<StandingLike>,
    /// How much others like the same.
    alike: HashMap<UserId, f64>,
}

impl Taste {
    /// Taste as the ledger tells it: likes newest first, and who else likes each of those posts.
    pub fn loaded(user_id: UserId, likes: Vec<StandingLike>, likers: &[(PostId, UserId)], now: Timestamp) -> Self {
        let mut by_post: HashMap<PostId, Vec<UserId>> = HashMap::new();
        for (post_id, liker) in likers.iter().filter(|(_, liker)| *liker != user_id) {
            by_post.entry(*post_id).or_default().push(*liker);
        }
        let mut taste = Self { likes: likes.into_iter().take(RECENT_LIKES).collect(), alike: HashMap::new() };
        for index in 0..taste.likes.len() {
            let like = taste.likes[index];
            taste.compare(&by_post.remove(&like.post.post_id).unwrap_or_default(), like.at, now);
        }
        taste
    }

    /// The person likes one more post, which `likers` liked last.
    pub fn liked(&mut self, like: StandingLike, likers: &[UserId], now: Timestamp) {
        if self.likes.iter().any(|known| known.post.post_id == like.post.post_id) {
            return;
        }
        self.likes.push_front(like);
        self.likes.truncate(RECENT_LIKES);
        let others: Vec<UserId> = likers.iter().copied().filter(|liker| *liker != like.user_id).collect();
        self.compare(&others, like.at, now);
    }

    /// Takes a like back; false where it was not known. Whom it made alike stays so until the next load.
    pub fn unliked(&mut self, post_id: PostId) -> bool {
        let known = self.likes.len();
        self.likes.retain(|like| like.post.post_id != post_id);
        self.likes.len() < known
    }

    /// Likes that stand, newest first.
    pub fn likes(&self) -> impl Iterator<Item = &StandingLike> {
        self.likes.iter()
    }

    /// The people who are most alike, most first; the first has 1, others their share of it.
    pub fn similar_users(&self) -> Vec<(UserId, f64)> {
        let mut all: Vec<(UserId, f64)> = self.alike.iter().map(|(user, weight)| (*user, *weight)).collect();
        all.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all.truncate(SIMILAR_USERS);
        let most = all.first().map_or(1.0, |(_, weight)| *weight);
        all.into_iter().map(|(user, weight)| (user, weight / most)).collect()
    }

    /// Bytes on the heap, about.
    pub fn heap_bytes(&self) -> usize {
        self.likes.capacity() * size_of::<StandingLike>() + self.alike.capacity() * size_of::<(UserId, f64)>()
    }

    /// A post that few like says more about those who do (Adamic and Adar, 2003), and a like of today more than one of
    /// last month.
    fn compare(&mut self, others: &[UserId], at: Timestamp, now: Timestamp) {
        let age_ms = now.since_ms(at).max(0) as f64;
        let weight = (-age_ms / HALF_LIFE_MS).exp2() / (1.0 + others.len() as f64).ln().max(1.0);
        for other in others {
            *self.alike.entry(*other).or_insert(0.0) += weight;
        }
        if self.alike.len() > KEPT_USERS {
            let mut weights: Vec<f64> = self.alike.values().copied().collect();
            let (_, least, _) = weights.select_nth_unstable_by(KEPT_USERS / 10, f64::total_cmp);
            let least = *least;
            let mut surplus = self.alike.len() - KEPT_USERS + KEPT_USERS / 10;
            self.alike.retain(|_, weight| {
                let weak = surplus > 0 && *weight <= least;
                surplus -= usize::from(weak);
                !weak
            });
        }
    }
}
