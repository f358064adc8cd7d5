//! Posts as bytes: what serde makes of a [`super::PostBody`], put together from runs that lie ready in memory.
//!
//! A post has three runs, between which stand its author, its counts and whether the caller likes it. Serde makes them
//! once for each copy of a post or an account in the node's memory.

use super::{AuthorBody, Rfc3339, post::MediaBody};
use crate::{EdgeSettings, Problem, extract::CursorKind};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde::Serialize;
use std::io::Write;
use tessera_app::{
    Page,
    hydrate::{HydratedPost, Runs},
};
use tessera_domain::{PostId, media::MediaKind, post::Post};

/// Bytes that an item of a page has beside its post's runs: numbers, separators, why it is there.
const AROUND_BYTES: usize = 200;

#[derive(Serialize)]
struct Head {
    post_id: PostId,
}

#[derive(Serialize)]
struct Middle<'a> {
    caption: &'a str,
    alt_text: &'a str,
    hashtags: &'a [String],
    media_type: MediaKind,
    media: MediaBody,
}

#[derive(Serialize)]
struct Tail {
    created_at: Rfc3339,
    #[serde(skip_serializing_if = "Option::is_none")]
    edited_at: Option<Rfc3339>,
}

#[derive(Serialize)]
struct ListEnd {
    next_cursor: Option<String>,
}

/// A JSON object that is written piece by piece.
pub(crate) struct ObjectBytes(Vec<u8>);

impl ObjectBytes {
    /// An object whose first field is the list `items`, each written by `write_item`, with room for so many bytes.
    pub(crate) fn with_items<T>(
        items: &[T],
        room: usize,
        mut write_item: impl FnMut(&mut Vec<u8>, &T) -> serde_json::Result<()>,
    ) -> serde_json::Result<Self> {
        let mut out = Vec::with_capacity(room);
        out.extend_from_slice(br#"{"items":["#);
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            write_item(&mut out, item)?;
        }
        out.push(b']');
        Ok(Self(out))
    }

    /// The reply, with the fields of `end` behind the others.
    pub(crate) fn finish(mut self, end: &impl Serialize) -> serde_json::Result<Response> {
        self.0.push(b',');
        self.0.extend_from_slice(&fields(end)?);
        self.0.push(b'}');
        Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], self.0).into_response())
    }
}

/// A page of posts, as a `ListBody` of them.
pub(crate) fn list_of_posts(settings: &EdgeSettings, page: Page<HydratedPost, i64>, kind: CursorKind) -> Response {
    let room = room_for(page.items.iter());
    let next_cursor = page.next.map(|position| kind.encode(&[position]));
    ObjectBytes::with_items(&page.items, room, |out, post| write_post(out, settings, post))
        .and_then(|list| list.finish(&ListEnd { next_cursor }))
        .unwrap_or_else(no_json)
}

/// What is answered where serde makes no JSON of a value.
pub(crate) fn no_json(error: serde_json::Error) -> Response {
    Problem::internal(format!("reply as JSON: {error}")).into_response()
}

/// About how many bytes a page of these takes, or a little more.
pub(crate) fn room_for<'a>(posts: impl Iterator<Item = &'a HydratedPost>) -> usize {
    let ready = |post: &HydratedPost| {
        let of_post = post.post.runs(|_| Err(())).map_or(0, Runs::len);
        of_post + post.author.runs(|_| Err(())).map_or(0, Runs::len)
    };
    posts.map(|post| ready(post) + AROUND_BYTES).sum::<usize>() + AROUND_BYTES
}

/// Appends the JSON of a post, with URLs on this edge.
pub(crate) fn write_post(
    out: &mut Vec<u8>,
    settings: &EdgeSettings,
    hydrated: &HydratedPost,
) -> serde_json::Result<()> {
    let HydratedPost { post, author, counts, liked } = hydrated;
    let post = post.runs(|post| post_runs(settings, post))?;
    let author = author.runs(|author| serde_json::to_vec(&AuthorBody::from(author)).map(|json| Runs::new([&json])))?;
    out.extend_from_slice(post.run(0));
    out.extend_from_slice(author.run(0));
    out.extend_from_slice(post.run(1));
    write!(out, r#"{},"comment_count":{},"liked":{liked},"#, counts.likes, counts.comments)
        .map_err(serde_json::Error::io)?;
    out.extend_from_slice(post.run(2));
    Ok(())
}

fn post_runs(settings: &EdgeSettings, post: &Post) -> serde_json::Result<Runs> {
    let head = fields(&Head { post_id: post.id })?;
    let middle = fields(&Middle {
        caption: &post.caption,
        alt_text: &post.alt_text,
        hashtags: &post.hashtags,
        media_type: post.media.kind,
        media: MediaBody::new(settings, post),
    })?;
    let tail = fields(&Tail { created_at: Rfc3339(post.id.created_at()), edited_at: post.edited_at.map(Rfc3339) })?;
    let head = [b"{", &*head, br#","author":"#].concat();
    let middle = [b",", &*middle, br#","like_count":"#].concat();
    Ok(Runs::new([&head, &middle, &[&*tail, b"}"].concat()]))
}

/// The fields of an object, without the braces around them.
pub(crate) fn fields(object: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut json = serde_json::to_vec(object)?;
    json.pop();
    json.drain(..1);
    Ok(json)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::present::{ListBody, PostBody};
    use http_body_util::BodyExt;
    use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
    use std::sync::Arc;
    use tessera_app::hydrate::Shown;
    use tessera_domain::{
        Timestamp, UploadId, UserId,
        counters::Counts,
        media::{MediaDetails, MediaRecord, VideoRecord},
        user::{User, Username},
    };

    const TEXTS: [&str; 6] = [
        "",
        "plain",
        "\"quoted\" \\ / \u{8}\t\n\u{1f}",
        "עדה 👩\u{200d}🚀 ñ",
        "{\"like_count\":7},",
        "<script>&\u{2028}",
    ];

    /// A post with all that a post may have, or lack.
    pub(crate) fn any_post(random: &mut StdRng) -> HydratedPost {
        let text = |random: &mut StdRng| (*TEXTS.choose(random).expect("a text")).to_owned();
        let video = random.random_bool(0.3).then(|| VideoRecord {
            duration_ms: random.random(),
            width: random.random(),
            height: random.random(),
            sides: (0..random.random_range(0..4)).map(|_| random.random_range(100..3_000)).collect(),
            has_audio: random.random(),
        });
        let details = MediaDetails {
            animated: random.random_bool(0.3),
            dominant_color: random.random_bool(0.5).then(|| random.random()),
            video,
            ..MediaDetails::default()
        };
        let media = MediaRecord {
            kind: if details.video.is_some() { MediaKind::Video } else { MediaKind::Image },
            upload_id: UploadId(uuid::Uuid::from_u128(random.random())),
            blurhash: text(random),
            width: random.random(),
            height: random.random(),
            details,
        };
        let author_id = UserId(random.random_range(1..1 << 62));
        let post = Post {
            id: PostId(random.random_range(1..1 << 62)),
            author_id,
            caption: text(random),
            alt_text: text(random),
            hashtags: (0..random.random_range(0..4)).map(|_| text(random)).collect(),
            media,
            edited_at: random.random_bool(0.3).then(|| Timestamp(random.random_range(0..1 << 41))),
        };
        let author = User {
            id: author_id,
            username: Username::from_stored("ada".to_owned()),
            display_name: text(random),
            bio: text(random),
            private: false,
            celebrity: false,
            celebrity_ended_at: None,
            post_count: 1,
            follower_count: 2,
            following_count: 3,
            created_at: Timestamp(0),
            deleted_at: None,
        };
        let counts = Counts { likes: random.random(), comments: random.random_range(0..3) };
        let (post, author) = (Arc::new(Shown::new(post)), Arc::new(Shown::new(author)));
        HydratedPost { post, author, counts, liked: random.random() }
    }

    pub(crate) async fn bytes_of(response: Response) -> String {
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        String::from_utf8(bytes.to_vec()).expect("JSON is text")
    }

    #[tokio::test]
    async fn lists_of_posts_are_to_the_byte_what_serde_makes_of_them() {
        const KIND: CursorKind = CursorKind("test");
        let settings = EdgeSettings { public_url: "https://example.org/".to_owned(), ..EdgeSettings::default() };
        let mut random = StdRng::seed_from_u64(7);
        for length in (0..40).cycle().take(400) {
            let posts: Vec<HydratedPost> = (0..length % 7).map(|_| any_post(&mut random)).collect();
            let page = || Page { items: posts.clone(), next: (length % 2 == 0).then_some(length) };
            let body = ListBody::from_page(page(), KIND, |post| PostBody::new(&settings, &post));
            let expected = serde_json::to_string(&body).expect("json");
            for _ in 0..2 {
                assert_eq!(bytes_of(list_of_posts(&settings, page(), KIND)).await, expected);
            }
        }
    }
}
