//! What is stored, and that it is whole.

use super::super::files::ObjectFiles;
use super::*;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;
use tessera_ports::StoreError;

async fn read(store: &S3ObjectStore, range: Option<std::ops::RangeInclusive<u64>>) -> (u64, Vec<u8>) {
    let body = store.open(KEY, range).await.unwrap().unwrap();
    let bytes: Vec<Bytes> = body.stream.try_collect().await.unwrap();
    (body.info.size_bytes, bytes.concat())
}

#[tokio::test]
async fn objects_are_written_read_replaced_and_deleted() {
    let endpoint = Endpoint::start().await;
    let store = &endpoint.store;
    store.check().await.unwrap();
    assert_eq!(store.head(KEY).await.unwrap(), None);
    assert_eq!(store.get(KEY, 100).await.unwrap(), None);
    assert!(store.open(KEY, None).await.unwrap().is_none());

    store.put(KEY, JPEG, "first".into()).await.unwrap();
    store.put(KEY, "image/png", "second!".into()).await.unwrap();
    assert_eq!(store.get(KEY, 7).await.unwrap().unwrap(), "second!");
    let info = store.head(KEY).await.unwrap().unwrap();
    assert_eq!((info.size_bytes, info.content_type.as_deref()), (7, Some("image/png")));
    assert!(info.etag.unwrap().starts_with('"'));
    assert!(matches!(store.get(KEY, 6).await, Err(StoreError::Refused { .. })));

    store.delete(&[KEY.to_owned(), "never/was.jpg".to_owned()]).await.unwrap();
    assert_eq!(store.head(KEY).await.unwrap(), None);
    endpoint.expect_no_files().await;
    assert!(!endpoint.root().join(BUCKET).join("uploads/7/1700000000000").exists(), "the upload's folder is gone");
}

#[tokio::test]
async fn the_sidecars_are_where_this_version_of_s3s_fs_keeps_them() {
    let endpoint = Endpoint::start().await;
    endpoint.store.put(KEY, JPEG, "12345".into()).await.unwrap();
    let files = ObjectFiles::new(&endpoint.root(), BUCKET, KEY);
    assert!(files.object.is_file() && files.sidecars.iter().all(|sidecar| sidecar.is_file()), "{:?}", endpoint.files());
    assert_eq!(endpoint.files().len(), 3);
}

#[tokio::test]
async fn a_prefix_of_keys_is_no_object() {
    let endpoint = Endpoint::start().await;
    endpoint.store.put(KEY, JPEG, "12345".into()).await.unwrap();
    assert_eq!(endpoint.store.head("uploads/7").await.unwrap(), None);
    assert_eq!(endpoint.store.get("uploads/7", 100).await.unwrap(), None);
    endpoint.store.delete(&[format!("{KEY}/below")]).await.unwrap();
    assert!(endpoint.exists(KEY).await);
}

#[tokio::test]
async fn ranges_are_read_and_must_lie_inside() {
    let endpoint = Endpoint::start().await;
    let whole: Vec<u8> = (0..300_000_u32).map(|index| index as u8).collect();
    endpoint.store.put(KEY, JPEG, whole.clone().into()).await.unwrap();
    assert_eq!(read(&endpoint.store, None).await, (300_000, whole.clone()));
    for range in [0..=0, 0..=299_999, 1..=131_072, 299_999..=299_999] {
        let expected = whole[*range.start() as usize..=*range.end() as usize].to_vec();
        assert_eq!(read(&endpoint.store, Some(range)).await, (300_000, expected));
    }
    #[expect(clippy::reversed_empty_ranges, reason = "refused on purpose")]
    for range in [0..=300_000, 300_000..=300_001, 5..=4] {
        assert!(matches!(endpoint.store.open(KEY, Some(range)).await, Err(StoreError::Refused { .. })));
    }
}

#[tokio::test]
async fn media_may_be_cached_for_ever_and_originals_may_not() {
    let endpoint = Endpoint::start().await;
    for (key, expected) in [("media/7/42/large.jpg", true), (KEY, false)] {
        endpoint.store.put(key, JPEG, "12345".into()).await.unwrap();
        let attributes = std::fs::read_to_string(&ObjectFiles::new(&endpoint.root(), BUCKET, key).sidecars[0]).unwrap();
        assert_eq!(attributes.contains("public, max-age=31536000, immutable"), expected, "{attributes}");
    }
}

#[tokio::test]
async fn many_keys_are_deleted_at_once() {
    let endpoint = Endpoint::start().await;
    let kept = "media/1/1/kept.jpg";
    endpoint.store.put(kept, JPEG, "1".into()).await.unwrap();
    endpoint.store.put(KEY, JPEG, "1".into()).await.unwrap();
    let mut keys: Vec<String> = (0..1_500).map(|index| format!("media/1/{index}/large.jpg")).collect();
    keys.push(KEY.to_owned());
    endpoint.store.delete(&keys).await.unwrap();
    endpoint.store.delete(&[]).await.unwrap();
    assert!(!endpoint.exists(KEY).await && endpoint.exists(kept).await);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing() {
    let endpoint = Endpoint::start().await;
    let presigned = endpoint.presign(1_000_000).await;
    let stream = endpoint.begin_put(&presigned, "content-length: 1000000", &[1; 400_000]).await;
    while endpoint.files().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(stream);
    endpoint.expect_no_files().await;
    assert!(!endpoint.exists(KEY).await);
}

#[tokio::test]
async fn a_body_that_ends_early_leaves_nothing_and_keeps_what_was_there() {
    let endpoint = Endpoint::start().await;
    endpoint.store.put(KEY, "image/gif", "before".into()).await.unwrap();
    let presigned = endpoint.presign(1_000_000).await;
    let mut stream = endpoint.begin_put(&presigned, "content-length: 1000000", &[1; 400_000]).await;
    stream.shutdown().await.unwrap();
    let mut reply = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut reply).await;
    assert!(!String::from_utf8_lossy(&reply).contains(" 200 "));
    assert_eq!(endpoint.store.get(KEY, 100).await.unwrap().unwrap(), "before");
    assert_eq!(endpoint.store.head(KEY).await.unwrap().unwrap().content_type.as_deref(), Some("image/gif"));
}

#[tokio::test]
async fn a_put_that_must_not_replace_does_not() {
    let endpoint = Endpoint::start().await;
    endpoint.store.put(KEY, JPEG, "first".into()).await.unwrap();
    let presigned = endpoint.presign(5).await;
    let put = endpoint.http.put(&presigned.url).header("content-type", JPEG).header("if-none-match", "*");
    assert_eq!(put.body("later").send().await.unwrap().status(), StatusCode::PRECONDITION_FAILED);
    assert_eq!(endpoint.store.get(KEY, 100).await.unwrap().unwrap(), "first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_one_key_never_mix() {
    const TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/webp", "image/gif"];
    let endpoint = Arc::new(Endpoint::start().await);
    let write = |index: usize| {
        let endpoint = endpoint.clone();
        async move {
            let (size, content_type) = (100_000 + index, TYPES[index % 4]);
            let presigned = endpoint.store.presign_put(KEY, content_type, size as u64, 60).await.unwrap();
            assert_eq!(endpoint.put(&presigned.url, content_type, vec![index as u8; size]).await, StatusCode::OK);
        }
    };
    let check = || async {
        let body = endpoint.store.open(KEY, None).await.unwrap().unwrap();
        let bytes = body.stream.try_collect::<Vec<_>>().await.unwrap().concat();
        let index = bytes.len() - 100_000;
        assert!(bytes.iter().all(|byte| *byte == index as u8));
        assert_eq!(
            (body.info.size_bytes, body.info.content_type.as_deref()),
            (bytes.len() as u64, Some(TYPES[index % 4]))
        );
    };
    write(0).await;
    let writes = stream::iter(0..32).for_each_concurrent(16, write);
    let checks = stream::iter(0..64).for_each_concurrent(4, |_| check());
    tokio::join!(writes, checks);
    check().await;
    assert_eq!(endpoint.files().len(), 3);
}

#[tokio::test]
async fn objects_outlive_the_server_and_its_litter_does_not() {
    let endpoint = Endpoint::start().await;
    endpoint.store.put(KEY, JPEG, "12345".into()).await.unwrap();
    let litter = endpoint.root().join(".tmp.7.internal.part");
    std::fs::write(&litter, "half a photo").unwrap();
    let Endpoint { server, folder, .. } = endpoint;
    drop(server);
    let again = Endpoint::start_in(folder, |_| ()).await;
    assert_eq!(again.store.get(KEY, 100).await.unwrap().unwrap(), "12345");
    assert!(!litter.exists());
}

#[tokio::test]
async fn a_big_object_streams_through_bounded_memory() {
    const CHUNK: usize = 256 * 1024;
    const CHUNKS: usize = 256;
    const SIZE: u64 = (CHUNK * CHUNKS) as u64;
    let endpoint = Endpoint::start().await;
    let presigned = endpoint.presign(SIZE).await;
    let before = peak_memory_bytes();
    let chunks = stream::iter(0..CHUNKS).map(|index| Ok::<_, std::io::Error>(Bytes::from(vec![index as u8; CHUNK])));
    let request = endpoint.http.put(&presigned.url).header("content-type", JPEG).header("content-length", SIZE);
    let reply = request.body(reqwest::Body::wrap_stream(chunks)).send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::OK);

    let mut body = endpoint.store.open(KEY, None).await.unwrap().unwrap();
    let mut received = 0_usize;
    while let Some(bytes) = body.stream.try_next().await.unwrap() {
        assert!(bytes.iter().enumerate().all(|(offset, byte)| *byte == ((received + offset) / CHUNK) as u8));
        received += bytes.len();
    }
    assert_eq!(received as u64, SIZE);
    let grown = peak_memory_bytes() - before;
    assert!(grown < SIZE / 3, "{grown} bytes for an object of {SIZE}");
}

/// The most memory that this process ever held (`VmHWM` of proc(5)).
fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
