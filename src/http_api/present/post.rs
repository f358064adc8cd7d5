//! Posts.

use super::Rfc3339;
use crate::EdgeSettings;
use serde::Serialize;
use tessera_app::hydrate::HydratedPost;
use tessera_domain::{
    PostId, UserId,
    media::{MediaFile, MediaKind, Variant, VideoRecord, file_key},
    post::Post,
    user::User,
};
use utoipa::ToSchema;

/// An account as it stands beside what it made or did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Author)]
pub struct AuthorBody {
    /// The account's id.
    #[schema(value_type = String, example = "175928847299117063")]
    pub id: UserId,
    /// Unique name.
    #[schema(example = "ada")]
    pub username: String,
    /// Name to show.
    pub display_name: String,
    /// Always null: accounts have no pictures yet.
    pub avatar_url: Option<String>,
}

impl From<&User> for AuthorBody {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            username: user.username.as_str().to_owned(),
            display_name: user.display_name.clone(),
            avatar_url: None,
        }
    }
}

/// Where a browser finds a post's picture, and what it needs to make room for it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Media)]
pub struct MediaBody {
    /// JPEG inside 1080 x 1080.
    #[schema(format = "uri")]
    pub large: String,
    /// JPEG inside 640 x 640.
    #[schema(format = "uri")]
    pub medium: String,
    /// JPEG, 150 x 150, cropped to cover.
    #[schema(format = "uri")]
    pub thumbnail: String,
    /// AVIF inside 640 x 640.
    #[schema(format = "uri")]
    pub avif: String,
    /// WebP inside 640 x 640.
    #[schema(format = "uri")]
    pub webp: String,
    /// An animated WebP inside 640 x 640; only of animated pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri")]
    pub animation: Option<String>,
    /// An MP4 (H.264, AAC) that every browser plays: the largest size up to 720 lines, or the smallest there is; only
    /// of videos.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri")]
    pub video: Option<String>,
    /// An HLS playlist of all sizes; only of videos.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uri")]
    pub hls: Option<String>,
    /// How long the video plays, in milliseconds; only of videos.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Whether the video has sound; only of videos.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_audio: Option<bool>,
    /// The colour of the largest part of the picture, as in CSS; missing of old posts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "#4a6b8c")]
    pub dominant_color: Option<String>,
    /// A placeholder to show while loading (blurha.sh).
    pub blurhash: String,
    /// Width of `large`, in pixels.
    pub width: u32,
    /// Height of `large`, in pixels.
    pub height: u32,
}

impl MediaBody {
    pub(super) fn new(settings: &EdgeSettings, post: &Post) -> Self {
        let url = |file| settings.absolute_url(&format!("/{}", file_key(post.author_id, post.media.upload_id, file)));
        let picture = |variant| url(MediaFile::Picture(variant));
        let details = &post.media.details;
        let video = details.video.as_ref();
        Self {
            large: picture(Variant::Large),
            medium: picture(Variant::Medium),
            thumbnail: picture(Variant::Thumbnail),
            avif: picture(Variant::Avif),
            webp: picture(Variant::Webp),
            animation: details.animated.then(|| url(MediaFile::Animation)),
            video: video.and_then(VideoRecord::common_side).map(|side| url(MediaFile::Mp4(side))),
            hls: video.map(|_| url(MediaFile::Playlists)),
            duration_ms: video.map(|video| video.duration_ms),
            has_audio: video.map(|video| video.has_audio),
            dominant_color: details.dominant_color.map(|[red, green, blue]| format!("#{red:02x}{green:02x}{blue:02x}")),
            blurhash: post.media.blurhash.clone(),
            width: post.media.width,
            height: post.media.height,
        }
    }
}

/// A post as the caller sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Post)]
pub struct PostBody {
    /// The post's id.
    #[schema(value_type = String, example = "175928847299117063")]
    pub post_id: PostId,
    /// Who made it.
    pub author: AuthorBody,
    /// What the author wrote; may be empty.
    pub caption: String,
    /// What a screen reader says of the picture; may be empty.
    pub alt_text: String,
    /// Hashtags of the caption, lower case, without `#`.
    pub hashtags: Vec<String>,
    /// Picture or film.
    #[schema(value_type = String, example = "image")]
    pub media_type: MediaKind,
    /// Where to find it.
    pub media: MediaBody,
    /// Likes.
    pub like_count: u64,
    /// Comments.
    pub comment_count: u64,
    /// Whether the caller likes it.
    pub liked: bool,
    /// When it was posted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Rfc3339,
    /// When the caption or the alternative text last changed; missing where they never did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub edited_at: Option<Rfc3339>,
}

impl PostBody {
    /// The JSON of a post, with URLs on this edge.
    pub fn new(settings: &EdgeSettings, hydrated: &HydratedPost) -> Self {
        let HydratedPost { post, author, counts, liked } = hydrated;
        Self {
            post_id: post.id,
            author: AuthorBody::from(&***author),
            caption: post.caption.clone(),
            alt_text: post.alt_text.clone(),
            hashtags: post.hashtags.clone(),
            media_type: post.media.kind,
            media: MediaBody::new(settings, post),
            like_count: counts.likes,
            comment_count: counts.comments,
            liked: *liked,
            created_at: Rfc3339(post.id.created_at()),
            edited_at: post.edited_at.map(Rfc3339),
        }
    }
}
