//! What the SQL ledgers' rows have in common: numbers, words, and rows that look alike in all of them.

use tessera_domain::{
    CommentId, PostId, UserId,
    media::{MediaDetails, MediaKind},
    post::{Comment, PostRef},
};
use tessera_ports::ledger::{Embedding, PostEmbedding};

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
