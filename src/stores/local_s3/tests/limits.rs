//! Bounds, browsers and the end of the server.

use super::*;
use std::time::Instant;
use tokio::io::AsyncReadExt;

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut reply = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut reply));
    // A reset is an end as well.
    let _ = read.await.expect("the server closes the connection");
    String::from_utf8_lossy(&reply).into_owned()
}

#[tokio::test]
async fn an_object_beyond_the_limit_is_refused() {
    let endpoint = Endpoint::start_with(|options| options.max_object_bytes = 1_000).await;
    assert_eq!(endpoint.put(&endpoint.presign(1_000).await.url, JPEG, vec![0; 1_000]).await, StatusCode::OK);
    let refused = endpoint.put(&endpoint.presign(1_001).await.url, JPEG, vec![1; 1_001]).await;
    assert_eq!(refused, StatusCode::BAD_REQUEST);
    assert_eq!(endpoint.store.head(KEY).await.unwrap().unwrap().size_bytes, 1_000);
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let endpoint = Endpoint::start_with(|options| options.body_idle_timeout = Duration::from_millis(200)).await;
    let presigned = endpoint.presign(1_000_000).await;
    let mut stream = endpoint.begin_put(&presigned, "content-length: 1000000", &[1; 1_000]).await;
    let reply = read_to_end(&mut stream).await;
    assert!(reply.starts_with("HTTP/1.1 400") && reply.contains("RequestTimeout"), "{reply}");
    endpoint.expect_no_files().await;
}

#[tokio::test]
async fn silent_connections_make_room() {
    let endpoint = Endpoint::start_with(|options| {
        options.max_connections = 2;
        options.header_read_timeout = Duration::from_millis(500);
    })
    .await;
    let mut first = TcpStream::connect(endpoint.server.address()).await.unwrap();
    let mut second = TcpStream::connect(endpoint.server.address()).await.unwrap();
    second.write_all(b"GET / HT").await.unwrap();
    endpoint.store.check().await.unwrap();
    read_to_end(&mut first).await;
    read_to_end(&mut second).await;
}

#[tokio::test]
async fn a_browser_may_put_from_another_origin() {
    let endpoint = Endpoint::start().await;
    let presigned = endpoint.presign(5).await;
    let preflight = endpoint.http.request(reqwest::Method::OPTIONS, &presigned.url);
    let preflight = preflight
        .header("origin", "http://photos.example")
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "content-type")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), StatusCode::NO_CONTENT);
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    assert_eq!(preflight.headers()["access-control-allow-methods"], "PUT, HEAD");
    assert_eq!(preflight.headers()["access-control-allow-headers"], "content-type, x-amz-checksum-sha256");

    for (body, expected) in [("1234", StatusCode::FORBIDDEN), ("12345", StatusCode::OK)] {
        let reply = endpoint.http.put(&presigned.url).header("content-type", JPEG).body(body).send().await.unwrap();
        assert_eq!(reply.status(), expected);
        assert_eq!(reply.headers()["access-control-allow-origin"], "*");
        assert_eq!(reply.headers().contains_key("etag"), expected.is_success());
    }
}

#[tokio::test]
async fn shutdown_lets_an_upload_end_and_idle_connections_go() {
    let endpoint = Endpoint::start().await;
    let presigned = endpoint.presign(1_000).await;
    let mut stream = endpoint.begin_put(&presigned, "content-length: 1000", &[1; 500]).await;
    while endpoint.files().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let address = endpoint.server.address();
    let root = endpoint.root();
    let shutdown = tokio::spawn(endpoint.server.shutdown());
    while TcpStream::connect(address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stream.write_all(&[1; 500]).await.unwrap();
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 200"));
    shutdown.await.unwrap();
    assert_eq!(std::fs::metadata(root.join(BUCKET).join(KEY)).unwrap().len(), 1_000);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let endpoint = Endpoint::start_with(|options| options.grace = Duration::from_millis(300)).await;
    let presigned = endpoint.presign(1_000).await;
    let _stream = endpoint.begin_put(&presigned, "content-length: 1000", &[1; 500]).await;
    let started = Instant::now();
    endpoint.server.shutdown().await;
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_taken_address_is_an_error() {
    let endpoint = Endpoint::start().await;
    let folder = tempfile::tempdir().unwrap();
    let options = LocalS3Options::new(folder.path(), endpoint.server.address(), LocalCredentials::random());
    let error = LocalS3::start(options).await.err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}
