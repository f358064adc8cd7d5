//! What the SQL ledgers' rows have in common: numbers, words, and rows that look alike in all of them.

use tessera_domain::{
    CommentId, PostId, Timestamp, UserId,
    ids::ID_EPOCH_MS,
    media::{MediaDetails, MediaKind},
    post::{Comment, PostRef},
    time::HOUR_MS,
    user::{User, Username},
};
use tessera_ports::ledger::{Embedding, HashtagHour, HashtagRow, JobState, PostEmbedding, StandingLike};

/// A number that is never negative, from its signed column.
pub(crate) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A number for a signed column; past 2^63 it stays at the greatest one.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A limit for `LIMIT`.
pub(crate) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A post and its author from `(id, author_id)`.
pub(crate) fn post_ref((post_id, author_id): (i64, i64)) -> PostRef {
    PostRef { post_id: PostId::from_i64(post_id), author_id: UserId::from_i64(author_id) }
}

/// Comes after every text that begins with what it is put behind.
pub(crate) const LAST_CHARACTER: &str = "\u{10FFFF}";

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

/// A row of `users`, without the password.
#[derive(sqlx::FromRow)]
pub(crate) struct UserRow {
    id: i64,
    username: String,
    display_name: String,
    bio: String,
    private: bool,
    pub celebrity: bool,
    celebrity_ended_at: Option<i64>,
    post_count: i64,
    pub follower_count: i64,
    following_count: i64,
    created_at: i64,
    deleted_at: Option<i64>,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        User {
            id: UserId::from_i64(row.id),
            username: Username::from_stored(row.username),
            display_name: row.display_name,
            bio: row.bio,
            private: row.private,
            celebrity: row.celebrity,
            celebrity_ended_at: row.celebrity_ended_at.map(Timestamp),
            post_count: unsigned(row.post_count),
            follower_count: unsigned(row.follower_count),
            following_count: unsigned(row.following_count),
            created_at: Timestamp(row.created_at),
            deleted_at: row.deleted_at.map(Timestamp),
        }
    }
}

/// A row of `comments`.
#[derive(sqlx::FromRow)]
pub(crate) struct CommentRow {
    id: i64,
    post_id: i64,
    author_id: i64,
    text: String,
}

impl From<CommentRow> for Comment {
    fn from(row: CommentRow) -> Self {
        Comment {
            id: CommentId::from_i64(row.id),
            post_id: PostId::from_i64(row.post_id),
            author_id: UserId::from_i64(row.author_id),
            text: row.text,
        }
    }
}

/// The word that a kind of media is stored as.
pub(crate) fn media_kind(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image",
        MediaKind::Video => "video",
    }
}

/// The kind that a stored word means.
pub(crate) fn parse_media_kind(word: &str) -> Option<MediaKind> {
    [MediaKind::Image, MediaKind::Video].into_iter().find(|kind| media_kind(*kind) == word)
}

/// Details of media as JSON, from and for their column.
pub(crate) fn parse_media_details(text: &str) -> Result<MediaDetails, serde_json::Error> {
    serde_json::from_str(text)
}

/// The column of details of media.
pub(crate) fn media_details(details: &MediaDetails) -> Result<String, serde_json::Error> {
    serde_json::to_string(details)
}

/// The word that a job's state is stored as.
pub(crate) fn job_state(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Leased => "leased",
        JobState::Dead => "dead",
    }
}

/// The state that a stored word means.
pub(crate) fn parse_job_state(word: &str) -> Option<JobState> {
    [JobState::Queued, JobState::Leased, JobState::Dead].into_iter().find(|state| job_state(*state) == word)
}

/// A vector as its column: 32-bit floats, little-endian.
pub(crate) fn vector_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// An embedding with its post's author and its model's version.
#[derive(sqlx::FromRow)]
pub(crate) struct EmbeddingRow {
    post_id: i64,
    author_id: i64,
    version: String,
    perceptual_hash: i64,
    vector: Vec<u8>,
}

impl From<EmbeddingRow> for PostEmbedding {
    fn from(row: EmbeddingRow) -> Self {
        let (values, _) = row.vector.as_chunks::<4>();
        let embedding = Embedding {
            model: row.version,
            vector: values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            perceptual_hash: row.perceptual_hash as u64,
        };
        PostEmbedding { post: post_ref((row.post_id, row.author_id)), embedding }
    }
}
