//! What this node remembers of posts and accounts.

use super::node_cache::NodeCache;
use std::{sync::Arc, time::Duration};
use tessera_actors::fanout::CacheInvalidation;
use tessera_domain::{
    PostId, UserId,
    post::{Post, PostRef},
    user::User,
};
use tessera_ports::ledger::TokenHash;
use tokio::sync::RwLock;

/// How long a post is believed unless it is invalidated. Every node hears of edits through the outbox; this
/// bounds what a node shows that did not.
const POST_TTL: Duration = Duration::from_secs(15);
/// Bytes of posts kept.
const POST_BYTES: u64 = 64 * 1024 * 1024;
/// How long an account's name and flags are believed unless they are invalidated.
const USER_TTL: Duration = Duration::from_secs(5);
/// Bytes of accounts kept.
const USER_BYTES: u64 = 32 * 1024 * 1024;
/// How long an authenticated token is believed without asking the ledger. Every node hears of a log-out before it is
/// answered; this bounds what a node believes that could not be reached.
const SESSION_TTL: Duration = Duration::from_secs(10);
/// Most tokens remembered at once.
const SESSION_ENTRIES: u64 = 100_000;
/// How long a celebrity's newest posts are believed: how late they may show in the feeds of this node.
const RECENT_TTL: Duration = Duration::from_millis(500);
/// Bytes of celebrities' newest posts kept.
const RECENT_BYTES: u64 = 32 * 1024 * 1024;
/// What an entry takes besides its text: the value itself, its key and the cache's own books.
const ENTRY_OVERHEAD_BYTES: usize = 400;

/// This node's caches. Made once and shared by the use cases and the outbox relay, which invalidates.
pub struct NodeCaches {
    pub(super) posts: NodeCache<PostId, Arc<Post>>,
    pub(super) users: NodeCache<UserId, Arc<User>>,
    /// Whose tokens are whose.
    pub(crate) sessions: NodeCache<TokenHash, UserId>,
    pub(super) recent: NodeCache<UserId, Arc<[PostRef]>>,
    /// Held for reading while copies go to the hot store and for writing while they are taken from it, so that
    /// a copy read before an edit is never put back after it.
    pub(super) hot_copies: RwLock<()>,
}

impl NodeCaches {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            posts: NodeCache::new(POST_BYTES, POST_TTL, |post: &Arc<Post>| post_bytes(post)),
            users: NodeCache::new(USER_BYTES, USER_TTL, |user: &Arc<User>| user_bytes(user)),
            sessions: NodeCache::new(SESSION_ENTRIES, SESSION_TTL, |_| 1),
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

    fn session_ended(&self, token: &TokenHash) {
        self.sessions.invalidate(*token);
    }
}

fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes.saturating_add(ENTRY_OVERHEAD_BYTES)).unwrap_or(u32::MAX)
}

fn post_bytes(post: &Post) -> u32 {
    let tags: usize = post.hashtags.iter().map(|tag| tag.len() + size_of::<String>()).sum();
    weight(post.caption.len() + post.alt_text.len() + post.media.blurhash.len() + tags)
}

fn user_bytes(user: &User) -> u32 {
    weight(user.username.as_str().len() + user.display_name.len() + user.bio.len())
}

fn recent_bytes(posts: &[PostRef]) -> u32 {
    weight(size_of_val(posts))
}
