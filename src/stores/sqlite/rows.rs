//! Rows as SQLite gives them, and the domain's values in them.

pub(super) use crate::rows::{
    CommentRow, EmbeddingRow, limit, media_details, media_kind, post_ref, unsigned, vector_bytes,
};

use super::errors::corrupt;
use crate::rows::{parse_media_details, parse_media_kind};
use tessera_domain::{
    NotificationId, PostId, Timestamp, UploadId, UserId,
    media::MediaRecord,
    notification::{Notification, NotificationKind},
    post::Post,
};
use tessera_ports::StoreResult;
use uuid::Uuid;

/// Numbers as one JSON array: a list of any length in one parameter, so that the statement stays prepared.
pub(super) fn json_list(values: impl IntoIterator<Item = i64>) -> String {
    let mut list = String::from("[");
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            list.push(',');
        }
        list.push_str(&value.to_string());
    }
    list.push(']');
    list
}

/// An upload's id from its column.
pub(super) fn upload_id(bytes: &[u8]) -> StoreResult<UploadId> {
    Uuid::from_slice(bytes).map(UploadId).map_err(|error| corrupt(format!("an upload's id: {error}")))
}

/// A row of `posts`, its hashtags as a JSON array.
#[derive(sqlx::FromRow)]
pub(super) struct PostRow {
    id: i64,
    author_id: i64,
    upload_id: Vec<u8>,
    caption: String,
    alt_text: String,
    media_kind: String,
    blurhash: String,
    width: u32,
    height: u32,
    edited_at: Option<i64>,
    media_details: String,
    hashtags: String,
}

impl PostRow {
    pub fn into_post(self) -> StoreResult<Post> {
        let media = MediaRecord {
            kind: parse_media_kind(&self.media_kind)
                .ok_or_else(|| corrupt(format!("a post has media of the kind {:?}", self.media_kind)))?,
            upload_id: upload_id(&self.upload_id)?,
            blurhash: self.blurhash,
            width: self.width,
            height: self.height,
            details: parse_media_details(&self.media_details)
                .map_err(|error| corrupt(format!("the media of post {}: {error}", self.id)))?,
        };
        let hashtags = serde_json::from_str(&self.hashtags)
            .map_err(|error| corrupt(format!("the hashtags of post {}: {error}", self.id)))?;
        Ok(Post {
            id: PostId::from_i64(self.id),
            author_id: UserId::from_i64(self.author_id),
            caption: self.caption,
            alt_text: self.alt_text,
            hashtags,
            media,
            edited_at: self.edited_at.map(Timestamp),
        })
    }
}

/// A row of `notifications`.
#[derive(sqlx::FromRow)]
pub(super) struct NotificationRow {
    pub id: i64,
    kind: String,
    post_id: i64,
    actor_ids: String,
    actor_count: i64,
    is_read: bool,
    updated_at: i64,
}

impl NotificationRow {
    pub fn into_notification(self) -> StoreResult<Notification> {
        let kind = NotificationKind::parse(&self.kind)
            .ok_or_else(|| corrupt(format!("notification {} has the kind {:?}", self.id, self.kind)))?;
        let actor_ids: Vec<i64> = serde_json::from_str(&self.actor_ids)
            .map_err(|error| corrupt(format!("the actors of notification {}: {error}", self.id)))?;
        Ok(Notification {
            id: NotificationId::from_i64(self.id),
            kind,
            post_id: (self.post_id != 0).then(|| PostId::from_i64(self.post_id)),
            actor_ids: actor_ids.into_iter().map(UserId::from_i64).collect(),
            actor_count: unsigned(self.actor_count),
            read: self.is_read,
            updated_at: Timestamp(self.updated_at),
        })
    }
}
