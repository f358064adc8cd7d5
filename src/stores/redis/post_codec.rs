//! A post's copy in bytes: a format byte, `edited_at` where `scripts/put_post.lua` finds it, then fixed fields
//! big-endian and texts with their lengths. About 80 bytes and the texts; the same as JSON is 290 and the texts.

use tessera_domain::{
    PostId, Timestamp, UploadId, UserId,
    media::{MediaDetails, MediaKind, MediaRecord},
    post::Post,
};
use uuid::Uuid;

/// The first byte of a copy. Zero is a tombstone's.
const FORMAT: u8 = 2;
/// `edited_at` of a post that never was.
const NEVER: i64 = i64::MIN;
/// What is not text.
const FIXED_BYTES: usize = 64;

/// `edited_at` as the script compares it.
pub(super) fn edited_at(post: &Post) -> i64 {
    post.edited_at.map_or(NEVER, |time| time.0)
}

/// A post in bytes.
pub(super) fn encode(post: &Post) -> Vec<u8> {
    let texts = post.caption.len() + post.alt_text.len() + post.media.blurhash.len();
    let mut bytes = Vec::with_capacity(FIXED_BYTES + texts + 16 * post.hashtags.len());
    bytes.push(FORMAT);
    bytes.extend(edited_at(post).to_be_bytes());
    bytes.extend(post.id.0.to_be_bytes());
    bytes.extend(post.author_id.0.to_be_bytes());
    bytes.push(match post.media.kind {
        MediaKind::Image => 0,
        MediaKind::Video => 1,
    });
    bytes.extend(post.media.upload_id.0.as_bytes());
    bytes.extend(post.media.width.to_be_bytes());
    bytes.extend(post.media.height.to_be_bytes());
    push_length(&mut bytes, post.hashtags.len());
    let details = details_text(&post.media.details);
    for text in [&post.media.blurhash, &details, &post.caption, &post.alt_text].into_iter().chain(&post.hashtags) {
        push_length(&mut bytes, text.len());
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// The post `id` from its bytes; `None` for a tombstone, another format, another post and damage.
pub(super) fn decode(id: PostId, bytes: &[u8]) -> Option<Post> {
    let mut reader = Reader { rest: bytes };
    if reader.array::<1>()? != [FORMAT] {
        return None;
    }
    let edited_at = i64::from_be_bytes(reader.array()?);
    if u64::from_be_bytes(reader.array()?) != id.0 {
        return None;
    }
    let author_id = UserId(u64::from_be_bytes(reader.array()?));
    let kind = match reader.array()? {
        [0] => MediaKind::Image,
        [1] => MediaKind::Video,
        _ => return None,
    };
    let upload_id = UploadId(Uuid::from_bytes(reader.array()?));
    let (width, height) = (u32::from_be_bytes(reader.array()?), u32::from_be_bytes(reader.array()?));
    let hashtags = reader.length()?;
    let (blurhash, details) = (reader.text()?, reader.text()?);
    let details = if details.is_empty() { MediaDetails::default() } else { serde_json::from_str(&details).ok()? };
    let (caption, alt_text) = (reader.text()?, reader.text()?);
    let hashtags = (0..hashtags).map(|_| reader.text()).collect::<Option<Vec<String>>>()?;
    if !reader.rest.is_empty() {
        return None;
    }
    let media = MediaRecord { kind, upload_id, blurhash, width, height, details };
    let edited_at = (edited_at != NEVER).then_some(Timestamp(edited_at));
    Some(Post { id, author_id, caption, alt_text, hashtags, media, edited_at })
}

/// The details as JSON, and nothing where there are none.
fn details_text(details: &MediaDetails) -> String {
    if *details == MediaDetails::default() {
        return String::new();
    }
    // Numbers, lists and words always are JSON.
    serde_json::to_string(details).unwrap_or_default()
}

/// Seven bits a byte, the lowest first (LEB128).
fn push_length(bytes: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*array)
    }

    fn length(&mut self) -> Option<usize> {
        let mut length = 0;
        for shift in [0, 7, 14, 21] {
            let [byte] = self.array()?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(length);
            }
        }
        None
    }

    fn text(&mut self) -> Option<String> {
        let length = self.length()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        String::from_utf8(text.to_vec()).ok()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use tessera_domain::media::VideoRecord;

    pub(in crate::redis) fn post(edited_at: Option<i64>) -> Post {
        Post {
            id: PostId(77),
            author_id: UserId(u64::MAX),
            caption: "Der See bei Nacht 🌙 #see".repeat(9),
            alt_text: String::new(),
            hashtags: vec!["see".to_owned(), "nacht".to_owned()],
            media: MediaRecord {
                kind: MediaKind::Video,
                upload_id: "0190f6ad-1f0b-7000-8000-00000000002a".parse().expect("a UUID"),
                blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj".to_owned(),
                width: 1_080,
                height: 720,
                details: MediaDetails {
                    dominant_color: Some([1, 2, 255]),
                    perceptual_hash: Some(u64::MAX),
                    animated: false,
                    video: Some(VideoRecord {
                        duration_ms: 2_040,
                        width: 1_280,
                        height: 720,
                        sides: vec![720, 360],
                        has_audio: true,
                    }),
                },
            },
            edited_at: edited_at.map(Timestamp),
        }
    }

    #[test]
    fn every_field_comes_back() {
        for post in [post(None), post(Some(5)), post(Some(-5)), Post { hashtags: vec![], ..post(None) }] {
            assert_eq!(decode(post.id, &encode(&post)), Some(post));
        }
    }

    #[test]
    fn what_is_no_copy_of_this_post_is_none() {
        let whole = encode(&post(Some(5)));
        for length in 0..whole.len() {
            assert_eq!(decode(PostId(77), &whole[..length]), None, "cut at {length}");
        }
        assert_eq!(decode(PostId(78), &whole), None, "another post's");
        assert_eq!(decode(PostId(77), &[0]), None, "a tombstone");
        assert_eq!(decode(PostId(77), b"{\"id\":\"77\"}"), None, "something else");
        let mut next_format = whole.clone();
        next_format[0] = FORMAT + 1;
        assert_eq!(decode(PostId(77), &next_format), None);
    }

    #[test]
    fn a_copy_is_far_smaller_than_json() {
        let post = post(Some(1_760_000_000_000));
        let (ours, json) = (encode(&post).len(), serde_json::to_vec(&post).expect("JSON").len());
        assert!(ours + 150 < json, "{ours} bytes, as JSON {json}");
    }
}
