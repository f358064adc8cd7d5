//! Uploads in parts, through the SDK and a plain client.

use super::*;
use tessera_domain::Timestamp;
use tessera_ports::object_store::StoredPart;

const PART: usize = 5 << 20;

fn bytes(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|at| ((at + seed) * 31 % 251) as u8).collect()
}

impl Endpoint {
    async fn put_part(&self, id: &str, number: u32, signed_bytes: u64, body: Vec<u8>) -> StatusCode {
        let put = self.store.presign_part(KEY, id, number, signed_bytes, 60).await.unwrap();
        assert!(put.headers.is_empty(), "a plain client need not send anything: {:?}", put.headers);
        self.http.put(put.url).body(body).send().await.unwrap().status()
    }

    async fn parts(&self, id: &str) -> Option<Vec<StoredPart>> {
        self.store.stored_parts(KEY, id).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_in_any_order_become_one_object_once() {
    let endpoint = Endpoint::start().await;
    let id = endpoint.store.begin_multipart(KEY, JPEG).await.unwrap();
    assert_eq!(endpoint.parts(&id).await, Some(Vec::new()));
    assert_eq!(endpoint.put_part(&id, 2, 7, bytes(7, 2)).await, StatusCode::OK);
    assert_eq!(endpoint.put_part(&id, 1, PART as u64, bytes(PART, 0)).await, StatusCode::OK);
    // Sent again: the later one counts.
    assert_eq!(endpoint.put_part(&id, 1, PART as u64, bytes(PART, 1)).await, StatusCode::OK);
    assert!(!endpoint.exists(KEY).await, "nothing is there before the end");

    // The server is killed and comes back: parts that were answered are there.
    let Endpoint { server, store: _, http: _, folder, credentials } = endpoint;
    server.shutdown().await;
    let mut options = LocalS3Options::new(folder.path().join("objects"), any_port(), credentials.clone());
    options.max_connections = 16;
    let server = LocalS3::start(options).await.unwrap();
    let store = store(&server, &credentials);
    let endpoint = Endpoint { server, store, http: reqwest::Client::new(), folder, credentials };

    let parts = endpoint.parts(&id).await.unwrap();
    assert_eq!(
        parts.iter().map(|part| (part.part_number, part.size_bytes)).collect::<Vec<_>>(),
        [(1, PART as u64), (2, 7)]
    );
    let mut forged = parts.clone();
    forged[0].etag = "\"00\"".to_owned();
    assert!(endpoint.store.finish_multipart(KEY, &id, &forged).await.is_err(), "another part than is stored");
    assert!(endpoint.store.finish_multipart(KEY, &id, &parts).await.unwrap());
    let whole = endpoint.store.get(KEY, 1 << 30).await.unwrap().unwrap();
    assert!(whole == [bytes(PART, 1), bytes(7, 2)].concat());
    assert_eq!(endpoint.store.head(KEY).await.unwrap().unwrap().content_type.as_deref(), Some(JPEG));
    assert_eq!(endpoint.parts(&id).await, None);
    assert!(!endpoint.store.finish_multipart(KEY, &id, &parts).await.unwrap(), "it was finished before");
    endpoint.store.abort_multipart(KEY, &id).await.unwrap();
    assert!(endpoint.exists(KEY).await);
    endpoint.store.delete(&[KEY.to_owned()]).await.unwrap();
    endpoint.expect_no_files().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_was_not_signed_so_is_refused_and_leaves_nothing() {
    let endpoint = Endpoint::start_with(|options| options.max_object_bytes = 1_000).await;
    let id = endpoint.store.begin_multipart(KEY, JPEG).await.unwrap();
    let put = endpoint.store.presign_part(KEY, &id, 1, 600, 60).await.unwrap();
    let status = async |url: String, body: Vec<u8>| endpoint.http.put(url).body(body).send().await.unwrap().status();
    assert_eq!(status(put.url.clone(), vec![1; 601]).await, StatusCode::FORBIDDEN, "another length");
    assert_eq!(status(put.url.replace("partNumber=1", "partNumber=2"), vec![1; 600]).await, StatusCode::FORBIDDEN);
    let unsigned = put.url.split('?').next().unwrap();
    let unsigned = format!("{unsigned}?partNumber=1&uploadId={id}");
    assert_eq!(status(unsigned, vec![1; 600]).await, StatusCode::FORBIDDEN);
    assert_eq!(endpoint.put_part(&id, 1, 600, vec![1; 600]).await, StatusCode::OK);
    assert_eq!(endpoint.put_part(&id, 2, 401, vec![1; 401]).await, StatusCode::BAD_REQUEST, "too large together");
    assert_eq!(endpoint.parts(&id).await.unwrap().len(), 1);
    let other = endpoint.store.stored_parts("uploads/8/1/1.jpg", &id).await.unwrap();
    assert_eq!(other, None, "of another key it is none");
    assert_eq!(endpoint.store.stored_parts(KEY, "../tessera").await.unwrap(), None);
    endpoint.store.abort_multipart(KEY, &id).await.unwrap();
    endpoint.store.abort_multipart(KEY, &id).await.unwrap();
    assert_eq!(endpoint.put_part(&id, 2, 1, vec![1]).await, StatusCode::NOT_FOUND);
    endpoint.expect_no_files().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_uploads_in_parts_are_thrown_away() {
    let endpoint = Endpoint::start().await;
    let old = endpoint.store.begin_multipart(KEY, JPEG).await.unwrap();
    assert_eq!(endpoint.put_part(&old, 1, 5, vec![1; 5]).await, StatusCode::OK);
    let (past, future) = (Timestamp(1), Timestamp(i64::MAX / 2));
    assert_eq!(endpoint.store.abort_old_multiparts("uploads/", past).await.unwrap(), 0);
    assert_eq!(endpoint.store.abort_old_multiparts("media/", future).await.unwrap(), 0);
    assert!(endpoint.parts(&old).await.is_some());
    assert_eq!(endpoint.store.abort_old_multiparts("uploads/", future).await.unwrap(), 1);
    endpoint.expect_no_files().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_than_announced_are_refused_and_change_nothing() {
    let endpoint = Endpoint::start().await;
    // The SHA-256 of "12345".
    let checksum = "WZRHGrsBESr8wYFZ9sx0tPURuZgG2lmzyvWpwXPKz8U=";
    let put = endpoint.store.presign_checked_put(KEY, JPEG, 5, checksum, 60).await.unwrap();
    assert!(put.headers.contains(&("x-amz-checksum-sha256".to_owned(), checksum.to_owned())), "{:?}", put.headers);
    let send = async |body: &'static str, with_checksum: bool| {
        let headers = put.headers.iter().filter(|(name, _)| with_checksum || !name.contains("checksum"));
        let request = headers.fold(endpoint.http.put(&put.url), |request, (name, value)| request.header(name, value));
        request.body(body).send().await.unwrap().status()
    };
    assert_eq!(send("12346", true).await, StatusCode::BAD_REQUEST);
    assert_eq!(send("12345", false).await, StatusCode::FORBIDDEN);
    endpoint.expect_no_files().await;
    assert_eq!(send("12345", true).await, StatusCode::OK);
    assert_eq!(send("54321", true).await, StatusCode::BAD_REQUEST);
    assert_eq!(endpoint.store.get(KEY, 5).await.unwrap().as_deref(), Some(&b"12345"[..]));
}
