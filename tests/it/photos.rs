//! Real photographs, from a presigned URL to the six outputs and the followers' feeds.

use crate::Node;
use serde_json::Value;
use std::time::{Duration, Instant};
use tessera_tests::{Api, Look, Person, Reply, eventually, fixture, look_at};

/// What `tests/fixtures/photos/README.md` says of a photograph.
struct Photo {
    file: &'static str,
    content_type: &'static str,
    large: (u32, u32),
    medium: (u32, u32),
    /// Points of the upright picture, as fractions of its sides, and the sRGB colour around each.
    colours: &'static [((f64, f64), [f64; 3])],
    /// A file that shows the same picture upright and in sRGB.
    reference: Option<(&'static str, &'static str)>,
}

/// How far a channel of a colour may be off.
const COLOUR_TOLERANCE: f64 = 6.0;
/// How far pixels may be off in the mean, over a whole picture.
const MEAN_TOLERANCE: f64 = 5.0;

const COFFEE: &[((f64, f64), [f64; 3])] =
    &[((0.20, 0.40), [168.0, 41.0, 14.0]), ((0.45, 0.40), [234.0, 147.0, 54.0]), ((0.05, 0.05), [35.0, 23.0, 13.0])];
const ROCKET: &[((f64, f64), [f64; 3])] = &[((0.20, 0.50), [39.0, 78.0, 122.0]), ((0.85, 0.05), [0.0, 20.0, 43.0])];

/// Uploads a photograph with a follower watching, and checks everything that comes of it.
async fn check_photo(photo: Photo) {
    let node = Node::start(&[]);
    let api = node.api();
    let (author, follower) = (api.sign_up("author").await, api.sign_up("follower").await);
    follower.follow(&author).await;
    assert!(follower.feed_ids("").await.is_empty(), "there is nothing to see yet");

    let (upload, state) = upload_photo(&author, &photo).await;
    let completed = Instant::now();
    let post_id = state["post_id"].as_str().expect("a post");
    let item = eventually("the post in the follower's feed", Duration::from_secs(10), || async {
        let feed = follower.feed("").await;
        feed["items"].as_array()?.iter().find(|item| item["post"]["post_id"] == post_id).cloned()
    })
    .await;
    assert!(completed.elapsed() < Duration::from_secs(1), "it took {:?}", completed.elapsed());
    assert_eq!(item["source"], "following");
    assert_eq!(author.feed_ids("").await, [post_id], "the author's own feed has it as well");

    check_outputs(&api, &photo, &item["post"]["media"]).await;
    the_original_is_not_public(&api, &author, &upload).await;
}

/// Uploads the file and waits for `completed`; gives the ticket and the last state.
async fn upload_photo(author: &Person, photo: &Photo) -> (Value, Value) {
    let bytes = fixture(photo.file);
    let upload = author.create_upload(photo.content_type, bytes.len()).await.expect("an upload");
    assert!(author.put_object(&upload, bytes).await.is_success());
    let id = upload["upload_id"].as_str().expect("an id");
    let body = serde_json::json!({ "caption": "A #Photo", "alt_text": "what it shows" });
    let accepted = author.post(&format!("/v1/uploads/{id}/complete"), body).await.expect("accepted");
    assert_eq!(accepted["status"], "processing");
    let state = author.upload_ended(id).await;
    assert_eq!((&state["status"], &state["progress"]), (&"completed".into(), &100.into()), "{state}");
    (upload, state)
}

async fn check_outputs(api: &Api, photo: &Photo, media: &Value) {
    assert_eq!((media["width"].as_u64(), media["height"].as_u64()), {
        let (width, height) = photo.large;
        (Some(width.into()), Some(height.into()))
    });
    let reference = photo.reference.map(|(file, content_type)| {
        let whole = look_at(&fixture(file), content_type).expect("no AVIF");
        [photo.large, photo.medium].map(|(width, height)| whole.resized(width, height))
    });
    let outputs = [
        ("large", "image/jpeg", photo.large),
        ("medium", "image/jpeg", photo.medium),
        ("thumbnail", "image/jpeg", (150, 150)),
        ("avif", "image/avif", photo.medium),
        ("webp", "image/webp", photo.medium),
    ];
    for (name, content_type, size) in outputs {
        let url = media[name].as_str().unwrap_or_else(|| panic!("{name} has a URL"));
        let reply = api.fetch(url, &[]).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, content_type), "{name}");
        check_delivery(api, url, &reply).await;
        assert_eq!(stored_size(&reply.bytes, content_type), size, "{name}");
        no_metadata_left(name, &reply.bytes);
        match look_at(&reply.bytes, content_type) {
            Some(look) => {
                assert_eq!(look.size(), size, "{name}");
                if name == "large" {
                    check_blurhash(media["blurhash"].as_str().expect("a blurhash"), &look);
                }
                check_look(photo, name, &look);
                for reference in reference.iter().flatten().filter(|reference| reference.size() == size) {
                    let error = look.mean_error(reference);
                    assert!(error <= MEAN_TOLERANCE, "{} {name} is off by {error:.2} in the mean", photo.file);
                }
            }
            None => eprintln!("no AVIF decoder is installed: the colours of {name} are not checked"),
        }
    }
}

/// The shape is right, and the mean colour, the first of its parts, is about that of the picture.
fn check_blurhash(blurhash: &str, picture: &Look) {
    const DIGITS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";
    let value = |part: &str| part.chars().fold(0, |sum, c| sum * 83 + DIGITS.find(c).expect("base 83"));
    let parts = value(&blurhash[..1]);
    let (across, down) = (parts % 9 + 1, parts / 9 + 1);
    assert_eq!(blurhash.len(), 4 + 2 * across * down, "{blurhash}");
    let mean = value(&blurhash[2..6]);
    let mean = [mean >> 16, (mean >> 8) & 255, mean & 255].map(|value| value as f64);
    for (hashed, light) in mean.iter().zip(picture.mean_light()) {
        assert!((hashed - light).abs() < 8.0, "{blurhash}: {mean:?} for {:?}", picture.mean_light());
    }
}

/// The colours are right where they should be, which they are not in a turned or dull picture.
fn check_look(photo: &Photo, name: &str, look: &Look) {
    if name == "thumbnail" {
        return check_thumbnail(photo, look);
    }
    for (point, expected) in photo.colours {
        let found = look.mean_around(*point);
        let off = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off <= COLOUR_TOLERANCE, "{} {name} at {point:?}: {found:?} for {expected:?}", photo.file);
    }
}

/// The thumbnail is a square of the picture, wherever along its long side: points that lie in it have their colours
/// there.
fn check_thumbnail(photo: &Photo, look: &Look) {
    const PLACES: u32 = 40;
    let (width, height) = (f64::from(photo.large.0), f64::from(photo.large.1));
    let side = width.min(height);
    let worst_at = |place: f64| {
        let within = |at: f64, size: f64| (at * size - (size - side) * place) / side;
        let points = photo.colours.iter().map(|((x, y), expected)| ((within(*x, width), within(*y, height)), expected));
        let inside = points.filter(|((x, y), _)| [x, y].iter().all(|at| (0.05..0.95).contains(*at)));
        inside
            .flat_map(|(point, expected)| {
                let found = look.mean_around(point);
                (0..3).map(move |channel| (found[channel] - expected[channel]).abs())
            })
            .fold(0.0, f64::max)
    };
    let least = (0..=PLACES).map(|place| worst_at(f64::from(place) / f64::from(PLACES))).fold(f64::MAX, f64::min);
    assert!(least <= 2.0 * COLOUR_TOLERANCE, "{} thumbnail is off by {least} wherever it was cut", photo.file);
}

/// Width and height as the file itself states them.
fn stored_size(bytes: &[u8], content_type: &str) -> (u32, u32) {
    if content_type != "image/avif" {
        return look_at(bytes, content_type).expect("no AVIF").size();
    }
    assert_eq!(&bytes[4..12], b"ftypavif", "an AVIF file says so");
    let at = bytes.windows(4).position(|window| window == b"ispe").expect("an ispe box");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    (number(at + 8), number(at + 12))
}

fn no_metadata_left(name: &str, bytes: &[u8]) {
    let traces: [&[u8]; 7] =
        [b"Exif", b"EXIF", b"Example Cameras", b"http://ns.adobe.com", b"XMP ", b"ICC_PROFILE", b"ICCP"];
    for trace in traces {
        let found = bytes.windows(trace.len()).any(|window| window == trace);
        assert!(!found, "{name} holds {}", String::from_utf8_lossy(trace));
    }
}

/// How a picture is delivered: cacheable for ever, not sniffed, with entity tags and ranges.
async fn check_delivery(api: &Api, url: &str, whole: &Reply) {
    assert_eq!(whole.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert_eq!(whole.header("content-length"), whole.bytes.len().to_string());
    let etag = whole.header("etag");
    assert!(etag.starts_with('"') && etag.len() > 2, "{etag}");

    let unchanged = api.fetch(url, &[("if-none-match", etag)]).await;
    assert_eq!((unchanged.status, unchanged.bytes.len()), (304, 0));
    let part = api.fetch(url, &[("range", "bytes=10-29")]).await;
    assert_eq!((part.status, part.bytes.as_slice()), (206, &whole.bytes[10..30]));
    assert_eq!(part.header("content-range"), format!("bytes 10-29/{}", whole.bytes.len()));
    let outside = api.fetch(url, &[("range", "bytes=99999999-")]).await;
    assert_eq!(outside.status, 416);
    let head = Api::send(api.client().head(url)).await;
    assert_eq!((head.status, head.header("etag"), head.bytes.len()), (200, etag, 0));
}

/// Neither the edge nor the object store gives the original away, not even for its own presigned URL.
async fn the_original_is_not_public(api: &Api, author: &Person, upload: &Value) {
    let key = upload["object_key"].as_str().expect("a key");
    let presigned = upload["presigned_url"].as_str().expect("a URL");
    let plain = presigned.split('?').next().expect("a URL");
    let id = upload["upload_id"].as_str().expect("an id");
    let original = format!("/media/{}/{id}/original.jpg", author.id);
    for url in [api.url(&format!("/{key}")), api.url(&format!("/media/{key}")), api.url(&original)] {
        assert_eq!(api.fetch(&url, &[]).await.status, 404, "{url}");
    }
    for url in [plain, presigned] {
        assert_eq!(api.fetch(url, &[]).await.status, 403, "{url}");
    }
}

#[tokio::test]
async fn a_12_megapixel_photo_on_its_side_comes_out_upright_and_without_its_place() {
    check_photo(Photo {
        file: "coffee-12mp-orientation-6-gps.jpg",
        content_type: "image/jpeg",
        large: (1080, 810),
        medium: (640, 480),
        colours: COFFEE,
        reference: Some(("coffee-12mp.jpg", "image/jpeg")),
    })
    .await;
}

#[tokio::test]
async fn a_display_p3_photo_keeps_its_colours() {
    check_photo(Photo {
        file: "astronaut-display-p3.jpg",
        content_type: "image/jpeg",
        large: (512, 512),
        medium: (512, 512),
        colours: &[((0.30, 0.65), [229.0, 117.0, 80.0]), ((0.70, 0.30), [219.0, 207.0, 198.0])],
        reference: None,
    })
    .await;
}

#[tokio::test]
async fn an_adobe_rgb_photo_keeps_its_colours() {
    check_photo(Photo {
        file: "rocket.jpg",
        content_type: "image/jpeg",
        large: (640, 427),
        medium: (640, 427),
        colours: ROCKET,
        reference: Some(("rocket.webp", "image/webp")),
    })
    .await;
}

#[tokio::test]
async fn a_png_with_alpha_stands_on_white() {
    check_photo(Photo {
        file: "coffee-alpha.png",
        content_type: "image/png",
        large: (400, 400),
        medium: (400, 400),
        colours: &[((0.40, 0.40), [234.0, 147.0, 54.0]), ((0.05, 0.05), [255.0, 255.0, 255.0])],
        reference: Some(("coffee-alpha.png", "image/png")),
    })
    .await;
}

#[tokio::test]
async fn a_webp_photo_is_taken() {
    check_photo(Photo {
        file: "rocket.webp",
        content_type: "image/webp",
        large: (640, 427),
        medium: (640, 427),
        colours: ROCKET,
        reference: Some(("rocket.webp", "image/webp")),
    })
    .await;
}

#[tokio::test]
async fn an_avif_photo_is_taken() {
    check_photo(Photo {
        file: "rocket.avif",
        content_type: "image/avif",
        large: (640, 427),
        medium: (640, 427),
        colours: ROCKET,
        reference: Some(("rocket.webp", "image/webp")),
    })
    .await;
}

#[tokio::test]
async fn a_gif_shows_its_first_frame() {
    check_photo(Photo {
        file: "animated.gif",
        content_type: "image/gif",
        large: (300, 200),
        medium: (300, 200),
        colours: &[((0.95, 0.25), [131.0, 109.0, 99.0]), ((0.15, 0.95), [188.0, 157.0, 143.0])],
        reference: Some(("animated.gif", "image/gif")),
    })
    .await;
}
