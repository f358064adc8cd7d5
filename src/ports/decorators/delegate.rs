//! Every port over [`Decorated`]: one line per method.

use super::{Decorated, Decorator};
use crate::{
    HotStore, Ledger, ObjectStore, StoreResult,
    ledger::*,
    object_store::{ObjectBody, ObjectInfo, PresignedPut, StoredPart},
};
use async_trait::async_trait;
use bytes::Bytes;
use std::{ops::RangeInclusive, path::Path};
use tessera_domain::{
    CommentId, NotificationId, PostId, Timestamp, UploadId, UserId,
    ads::Ad,
    celebrity::{CelebrityRule, PulledAuthor},
    counters::{CounterOperation, Counts, ShardCounts},
    notification::{Notification, Signal},
    post::{Comment, Post, PostRef},
    relations::Relations,
    upload::Upload,
    user::{Relationship, User, Username},
};

/// Implements a port: each method goes through the decorator on its way to the adapter's.
/// What stands after the methods is taken over as it is.
macro_rules! decorated {
    ($port:ident {
        $( fn $method:ident($($argument:ident: $argument_type:ty),* $(,)?) -> $answer:ty; )*
    } $( as it is { $($plain:tt)* } )?) => {
        #[async_trait]
        impl<P: $port + ?Sized, D: Decorator> $port for Decorated<P, D> {
            $(
                async fn $method(&self, $($argument: $argument_type),*) -> StoreResult<$answer> {
                    self.decorator.call(stringify!($method), self.inner.$method($($argument),*)).await
                }
            )*
            $( $($plain)* )?
        }
    };
}

decorated!(AccountLedger {
    fn create_user(user: NewUser) -> CreateUserOutcome;
    fn credentials(username: &Username) -> Option<(UserId, String)>;
    fn create_session(token_hash: TokenHash, user_id: UserId, created_at: Timestamp, expires_at: Timestamp) -> ();
    fn session_user(token_hash: TokenHash, now: Timestamp) -> Option<UserId>;
    fn delete_session(token_hash: TokenHash) -> bool;
    fn users(ids: &[UserId]) -> Vec<User>;
    fn user_by_name(username: &Username) -> Option<User>;
    fn account_ids(after: Option<UserId>, limit: usize) -> Vec<UserId>;
    fn update_profile(user_id: UserId, change: ProfileChange) -> Option<User>;
});

decorated!(ReplyLedger {
    fn saved_reply(scope: &str, key: &str, now: Timestamp) -> Option<SavedReply>;
    fn save_reply(scope: &str, key: &str, reply: SavedReply, now: Timestamp) -> ();
});

decorated!(GraphLedger {
    fn follow(follower_id: UserId, followee_id: UserId, now: Timestamp, rule: CelebrityRule) -> FollowOutcome;
    fn unfollow(follower_id: UserId, followee_id: UserId, now: Timestamp, rule: CelebrityRule) -> bool;
    fn block(blocker_id: UserId, blocked_id: UserId, now: Timestamp, rule: CelebrityRule) -> bool;
    fn unblock(blocker_id: UserId, blocked_id: UserId) -> ();
    fn mute(muter_id: UserId, muted_id: UserId, now: Timestamp) -> bool;
    fn unmute(muter_id: UserId, muted_id: UserId) -> ();
    fn relationships(viewer_id: UserId, others: &[UserId]) -> Vec<Relationship>;
    fn relations(user_id: UserId, limit: usize) -> Option<Relations>;
    fn followees(user_id: UserId) -> Vec<UserId>;
    fn pulled_followees(user_id: UserId, now: Timestamp) -> Vec<PulledAuthor>;
    fn followers(user_id: UserId, after: Option<i64>, limit: usize) -> Vec<FollowRow>;
    fn following(user_id: UserId, after: Option<i64>, limit: usize) -> Vec<FollowRow>;
});

decorated!(UploadLedger {
    fn create_upload(new: NewUpload) -> CreateUploadOutcome;
    fn upload(id: UploadId) -> Option<Upload>;
    fn complete_upload(
        id: UploadId,
        user_id: UserId,
        caption: &str,
        alt_text: &str,
        now: Timestamp,
        max_queued: u64,
    ) -> CompleteUploadOutcome;
    fn cancel_upload(id: UploadId, user_id: UserId, now: Timestamp) -> CancelUploadOutcome;
    fn claim_jobs(limit: usize, max_videos: usize, lease_ms: i64, now: Timestamp) -> Vec<MediaJob>;
    fn extend_lease(id: UploadId, lease_token: u64, lease_until: Timestamp) -> bool;
    fn finish_job(id: UploadId, lease_token: u64, finished: FinishedMedia) -> FinishJobOutcome;
    fn fail_job(id: UploadId, lease_token: u64, reason: &str, retry_at: Option<Timestamp>, now: Timestamp) -> bool;
    fn release_job(id: UploadId, lease_token: u64, due_at: Timestamp, reason: Option<&str>) -> bool;
    fn sweep_uploads(expired_before: Timestamp, limit: usize) -> Vec<Upload>;
    fn ended_uploads(now: Timestamp, limit: usize) -> Vec<Upload>;
    fn objects_deleted(ids: &[UploadId]) -> ();
    fn jobs(state: Option<JobState>, after: Option<i64>, limit: usize) -> Vec<JobView>;
    fn job_counts() -> JobCounts;
    fn retry_job(id: UploadId, now: Timestamp) -> bool;
});

decorated!(PostLedger {
    fn posts(ids: &[PostId]) -> Vec<Post>;
    fn edit_post(
        id: PostId,
        editor_id: UserId,
        caption: Option<(String, Vec<String>)>,
        alt_text: Option<String>,
        now: Timestamp,
    ) -> ChangePostOutcome;
    fn delete_post(id: PostId, user_id: UserId, now: Timestamp) -> ChangePostOutcome;
    fn purge_deleted_post(most: usize) -> Option<u64>;
    fn posts_by_author(author_id: UserId, before: Option<PostId>, limit: usize) -> Vec<PostRef>;
    fn recent_posts(author_ids: &[UserId], before: Option<PostId>, limit: usize) -> Vec<PostRef>;
    fn timeline_posts(user_id: UserId, range: PostRange, limit: usize) -> Vec<PostRef>;
    fn public_posts(after: PostId, limit: usize) -> Vec<PostRef>;
});

decorated!(EmbeddingLedger {
    fn put_embeddings(embeddings: &[(PostId, Embedding)]) -> u64;
    fn embeddings(ids: &[PostId], model: Option<&str>) -> Vec<PostEmbedding>;
    fn embedded_posts(model: &str, slot: u16, after: Option<PostId>, limit: usize) -> Vec<PostId>;
    fn posts_to_embed(model: &str, range: PostRange, limit: usize) -> PostsToEmbed;
    fn embedding_models() -> Vec<String>;
    fn drop_superseded_embeddings(model: &str, successor: &str, ids: &[PostId]) -> u64;
});

decorated!(EngagementLedger {
    fn apply_counter_batch(
        post_id: PostId,
        shard: u16,
        operations: &[CounterOperation],
        now: Timestamp,
    ) -> CounterBatch;
    fn shard_counts(ids: &[PostId]) -> Vec<(PostId, ShardCounts)>;
    fn liked_by(user_id: UserId, ids: &[PostId]) -> Vec<PostId>;
    fn likers(post_id: PostId, after: Option<i64>, limit: usize) -> Vec<LikeRow>;
    fn comments(post_id: PostId, after: Option<CommentId>, limit: usize) -> Vec<Comment>;
    fn commenters(post_id: PostId, before: CommentId, except: UserId, limit: usize) -> Vec<UserId>;
    fn comment(id: CommentId) -> Option<Comment>;
    fn engagement_hours(since: Timestamp, limit: usize) -> Vec<EngagementHour>;
});

decorated!(NotificationLedger {
    fn record_signals(user_id: UserId, signals: &[(Signal, NotificationId)], now: Timestamp) -> Vec<NotificationId>;
    fn notifications(user_id: UserId, after: Option<NotificationPosition>, limit: usize) -> Vec<Notification>;
    fn mark_read(user_id: UserId, up_to: NotificationId) -> u64;
    fn unread_count(user_id: UserId) -> u64;
});

decorated!(OutboxLedger {
    fn claim_events(limit: usize, lease_ms: i64, now: Timestamp) -> Vec<OutboxEvent>;
    fn acknowledge_events(handled: &[(i64, u64)]) -> ();
    fn retry_event(id: i64, lease_token: u64, retry_at: Timestamp, error: &str) -> ();
    fn outbox_counts() -> OutboxCounts;
    fn dead_events(after: Option<i64>, limit: usize) -> Vec<DeadEvent>;
    fn revive_event(id: i64) -> bool;
});

decorated!(AdLedger {
    fn put_ad(ad: Ad) -> bool;
    fn ads(now: Timestamp, active_only: bool, limit: usize) -> Vec<AdSpend>;
    fn impressions_of(user_id: UserId, day: i64) -> Vec<AdImpressions>;
    fn add_impressions(day: i64, impressions: &[AdImpressions]) -> ();
});

decorated!(DiscoveryLedger {
    fn hashtag_posts(tag: &str, before: Option<PostId>, limit: usize) -> Vec<PostRef>;
    fn public_hashtag_posts(tags: &[String], after: PostId, limit: usize) -> Vec<PostRef>;
    fn hashtag_hours(since: Timestamp, limit: usize) -> Vec<HashtagHour>;
    fn follow_hashtag(user_id: UserId, tag: &str, now: Timestamp) -> FollowHashtagOutcome;
    fn unfollow_hashtag(user_id: UserId, tag: &str) -> ();
    fn followed_hashtags(user_id: UserId) -> Vec<String>;
    fn search_hashtags(prefix: &str, limit: usize) -> Vec<HashtagRow>;
    fn search_users(prefixes: &[String], limit: usize) -> Vec<UserId>;
});

decorated!(TasteLedger {
    fn recent_likes(users: &[UserId], per_user: usize) -> Vec<StandingLike>;
    fn last_likers(posts: &[PostId], per_post: usize) -> Vec<(PostId, UserId)>;
});

decorated!(MaintenanceLedger {
    fn timeline_checkpoint(user_id: UserId) -> Option<Vec<u8>>;
    fn put_timeline_checkpoints(checkpoints: &[(UserId, Vec<u8>)]) -> ();
    fn id_floor() -> Timestamp;
    fn rebuild_counters() -> u64;
    fn purge_expired(before: Timestamp) -> u64;
    fn check() -> ();
} as it is {
    async fn close(&self) {
        self.inner.close().await;
    }
});

decorated!(HotStore {
    fn posts(ids: &[PostId]) -> Vec<Option<Post>>;
    fn put_posts(posts: &[Post]) -> ();
    fn remove_posts(ids: &[PostId]) -> u64;
    fn counts(ids: &[PostId]) -> Vec<Option<Counts>>;
    fn fill_counts(post_id: PostId, rows: &[ShardCounts]) -> ();
    fn update_counts(post_id: PostId, rows: &[ShardCounts]) -> ();
    fn timeline(user_id: UserId) -> Option<Bytes>;
    fn put_timeline(user_id: UserId, snapshot: Bytes) -> ();
    fn remove_timeline(user_id: UserId) -> bool;
    fn put_progress(upload_id: UploadId, percent: u8) -> ();
    fn progress(upload_id: UploadId) -> Option<u8>;
    fn check() -> ();
});

decorated!(ObjectStore {
    fn presign_put(key: &str, content_type: &str, size_bytes: u64, valid_seconds: u64) -> PresignedPut;
    fn presign_checked_put(
        key: &str, content_type: &str, size_bytes: u64, checksum_sha256: &str, valid_seconds: u64
    ) -> PresignedPut;
    fn begin_multipart(key: &str, content_type: &str) -> String;
    fn presign_part(
        key: &str, multipart_id: &str, part_number: u32, size_bytes: u64, valid_seconds: u64
    ) -> PresignedPut;
    fn stored_parts(key: &str, multipart_id: &str) -> Option<Vec<StoredPart>>;
    fn finish_multipart(key: &str, multipart_id: &str, parts: &[StoredPart]) -> bool;
    fn abort_multipart(key: &str, multipart_id: &str) -> ();
    fn abort_old_multiparts(key_prefix: &str, began_before: Timestamp) -> usize;
    fn head(key: &str) -> Option<ObjectInfo>;
    fn get(key: &str, max_bytes: u64) -> Option<Bytes>;
    fn open(key: &str, range: Option<RangeInclusive<u64>>) -> Option<ObjectBody>;
    fn put(key: &str, content_type: &str, bytes: Bytes) -> ();
    fn get_to_file(key: &str, path: &Path, max_bytes: u64) -> bool;
    fn put_file(key: &str, content_type: &str, path: &Path) -> ();
    fn delete(keys: &[String]) -> ();
    fn delete_folder(folder: &str) -> ();
    fn check() -> ();
});

impl<P: Ledger + ?Sized, D: Decorator> Ledger for Decorated<P, D> {
    fn wakes(&self) -> &LedgerWakes {
        self.inner.wakes()
    }
}
