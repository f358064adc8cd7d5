//! The object store from the inside: put, head, get, open, delete.

use super::report::store_checks;
use bytes::Bytes;
use futures::StreamExt;
use std::{future::Future, sync::Arc};
use tessera_ports::{ObjectStore, StoreError};

store_checks!(ObjectStore:
    an_object_reads_back_as_it_was_put,
    a_missing_object_is_none,
    a_later_put_replaces_an_object,
    a_read_past_its_bound_is_refused,
    a_stream_gives_the_whole_or_a_range,
    deleting_is_idempotent,
    deleting_a_folder_takes_what_lies_in_it_and_nothing_else,
    a_healthy_store_answers,
);

const KEY: &str = "media/7/0190a1b2-0000-7000-8000-000000000001/large.jpg";

fn bytes(length: usize) -> Bytes {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

async fn an_object_reads_back_as_it_was_put(store: Arc<dyn ObjectStore>) {
    let body = bytes(100_000);
    store.put(KEY, "image/jpeg", body.clone()).await.expect("put");
    assert_eq!(store.get(KEY, 100_000).await.expect("get"), Some(body), "the bytes, up to the very bound");
    let info = store.head(KEY).await.expect("head").expect("a stored object has a head");
    assert_eq!(info.size_bytes, 100_000, "the head tells the size");
    assert_eq!(info.content_type.as_deref(), Some("image/jpeg"), "and the content type");
    store.put("media/7/empty", "image/png", Bytes::new()).await.expect("put");
    let empty = store.get("media/7/empty", 10).await.expect("get");
    assert_eq!(empty, Some(Bytes::new()), "an empty object is an object");
}

async fn a_missing_object_is_none(store: Arc<dyn ObjectStore>) {
    assert_eq!(store.head(KEY).await.expect("head"), None, "no head");
    assert_eq!(store.get(KEY, 10).await.expect("get"), None, "no bytes");
    assert!(store.open(KEY, None).await.expect("open").is_none(), "no stream");
    assert!(store.open(KEY, Some(0..=1)).await.expect("open").is_none(), "no range of it");
}

async fn a_later_put_replaces_an_object(store: Arc<dyn ObjectStore>) {
    store.put(KEY, "image/jpeg", bytes(500)).await.expect("put");
    let before = store.head(KEY).await.expect("head").expect("a head");
    store.put(KEY, "image/webp", bytes(20)).await.expect("put");
    let after = store.head(KEY).await.expect("head").expect("a head");
    assert_eq!((after.size_bytes, after.content_type.as_deref()), (20, Some("image/webp")), "size and type follow");
    assert_eq!(store.get(KEY, 1_000).await.expect("get"), Some(bytes(20)), "no rest of the longer one is left");
    if before.etag.is_some() {
        assert_ne!(before.etag, after.etag, "another object has another entity tag");
    }
}

async fn a_read_past_its_bound_is_refused(store: Arc<dyn ObjectStore>) {
    store.put(KEY, "image/jpeg", bytes(1_001)).await.expect("put");
    let refused = store.get(KEY, 1_000).await;
    assert!(matches!(refused, Err(StoreError::Refused { .. })), "one byte too many is refused: {refused:?}");
}

async fn a_stream_gives_the_whole_or_a_range(store: Arc<dyn ObjectStore>) {
    let body = bytes(300_000);
    store.put(KEY, "image/jpeg", body.clone()).await.expect("put");
    let whole = (None, body.clone());
    let middle = (Some(1_000..=200_999), body.slice(1_000..=200_999));
    let last = (Some(299_999..=299_999), body.slice(299_999..));
    for (range, expected) in [whole, middle, last] {
        let opened = store.open(KEY, range.clone()).await.expect("open").expect("a stored object opens");
        assert_eq!(opened.info.size_bytes, 300_000, "{range:?}: the info is about the whole object");
        assert_eq!(opened.info.content_type.as_deref(), Some("image/jpeg"), "{range:?}: content type");
        let chunks: Vec<Bytes> = opened.stream.map(|chunk| chunk.expect("a chunk")).collect().await;
        assert!(chunks.concat() == expected, "{range:?}: exactly the bytes asked for");
    }
}

async fn deleting_is_idempotent(store: Arc<dyn ObjectStore>) {
    let keys: Vec<String> = (0..5).map(|number| format!("media/7/{number}/large.jpg")).collect();
    for key in &keys {
        store.put(key, "image/jpeg", bytes(10)).await.expect("put");
    }
    for _ in 0..2 {
        store.delete(&keys[..4]).await.expect("deleting what exists, and what does not");
    }
    for key in &keys[..4] {
        assert_eq!(store.head(key).await.expect("head"), None, "a deleted object is gone");
    }
    assert!(store.head(&keys[4]).await.expect("head").is_some(), "its neighbour stays");
    store.delete(&[]).await.expect("deleting nothing");
}

async fn deleting_a_folder_takes_what_lies_in_it_and_nothing_else(store: Arc<dyn ObjectStore>) {
    let inside = ["media/7/one/grid.jpg", "media/7/one/hls/720/0001.ts"];
    let outside = ["media/7/one.jpg", "media/7/other/grid.jpg"];
    for key in inside.iter().chain(&outside) {
        store.put(key, "image/jpeg", bytes(3)).await.expect("put");
    }
    for time in ["the first time", "again"] {
        store.delete_folder("media/7/one").await.expect("delete_folder");
        for key in inside {
            assert_eq!(store.head(key).await.expect("head"), None, "{key}, {time}");
        }
    }
    for key in outside {
        assert!(store.head(key).await.expect("head").is_some(), "{key} stays");
    }
    store.delete_folder("media/nobody").await.expect("nothing lies there");
}

async fn a_healthy_store_answers(store: Arc<dyn ObjectStore>) {
    store.check().await.expect("check");
}
