//! Rows, and what they mean. A column that means nothing fails to decode, which is the store's error `Corrupt`.

pub(crate) use super::columns::*;
use tessera_domain::{
    AdId, CommentId, NotificationId, PostId, Timestamp, UploadId, UserId,
    ads::Ad,
    counters::ShardCounts,
    ids::ID_EPOCH_MS,
    media::{MediaDetails, MediaKind, MediaRecord},
    notification::{NAMED_ACTORS, Notification, NotificationKind},
    post::{Comment, Post, PostRef},
    time::HOUR_MS,
    upload::{Upload, UploadStatus},
    user::{User, Username},
};
use tessera_ports::ledger::{
    AdSpend, Embedding, HashtagHour, HashtagRow, JobState, JobView, PostEmbedding, SavedReply, StandingLike,
};

/// A number that is never negative, from its signed column.
pub(crate) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A number for a signed column; past 2^63 it stays at the greatest one.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A small number that is never negative, from its column.
pub(crate) fn small(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(if value < 0 { 0 } else { u32::MAX })
}

pub(crate) fn user_id((id,): (i64,)) -> UserId {
    UserId::from_i64(id)
}

pub(crate) fn post_id((id,): (i64,)) -> PostId {
    PostId::from_i64(id)
}

/// A post and its author from `(id, author_id)`.
pub(crate) fn post_ref((post_id, author_id): (i64, i64)) -> PostRef {
    PostRef { post_id: PostId::from_i64(post_id), author_id: UserId::from_i64(author_id) }
}

/// By how much an id grows in an hour.
pub(crate) fn hour_of_ids() -> i64 {
    PostId::first_at(Timestamp(ID_EPOCH_MS + HOUR_MS)).to_i64()
}

/// Use of a hashtag from `(tag, hours since the epoch of ids, authors)`.
pub(crate) fn hashtag_hour((tag, hour, authors): (String, i64, i64)) -> HashtagHour {
    HashtagHour { tag, hour: Timestamp(ID_EPOCH_MS + hour * HOUR_MS), authors: unsigned(authors) }
}

/// A hashtag from `(tag, posts)`.
pub(crate) fn hashtag_row((tag, posts): (String, i64)) -> HashtagRow {
    HashtagRow { tag, post_count: usize::try_from(posts).unwrap_or(0) }
}

/// A like from `(user_id, post_id, author_id, created_at)`.
pub(crate) fn standing_like((user_id, post_id, author_id, at): (i64, i64, i64, i64)) -> StandingLike {
    StandingLike { user_id: UserId::from_i64(user_id), post: post_ref((post_id, author_id)), at: Timestamp(at) }
}

/// The number of a counter shard from its column.
pub(crate) fn shard(value: i32) -> u16 {
    u16::try_from(value).unwrap_or(0)
}

/// A counter row from `(shard, version, likes, comments)`.
pub(crate) fn shard_counts((number, version, likes, comments): (i32, i64, i64, i64)) -> ShardCounts {
    ShardCounts { shard: shard(number), version: unsigned(version), likes, comments }
}

/// A row of `users`, without the password.
#[derive(sqlx_macros::FromRow)]
pub(crate) struct UserRow {
    id: i64,
    username: String,
    display_name: String,
    bio: String,
    private: bool,
    celebrity: bool,
    celebrity_ended_at: Option<i64>,
    post_count: i64,
    follower_count: i64,
    following_count: i64,
    created_at: i64,
    deleted_at: Option<i64>,
}

impl UserRow {
    pub fn into_user(self) -> User {
        User {
            id: UserId::from_i64(self.id),
            username: Username::from_stored(self.username),
            display_name: self.display_name,
            bio: self.bio,
            private: self.private,
            celebrity: self.celebrity,
            celebrity_ended_at: self.celebrity_ended_at.map(Timestamp),
            post_count: unsigned(self.post_count),
            follower_count: unsigned(self.follower_count),
            following_count: unsigned(self.following_count),
            created_at: Timestamp(self.created_at),
            deleted_at: self.deleted_at.map(Timestamp),
        }
    }
}

#[derive(sqlx_macros::FromRow)]
pub(crate) struct SavedReplyRow {
    fingerprint: Stored<[u8; 32]>,
    status: Stored<u16>,
    body: Vec<u8>,
}

impl SavedReplyRow {
    pub fn into_reply(self) -> SavedReply {
        SavedReply { fingerprint: self.fingerprint.0, label: self.status.0, body: self.body }
    }
}

/// A row of `ads`, with its post's author and its impressions of a day.
#[derive(sqlx_macros::FromRow)]
pub(crate) struct AdRow {
    id: i64,
    post_id: i64,
    starts_at: i64,
    ends_at: i64,
    daily_budget: i64,
    frequency_cap: Stored<u32>,
    author_id: i64,
    impressions: i64,
}

impl AdRow {
    pub fn into_spend(self) -> AdSpend {
        let ad = Ad {
            id: AdId::from_i64(self.id),
            post_id: PostId::from_i64(self.post_id),
            starts_at: Timestamp(self.starts_at),
            ends_at: Timestamp(self.ends_at),
            daily_budget: unsigned(self.daily_budget),
            frequency_cap: self.frequency_cap.0,
        };
        AdSpend { ad, post: post_ref((self.post_id, self.author_id)), impressions_today: unsigned(self.impressions) }
    }
}

/// A row of `uploads`.
#[derive(sqlx_macros::FromRow)]
pub(crate) struct UploadRow {
    id: Stored<UploadId>,
    user_id: i64,
    object_key: String,
    content_type: String,
    file_size_bytes: i64,
    checksum_sha256: Option<String>,
    multipart_id: Option<String>,
    status: Stored<UploadStatus>,
    caption: String,
    alt_text: String,
    error: Option<String>,
    post_id: Option<i64>,
    created_at: i64,
    expires_at: i64,
}

impl UploadRow {
    pub fn into_upload(self) -> Upload {
        Upload {
            id: self.id.0,
            user_id: UserId::from_i64(self.user_id),
            object_key: self.object_key,
            content_type: self.content_type,
            file_size_bytes: unsigned(self.file_size_bytes),
            checksum_sha256: self.checksum_sha256,
            multipart_id: self.multipart_id,
            status: self.status.0,
            caption: self.caption,
            alt_text: self.alt_text,
            error: self.error,
            post_id: self.post_id.map(PostId::from_i64),
            created_at: Timestamp(self.created_at),
            expires_at: Timestamp(self.expires_at),
        }
    }
}

/// A row of `media_jobs`, as operators see it.
#[derive(sqlx_macros::FromRow)]
pub(crate) struct JobRow {
    id: i64,
    upload_id: Stored<UploadId>,
    user_id: i64,
    state: Stored<JobState>,
    attempts: Stored<u32>,
    last_error: Option<String>,
    created_at: i64,
}

impl JobRow {
    pub fn into_view(self) -> JobView {
        JobView {
            number: self.id,
            upload_id: self.upload_id.0,
            user_id: UserId::from_i64(self.user_id),
            state: self.state.0,
            attempts: self.attempts.0,
            last_error: self.last_error,
            created_at: Timestamp(self.created_at),
        }
    }
}

/// A row of `posts` with its hashtags.
#[derive(sqlx_macros::FromRow)]
pub(crate) struct PostRow {
    id: i64,
    author_id: i64,
    upload_id: Stored<UploadId>,
    pub original_key: String,
    caption: String,
    alt_text: String,
    hashtags: List<String>,
    media_kind: Stored<MediaKind>,
    blurhash: String,
    width: Stored<u32>,
    height: Stored<u32>,
    edited_at: Option<i64>,
    media_details: Stored<MediaDetails>,
}

impl PostRow {
    pub fn into_post(self) -> Post {
        Post {
            id: PostId::from_i64(self.id),
            author_id: UserId::from_i64(self.author_id),
            caption: self.caption,
            alt_text: self.alt_text,
            hashtags: self.hashtags.0,
            media: MediaRecord {
                kind: self.media_kind.0,
                upload_id: self.upload_id.0,
                blurhash: self.blurhash,
                width: self.width.0,
                height: self.height.0,
                details: self.media_details.0,
            },
            edited_at: self.edited_at.map(Timestamp),
        }
    }
}

/// A row of `comments`.
#[derive(sqlx_macros::FromRow)]
pub(crate) struct CommentRow {
    id: i64,
    post_id: i64,
    author_id: i64,
    text: String,
}

impl CommentRow {
    pub fn into_comment(self) -> Comment {
        Comment {
            id: CommentId::from_i64(self.id),
            post_id: PostId::from_i64(self.post_id),
            author_id: UserId::from_i64(self.author_id),
            text: self.text,
        }
    }
}

/// A row of `notifications` with what of it stands.
#[derive(sqlx_macros::FromRow)]
pub(crate) struct NotificationRow {
    id: i64,
    kind: Stored<NotificationKind>,
    post_id: i64,
    actor_ids: List<i64>,
    actor_count: i64,
    is_read: bool,
    updated_at: i64,
    own_post: bool,
    standing_ids: List<i64>,
}

impl NotificationRow {
    pub fn into_notification(self) -> Notification {
        // Of those who are known it counts who stands, and beyond those it knows nobody.
        let others = unsigned(self.actor_count).saturating_sub(self.actor_ids.0.len() as u64);
        let standing = self.standing_ids.0;
        let actor_count = if standing.is_empty() { 0 } else { standing.len() as u64 + others };
        Notification {
            id: NotificationId::from_i64(self.id),
            kind: self.kind.0,
            post_id: (self.post_id != 0).then(|| PostId::from_i64(self.post_id)),
            own_post: self.own_post,
            actor_ids: standing.into_iter().take(NAMED_ACTORS).map(UserId::from_i64).collect(),
            actor_count,
            read: self.is_read,
            updated_at: Timestamp(self.updated_at),
        }
    }
}

/// A vector as its column: 32-bit floats, little-endian.
pub(crate) fn vector_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// An embedding with its post's author and its model's version.
#[derive(sqlx_macros::FromRow)]
pub(crate) struct EmbeddingRow {
    post_id: i64,
    author_id: i64,
    version: String,
    perceptual_hash: i64,
    vector: Vec<u8>,
}

impl EmbeddingRow {
    pub fn into_embedding(self) -> PostEmbedding {
        let (values, _) = self.vector.as_chunks::<4>();
        let embedding = Embedding {
            model: self.version,
            vector: values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            perceptual_hash: self.perceptual_hash as u64,
        };
        PostEmbedding { post: post_ref((self.post_id, self.author_id)), embedding }
    }
}
