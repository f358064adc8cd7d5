//! Videos, from a presigned URL to a player: made by `ffmpeg` here, as phones and attackers make them.

use crate::Node;
use serde_json::{Value, json};
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::NamedTempFile;
use tessera_tests::{Api, Person, Reply, eventually, film, long_film, probed, small_jpeg, tiny_film};

const PLACE: &str = "+48.8584+002.2945/";

/// A film as a phone stores it: on its side with a note to turn it, with sound and the place it was taken at.
fn phone_film() -> Vec<u8> {
    film(&[
        "-f lavfi -i testsrc2=s=640x360:d=2:r=25 -f lavfi -i sine=d=2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p \
         -c:a aac -shortest",
        &format!(
            "-i in.mp4 -c copy -metadata:s:v:0 rotate=90 -metadata location={PLACE} -metadata title=Holidays \
             -movflags +use_metadata_tags"
        ),
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phones_video_plays_upright_everywhere_and_goes_when_its_post_does() {
    let node = Node::start(&[]);
    let api = node.api();
    let author = api.sign_up("author").await;
    let original = phone_film();
    assert!(original.windows(8).any(|part| part == b"+48.8584"), "the test's film says where it was taken");
    let state = author.upload(original, "video/mp4", "Under the #tower").await;
    assert_eq!(state["status"], "completed", "{state}");
    let post_id = state["post_id"].as_str().expect("a post");
    let post = author.get(&format!("/v1/posts/{post_id}")).await.expect("the post");
    assert_eq!(post["media_type"], "video");
    let media = &post["media"];
    assert_eq!(media["has_audio"], true);
    assert!(media["duration_ms"].as_u64().is_some_and(|length| (1_800..=2_300).contains(&length)), "{media}");
    assert!(media["dominant_color"].as_str().is_some_and(|color| color.starts_with('#')), "{media}");

    let mut urls: Vec<String> = ["large", "medium", "thumbnail", "avif", "webp"].map(|name| text(&media[name])).into();
    for url in &urls {
        assert!(fetched(&api, url).await.header("content-type").starts_with("image/"), "the poster {url}");
    }
    assert_eq!((&media["width"], &media["height"]), (&json!(360), &json!(640)), "the poster is upright");
    urls.push(check_mp4(&api, &text(&media["video"])).await);
    urls.extend(check_hls(&api, &text(&media["hls"])).await);
    the_original_is_gone_or_private(&api, &author, &text(&state["upload_id"])).await;

    author.delete(&format!("/v1/posts/{post_id}")).await.expect("deleted");
    for url in urls {
        eventually(&format!("{url} to be gone"), Duration::from_secs(10), || async {
            (api.fetch(&url, &[]).await.status == 404).then_some(())
        })
        .await;
    }
    assert!(scratch_is_empty(&node.data_dirs()), "nothing is left of the work");
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is a text")).to_owned()
}

async fn fetched(api: &Api, url: &str) -> Reply {
    let reply = api.fetch(url, &[]).await;
    assert_eq!(reply.status, 200, "{url}");
    assert_eq!(reply.header("x-content-type-options"), "nosniff", "{url}");
    reply
}

/// H.264 and AAC, upright, nothing about where it was taken, in ranges.
async fn check_mp4(api: &Api, url: &str) -> String {
    let whole = fetched(api, url).await;
    assert_eq!(whole.header("content-type"), "video/mp4");
    assert!(!whole.bytes.windows(6).any(|part| part == b"+48.85"), "the place is gone");
    assert!(!whole.bytes.windows(8).any(|part| part == b"Holidays"), "the title is gone");
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &whole.bytes).expect("written");
    let told = probed(file.path());
    let streams = told["streams"].as_array().expect("streams");
    let codecs: Vec<_> = streams.iter().map(|stream| text(&stream["codec_name"])).collect();
    assert_eq!(codecs, ["h264", "aac"]);
    assert_eq!((&streams[0]["width"], &streams[0]["height"]), (&json!(360), &json!(640)), "upright");
    assert!(streams[0]["side_data_list"].is_null(), "and not turned once more: {}", streams[0]);
    let part = api.fetch(url, &[("range", "bytes=100-199")]).await;
    assert_eq!((part.status, part.bytes.as_slice()), (206, &whole.bytes[100..200]));
    url.to_owned()
}

/// Every playlist names what is there, with the right types; gives the URLs of all of it.
async fn check_hls(api: &Api, url: &str) -> Vec<String> {
    let folder = url.rsplit_once('/').expect("a path").0;
    let mut urls = vec![url.to_owned()];
    for name in playlist(api, url).await.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let sub = format!("{folder}/{name}");
        let listed = playlist(api, &sub).await;
        urls.push(sub);
        let segments = listed.lines().find(|line| !line.starts_with('#')).expect("a segment").to_owned();
        assert!(listed.contains(&format!("#EXT-X-MAP:URI=\"{segments}\"")) && listed.ends_with("#EXT-X-ENDLIST\n"));
        let media = fetched(api, &format!("{folder}/{segments}")).await;
        assert_eq!(media.header("content-type"), "video/mp4");
        let ends = listed.lines().filter_map(|line| line.strip_prefix("#EXT-X-BYTERANGE:")).map(|range| {
            let (length, start) = range.split_once('@').expect("a range");
            length.parse::<usize>().expect("a length") + start.parse::<usize>().expect("a start")
        });
        assert_eq!(ends.max(), Some(media.bytes.len()), "the last segment ends where the file does");
        urls.push(format!("{folder}/{segments}"));
    }
    let told = tokio::task::block_in_place(|| probed(Path::new(url)));
    assert_eq!(text(&told["format"]["format_name"]), "hls", "a player of HLS opens it");
    urls
}

async fn playlist(api: &Api, url: &str) -> String {
    let reply = fetched(api, url).await;
    assert_eq!(reply.header("content-type"), "application/vnd.apple.mpegurl");
    assert!(reply.text().starts_with("#EXTM3U"));
    reply.text()
}

async fn the_original_is_gone_or_private(api: &Api, author: &Person, upload_id: &str) {
    let url = api.url(&format!("/media/{}/{upload_id}/original.mp4", author.id));
    assert_eq!(api.fetch(&url, &[]).await.status, 404);
}

fn scratch_is_empty(data_dirs: &[PathBuf]) -> bool {
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let scratches = data_dirs.iter().flat_map(|data_dir| entries(&data_dir.join("scratch")));
    scratches.flat_map(|scratch| entries(&scratch.path())).next().is_none()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_and_cancelled_videos_leave_the_pool_alive() {
    let node = Node::start(&[]);
    let api = node.api();
    let person = api.sign_up("person").await;
    let secret = node.data_dirs()[0].join("secret.mp4");
    std::fs::write(&secret, film(&["-f lavfi -i testsrc2=s=64x48:d=0.2:r=10 -pix_fmt yuv420p"])).expect("written");
    let secret = secret.display();
    // Whoever asks it for something gave himself away.
    let inside = TcpListener::bind("127.0.0.1:0").expect("a listener");
    inside.set_nonblocking(true).expect("a listener");
    let url = format!("http://{}/secret.mp4", inside.local_addr().expect("an address"));
    let playlist = |target: &str| format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n");
    let behind = |script: &str| format!("\0\0\0\x18ftypmp42\0\0\0\0mp42isom{script}");
    let hostile = [
        playlist(&format!("file://{secret}")),
        playlist(&url),
        behind(&playlist(&url)),
        format!("ffconcat version 1.0\nfile '{secret}'\n"),
        behind(&format!("ffconcat version 1.0\nfile '{secret}'\n")),
        "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_owned(),
        behind(" and nothing else at all"),
    ];
    let hostile = hostile.map(String::into_bytes).into_iter().chain([film_of_negative_length()]);
    for file in hostile {
        let what = String::from_utf8_lossy(&file[..file.len().min(200)]).into_owned();
        let state = person.upload(file, "video/mp4", "").await;
        assert_eq!(state["status"], "failed", "{what}: {state}");
        assert!(state["error"].as_str().is_some_and(|reason| reason.contains("video")), "{what}: {state}");
    }
    assert!(inside.accept().is_err(), "nobody came");
    cancelled(&person, &node.data_dirs()).await;
    let state = person.upload(small_jpeg(1), "image/jpeg", "still there").await;
    assert_eq!(state["status"], "completed", "{state}");
    person.delete(&format!("/v1/uploads/{}", text(&state["upload_id"]))).await.expect_err("it is a post");
}

/// A film whose index says that it ends before it begins.
fn film_of_negative_length() -> Vec<u8> {
    let mut bytes = tiny_film();
    for (name, offset) in [(b"mvhd", 20), (b"tkhd", 24), (b"mdhd", 20), (b"elst", 12)] {
        let at = bytes.windows(4).position(|window| window == name).expect("the box") + offset;
        bytes[at..at + 4].copy_from_slice(&0x8000_0000_u32.to_be_bytes());
    }
    bytes
}

/// Calls a long video off while it is being converted.
async fn cancelled(person: &Person, data_dirs: &[PathBuf]) {
    let long = long_film();
    let ticket = person.create_upload("video/mp4", long.len()).await.expect("an upload");
    assert!(person.put_object(&ticket, long).await.is_success());
    let path = format!("/v1/uploads/{}", text(&ticket["upload_id"]));
    person.post_empty(&format!("{path}/complete")).await.expect("accepted");
    eventually("ffmpeg to be at work", Duration::from_secs(30), || async {
        let state = person.get(&path).await.expect("the upload");
        assert_eq!(state["status"], "processing", "{state}");
        (state["progress"].as_u64() > Some(5)).then_some(())
    })
    .await;
    for _ in 0..2 {
        person.delete(&path).await.expect("called off, as often as one likes");
    }
    let state = person.get(&path).await.expect("the upload");
    assert_eq!((&state["status"], &state["error"]), (&json!("failed"), &json!("the upload was cancelled")));
    eventually("the work to be cleared away", Duration::from_secs(10), || async {
        scratch_is_empty(data_dirs).then_some(())
    })
    .await;
}
