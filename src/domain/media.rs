//! Kinds of media, their variants and where the objects lie.

use crate::{UploadId, UserId};
use serde::{Deserialize, Serialize};

/// What a post shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A still picture (of an animation: its first frame).
    Image,
    /// A film with a poster frame.
    Video,
}

/// Content types that an upload may declare, with the extension its object gets.
///
/// The extension never comes from the client's file name (docs/functions.md, section 1).
pub const ALLOWED_CONTENT_TYPES: &[(&str, &str)] = &[
    ("image/jpeg", "jpg"),
    ("image/png", "png"),
    ("image/webp", "webp"),
    ("image/gif", "gif"),
    ("image/avif", "avif"),
    ("video/mp4", "mp4"),
    ("video/quicktime", "mov"),
    ("video/webm", "webm"),
];

/// Whether a content type means a video.
pub fn is_video(content_type: &str) -> bool {
    content_type.starts_with("video/")
}

/// The extension for an allowed content type.
pub fn extension_for(content_type: &str) -> Option<&'static str> {
    ALLOWED_CONTENT_TYPES.iter().find(|(allowed, _)| *allowed == content_type).map(|(_, extension)| *extension)
}

/// One rendition of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// JPEG inside 1080 x 1080.
    Large,
    /// JPEG inside 640 x 640.
    Medium,
    /// JPEG, 150 x 150, cropped to cover.
    Thumbnail,
    /// AVIF inside 640 x 640.
    Avif,
    /// WebP inside 640 x 640.
    Webp,
}

impl Variant {
    /// Every variant of a picture.
    pub const ALL: [Variant; 5] = [Variant::Large, Variant::Medium, Variant::Thumbnail, Variant::Avif, Variant::Webp];

    /// The last part of the object's key.
    pub fn file_name(self) -> &'static str {
        match self {
            Variant::Large => "large.jpg",
            Variant::Medium => "medium.jpg",
            Variant::Thumbnail => "thumbnail.jpg",
            Variant::Avif => "medium.avif",
            Variant::Webp => "medium.webp",
        }
    }

    /// The variant that a file name means.
    pub fn from_file_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| variant.file_name() == name)
    }

    /// The content type of the variant.
    pub fn content_type(self) -> &'static str {
        match self {
            Variant::Large | Variant::Medium | Variant::Thumbnail => "image/jpeg",
            Variant::Avif => "image/avif",
            Variant::Webp => "image/webp",
        }
    }
}

/// The key of an uploaded original: `uploads/{user}/{unix ms}/{upload}.{extension}`. It stays private.
pub fn original_key(user_id: UserId, upload_id: UploadId, created_at_ms: i64, extension: &str) -> String {
    format!("uploads/{user_id}/{created_at_ms}/{upload_id}.{extension}")
}

/// The key of a variant: `media/{user}/{upload}/{file name}`.
pub fn variant_key(user_id: UserId, upload_id: UploadId, variant: Variant) -> String {
    file_key(user_id, upload_id, MediaFile::Picture(variant))
}

/// The key of any file that is served: `media/{user}/{upload}/{file name}`.
pub fn file_key(user_id: UserId, upload_id: UploadId, file: MediaFile) -> String {
    format!("{}/{}", media_folder(user_id, upload_id), file.file_name())
}

/// Where everything lies that is made of an upload; its keys begin so, then with a slash.
pub fn media_folder(user_id: UserId, upload_id: UploadId) -> String {
    format!("media/{user_id}/{upload_id}")
}

/// A file that is served of a post. A video's sizes are named by their short side in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaFile {
    /// A picture; of a video, its poster.
    Picture(Variant),
    /// The animation beside the still, as an animated WebP.
    Animation,
    /// A whole size of a video, as an MP4 to play from its start.
    Mp4(u16),
    /// The HLS playlist that names all sizes (RFC 8216).
    Playlists,
    /// The HLS playlist of one size; it points into [`MediaFile::Segments`] by byte ranges.
    Playlist(u16),
    /// All HLS segments of one size.
    Segments(u16),
}

impl MediaFile {
    /// The last part of the object's key.
    pub fn file_name(self) -> String {
        match self {
            MediaFile::Picture(variant) => variant.file_name().to_owned(),
            MediaFile::Animation => "animation.webp".to_owned(),
            MediaFile::Mp4(side) => format!("video_{side}.mp4"),
            MediaFile::Playlists => "hls.m3u8".to_owned(),
            MediaFile::Playlist(side) => format!("hls_{side}.m3u8"),
            MediaFile::Segments(side) => format!("hls_{side}.mp4"),
        }
    }

    /// The file that a name means.
    pub fn from_file_name(name: &str) -> Option<Self> {
        let file = match name {
            "animation.webp" => MediaFile::Animation,
            "hls.m3u8" => MediaFile::Playlists,
            _ => match name.split_once('_') {
                Some((kind, rest)) => {
                    let (side, extension) = rest.split_once('.')?;
                    let side = side.parse().ok()?;
                    match (kind, extension) {
                        ("video", "mp4") => MediaFile::Mp4(side),
                        ("hls", "m3u8") => MediaFile::Playlist(side),
                        ("hls", "mp4") => MediaFile::Segments(side),
                        _ => return None,
                    }
                }
                None => MediaFile::Picture(Variant::from_file_name(name)?),
            },
        };
        // One spelling each: no sign, no leading zero.
        (file.file_name() == name).then_some(file)
    }

    /// The content type of the file.
    pub fn content_type(self) -> &'static str {
        match self {
            MediaFile::Picture(variant) => variant.content_type(),
            MediaFile::Animation => "image/webp",
            MediaFile::Mp4(_) | MediaFile::Segments(_) => "video/mp4",
            MediaFile::Playlists | MediaFile::Playlist(_) => "application/vnd.apple.mpegurl",
        }
    }
}

/// What a post's media is: everything needed to show it and to delete it, and no URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaRecord {
    pub kind: MediaKind,
    /// The upload it was made from; with the author it gives the keys of all files.
    pub upload_id: UploadId,
    /// Placeholder to show while loading (blurha.sh), never a URL.
    pub blurhash: String,
    /// Width of the large variant, in pixels.
    pub width: u32,
    /// Height of the large variant, in pixels.
    pub height: u32,
    /// What not every post has; posts of older versions have none of it.
    #[serde(default)]
    pub details: MediaDetails,
}

impl MediaRecord {
    /// Every file of the post, so that deleting it needs no listing.
    pub fn files(&self) -> Vec<MediaFile> {
        let mut files: Vec<_> = Variant::ALL.into_iter().map(MediaFile::Picture).collect();
        files.extend(self.details.animated.then_some(MediaFile::Animation));
        if let Some(video) = &self.details.video {
            files.push(MediaFile::Playlists);
            for side in &video.sides {
                files.extend([MediaFile::Mp4(*side), MediaFile::Playlist(*side), MediaFile::Segments(*side)]);
            }
        }
        files
    }

    /// The keys of all of [`MediaRecord::files`].
    pub fn keys(&self, author_id: UserId) -> Vec<String> {
        self.files().into_iter().map(|file| file_key(author_id, self.upload_id, file)).collect()
    }
}

/// What is known of a post's media beyond its picture. Ledgers keep it as JSON, so that it can grow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MediaDetails {
    /// The sRGB colour of the largest group of pixels that look alike.
    pub dominant_color: Option<[u8; 3]>,
    /// Pictures that look the same differ in few bits of it.
    pub perceptual_hash: Option<u64>,
    /// Whether there is an animation beside the still.
    pub animated: bool,
    /// The video, of a video.
    pub video: Option<VideoRecord>,
}

/// The sizes of a video and what a player tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoRecord {
    /// How long it plays, in milliseconds.
    pub duration_ms: u64,
    /// Width of the largest size, in pixels.
    pub width: u32,
    /// Height of the largest size, in pixels.
    pub height: u32,
    /// The short sides of the sizes in pixels, largest first; they name the files.
    pub sides: Vec<u16>,
    /// Whether it has sound.
    pub has_audio: bool,
}

/// The short side that suits players that cannot adapt: what phones show, and a tenth of the largest size's bytes.
const COMMON_SIDE: u16 = 720;

impl VideoRecord {
    /// The one MP4 for players that do not adapt: the largest up to 720 lines, or the smallest where all are larger.
    pub fn common_side(&self) -> Option<u16> {
        self.sides.iter().find(|side| **side <= COMMON_SIDE).or(self.sides.last()).copied()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn record() -> MediaRecord {
        MediaRecord {
            kind: MediaKind::Video,
            upload_id: "0190f6ad-1f0b-7000-8000-00000000002a".parse().unwrap(),
            blurhash: String::new(),
            width: 1_080,
            height: 608,
            details: MediaDetails {
                animated: true,
                video: Some(VideoRecord {
                    duration_ms: 1_500,
                    width: 1_920,
                    height: 1_080,
                    sides: vec![1_080, 720, 360],
                    has_audio: true,
                }),
                ..MediaDetails::default()
            },
        }
    }

    #[test]
    fn every_file_is_found_by_its_name() {
        let files = record().files();
        assert_eq!(files.len(), 5 + 1 + 1 + 3 * 3);
        for file in files {
            assert_eq!(MediaFile::from_file_name(&file.file_name()), Some(file));
        }
        for name in
            ["", "video_.mp4", "video_0720.mp4", "video_+720.mp4", "video_99999.mp4", "video_720.m3u8", "x_1.mp4"]
        {
            assert_eq!(MediaFile::from_file_name(name), None, "{name}");
        }
    }

    #[test]
    fn records_of_older_versions_are_read() {
        let upload_id = record().upload_id;
        let old = format!(r#"{{"kind":"image","upload_id":"{upload_id}","blurhash":"L","width":3,"height":2}}"#);
        let old: MediaRecord = serde_json::from_str(&old).unwrap();
        assert_eq!(old.details, MediaDetails::default());
        assert_eq!(old.keys(UserId(7)).len(), 5);
        let whole = serde_json::to_string(&record()).unwrap();
        assert_eq!(serde_json::from_str::<MediaRecord>(&whole).unwrap(), record());
    }

    #[test]
    fn the_common_size_is_one_that_phones_show() {
        let video = |sides: &[u16]| VideoRecord { sides: sides.to_vec(), ..record().details.video.unwrap() };
        assert_eq!(video(&[1_080, 720, 360]).common_side(), Some(720));
        assert_eq!(video(&[900]).common_side(), Some(900));
        assert_eq!(video(&[480, 360]).common_side(), Some(480));
        assert_eq!(video(&[]).common_side(), None);
    }
}
