//! What this node remembers of posts and accounts.

use super::{Shown, node_cache::NodeCache};
use std::{sync::Arc, time::Duration};
use tessera_actors::fanout::CacheInvalidation;
use tessera_domain::{
    PostId, UserId,
    post::{Post, PostRef},
    relations::Relations,
    user::User,
};
use tessera_ports::ledger::TokenHash;
use tokio::sync::RwLock;

/// How long a post is believed unless it is invalidated: every node hears of edits, at the latest through the outbox.
const POST_TTL: Duration = Duration::from_secs(300);
/// Bytes of posts kept.
const POST_BYTES: u64 = 128 * 1024 * 1024;
/// How long an account's name and flags are believed unless they are invalidated, as posts are.
const USER_TTL: Duration = Duration::from_secs(300);
/// Bytes of accounts kept.
const USER_BYTES: u64 = 32 * 1024 * 1024;
/// How long an authenticated token is believed without asking the ledger. Every node hears of a log-out before it is
/// answered; this bounds what a node believes that could not be reached.
const SESSION_TTL: Duration = Duration::from_secs(10);
/// Most tokens remembered at once.
const SESSION_ENTRIES: u64 = 100_000;
/// How long it is believed how somebody stands to others, unless it is invalidated. Every node hears of each change
/// before it is answered, or is evicted and forgets everything.
const RELATIONS_TTL: Duration = Duration::from_secs(600);
/// Bytes of relations kept.
const RELATIONS_BYTES: u64 = 64 * 1024 * 1024;
/// How long a celebrity's newest posts are believed unless they are invalidated: every node hears of a new one through
/// the outbox.
const RECENT_TTL: Duration = Duration::from_secs(60);
/// Bytes of celebrities' newest posts kept.
const RECENT_BYTES: u64 = 32 * 1024 * 1024;
/// What a post's ready bytes take besides its text: names of fields and addresses of files.
const POST_RUNS_BYTES: usize = 1_200;
/// What an author's ready bytes take besides the names.
const USER_RUNS_BYTES: usize = 120;
/// What an entry takes besides its text: the value itself, its key and the cache's own books.
const ENTRY_OVERHEAD_BYTES: usize = 400;

/// How an account stands to others.
#[derive(Debug, Default)]
pub(super) struct KnownRelations {
    /// `None` where there are too many to keep.
    pub(super) relations: Option<Relations>,
    /// Those it follows whose posts are pulled.
    pub(super) pulled: Box<[UserId]>,
}

impl KnownRelations {
    fn weight(&self) -> u32 {
        let bytes = self.relations.as_ref().map_or(0, Relations::heap_bytes);
        weight(bytes + size_of_val(&*self.pulled))
    }
}

/// This node's caches. Made once and shared by the use cases and the outbox relay, which invalidates.
pub struct NodeCaches {
    pub(super) posts: NodeCache<PostId, Arc<Shown<Post>>>,
    pub(super) users: NodeCache<UserId, Arc<Shown<User>>>,
    /// Whose tokens are whose.
    pub(crate) sessions: NodeCache<TokenHash, UserId>,
    pub(super) relations: NodeCache<UserId, Arc<KnownRelations>>,
    pub(super) recent: NodeCache<UserId, Arc<[PostRef]>>,
    /// Held for reading while copies go to the hot store and for writing while they are taken from it, so that
    /// a copy read before an edit is never put back after it.
    pub(super) hot_copies: RwLock<()>,
}

impl NodeCaches {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            posts: NodeCache::new(POST_BYTES, POST_TTL, |post: &Arc<Shown<Post>>| post_bytes(post)),
            users: NodeCache::new(USER_BYTES, USER_TTL, |user: &Arc<Shown<User>>| user_bytes(user)),
            sessions: NodeCache::new(SESSION_ENTRIES, SESSION_TTL, |_| 1),
            relations: NodeCache::new(RELATIONS_BYTES, RELATIONS_TTL, |known: &Arc<KnownRelations>| known.weight()),
            recent: NodeCache::new(RECENT_BYTES, RECENT_TTL, |posts: &Arc<[PostRef]>| recent_bytes(posts)),
            hot_copies: RwLock::new(()),
        })
    }

    /// Forgets a post that was edited or deleted; returns whether there was a copy.
    pub fn invalidate_post(&self, post_id: PostId) -> bool {
        self.posts.invalidate(post_id)
    }

    /// Forgets everything: this node may not have heard of what changed.
    pub fn clear(&self) {
        self.posts.invalidate_all();
        self.users.invalidate_all();
        self.sessions.invalidate_all();
        self.relations.invalidate_all();
        self.recent.invalidate_all();
    }
}

impl CacheInvalidation for NodeCaches {
    fn post_changed(&self, post_id: PostId) -> u64 {
        u64::from(self.invalidate_post(post_id))
    }

    fn user_changed(&self, user_id: UserId) {
        self.users.invalidate(user_id);
    }

    fn relations_changed(&self, user_id: UserId) {
        self.relations.invalidate(user_id);
    }

    fn newest_posts_changed(&self, author_id: UserId) {
        self.recent.invalidate(author_id);
    }

    fn celebrities_changed(&self) {
        self.relations.invalidate_all();
    }

    fn session_ended(&self, token: &TokenHash) {
        self.sessions.invalidate(*token);
    }
}

fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes.saturating_add(ENTRY_OVERHEAD_BYTES)).unwrap_or(u32::MAX)
}

fn post_bytes(post: &Post) -> u32 {
    let tags: usize = post.hashtags.iter().map(|tag| tag.len() + size_of::<String>()).sum();
    // Texts are kept twice: by themselves, and in the bytes that are shown.
    weight(2 * (post.caption.len() + post.alt_text.len() + post.media.blurhash.len() + tags) + POST_RUNS_BYTES)
}

fn user_bytes(user: &User) -> u32 {
    weight(2 * (user.username.as_str().len() + user.display_name.len()) + user.bio.len() + USER_RUNS_BYTES)
}

fn recent_bytes(posts: &[PostRef]) -> u32 {
    weight(size_of_val(posts))
}
