//! Everything that a presigned URL does not allow.

use super::*;
use tessera_ports::StoreError;
use tokio::io::AsyncReadExt;

const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;

#[tokio::test]
async fn a_plain_client_uploads_with_the_returned_headers_alone() {
    let endpoint = Endpoint::start().await;
    let presigned = endpoint.presign(5).await;
    assert_eq!(presigned.headers, [("content-type".to_owned(), JPEG.to_owned())]);
    let parameters = presigned.url.to_ascii_lowercase();
    assert!(parameters.contains("x-amz-signedheaders=content-length%3bcontent-type%3bhost"), "{parameters}");
    assert!(!parameters.contains("checksum"), "{parameters}");

    assert_eq!(endpoint.put(&presigned.url, JPEG, "12345").await, StatusCode::OK);
    let info = endpoint.store.head(KEY).await.unwrap().unwrap();
    assert_eq!((info.size_bytes, info.content_type.as_deref()), (5, Some(JPEG)));
}

#[tokio::test]
async fn another_size_or_type_is_refused() {
    let endpoint = Endpoint::start().await;
    let presigned = endpoint.presign(5).await;
    assert_eq!(endpoint.put(&presigned.url, JPEG, "1234").await, FORBIDDEN);
    assert_eq!(endpoint.put(&presigned.url, JPEG, "123456").await, FORBIDDEN);
    assert_eq!(endpoint.put(&presigned.url, JPEG, vec![0; 1_000_000]).await, FORBIDDEN);
    assert_eq!(endpoint.put(&presigned.url, "image/png", "12345").await, FORBIDDEN);
    let without_type = endpoint.http.put(&presigned.url).body("12345").send().await.unwrap();
    assert_eq!(without_type.status(), FORBIDDEN);
    endpoint.expect_no_files().await;
}

#[tokio::test]
async fn a_body_of_unstated_length_is_refused() {
    let endpoint = Endpoint::start().await;
    let presigned = endpoint.presign(5).await;
    let mut stream = endpoint
        .begin_put(&presigned, "transfer-encoding: chunked\r\nconnection: close", b"5\r\n12345\r\n0\r\n\r\n")
        .await;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 403"), "{reply}");
    endpoint.expect_no_files().await;
}

#[tokio::test]
async fn a_tampered_url_is_refused() {
    let endpoint = Endpoint::start().await;
    let url = endpoint.presign(5).await.url;
    let mut signature: Vec<char> = url.chars().collect();
    let position = url.find("X-Amz-Signature=").unwrap() + "X-Amz-Signature=".len();
    signature[position] = if signature[position] == '0' { '1' } else { '0' };
    let tampered = [
        url.replace("42.jpg", "43.jpg"),
        url.replace("/tessera/", "/tessera2/"),
        url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"),
        url.replace("content-length%3B", ""),
        format!("{url}&uploadId=1"),
        signature.into_iter().collect(),
        url.split('?').next().unwrap().to_owned(),
    ];
    for tampered in tampered {
        assert_ne!(tampered, url);
        assert_eq!(endpoint.put(&tampered, JPEG, "12345").await, FORBIDDEN, "{tampered}");
    }
    endpoint.expect_no_files().await;
    assert_eq!(endpoint.put(&url, JPEG, "12345").await, StatusCode::OK);
}

#[tokio::test]
async fn a_presigned_put_gives_no_other_right() {
    let endpoint = Endpoint::start().await;
    let url = endpoint.presign(5).await.url;
    assert_eq!(endpoint.put(&url, JPEG, "12345").await, StatusCode::OK);
    assert_eq!(endpoint.http.get(&url).send().await.unwrap().status(), FORBIDDEN);
    assert_eq!(endpoint.http.delete(&url).send().await.unwrap().status(), FORBIDDEN);
    assert!(endpoint.exists(KEY).await);
}

#[tokio::test]
async fn an_expired_url_is_refused() {
    let endpoint = Endpoint::start().await;
    let presigned = endpoint.store.presign_put(KEY, JPEG, 5, 1).await.unwrap();
    let now = tessera_ports::clock::now();
    assert!(presigned.expires_at.0 > now.0 - 1_000 && presigned.expires_at.0 <= now.0 + 1_000);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(endpoint.put(&presigned.url, JPEG, "12345").await, FORBIDDEN);
    endpoint.expect_no_files().await;
}

#[tokio::test]
async fn an_unsigned_steering_header_is_refused() {
    let endpoint = Endpoint::start().await;
    endpoint.store.put("uploads/1/1/1.jpg", JPEG, "secret".into()).await.unwrap();
    let presigned = endpoint.presign(0).await;
    let copy = endpoint.http.put(&presigned.url).header("content-type", JPEG).header("content-length", "0");
    let copy = copy.header("x-amz-copy-source", "tessera/uploads/1/1/1.jpg").send().await.unwrap();
    assert_eq!(copy.status(), FORBIDDEN);
    assert!(!endpoint.exists(KEY).await);
}

#[tokio::test]
async fn nothing_is_readable_without_a_signature() {
    let endpoint = Endpoint::start().await;
    endpoint.store.put(KEY, JPEG, "secret".into()).await.unwrap();
    let object = format!("{}/{BUCKET}/{KEY}", endpoint.server.endpoint());
    let bucket = format!("{}/{BUCKET}", endpoint.server.endpoint());
    assert_eq!(endpoint.http.get(&object).send().await.unwrap().status(), FORBIDDEN);
    assert_eq!(endpoint.http.head(&object).send().await.unwrap().status(), FORBIDDEN);
    assert_eq!(endpoint.http.delete(&object).send().await.unwrap().status(), FORBIDDEN);
    assert_eq!(endpoint.http.get(&bucket).send().await.unwrap().status(), FORBIDDEN);
    assert_eq!(endpoint.http.get(endpoint.server.endpoint()).send().await.unwrap().status(), FORBIDDEN);
    assert!(endpoint.exists(KEY).await);
}

#[tokio::test]
async fn a_wrong_key_pair_is_refused() {
    let endpoint = Endpoint::start().await;
    let mut wrong = endpoint.credentials.clone();
    wrong.secret_key = LocalCredentials::random().secret_key;
    for wrong in [wrong, LocalCredentials::random()] {
        let store = store(&endpoint.server, &wrong);
        let refusals = [
            store.put(KEY, JPEG, "12345".into()).await.unwrap_err(),
            store.get(KEY, 100).await.unwrap_err(),
            store.check().await.unwrap_err(),
        ];
        for refusal in refusals {
            assert!(matches!(refusal, StoreError::Refused { .. }), "{refusal}");
        }
    }
    endpoint.expect_no_files().await;
}

#[tokio::test]
async fn keys_that_a_path_could_mean_otherwise_are_refused() {
    let endpoint = Endpoint::start().await;
    std::fs::write(endpoint.folder.path().join("outside"), "secret").unwrap();
    let keys = [
        "..",
        "../outside",
        "../../outside",
        "a/../../../outside",
        "a/../b",
        "a/./b",
        "a//b",
        "/a",
        "a/",
        "a\\b",
        "a\nb",
        "../.bucket-dGVzc2VyYQ.object-YQ.internal.json",
    ];
    for key in keys.map(str::to_owned).into_iter().chain(["k".repeat(106)]) {
        let refused = |error| matches!(error, StoreError::Refused { .. });
        assert!(endpoint.store.put(&key, JPEG, "12345".into()).await.is_err_and(refused), "{key:?}");
        assert!(endpoint.store.get(&key, 100).await.is_err_and(refused), "{key:?}");
        assert!(endpoint.store.delete(std::slice::from_ref(&key)).await.is_err_and(refused), "{key:?}");
        let presigned = endpoint.store.presign_put(&key, JPEG, 5, 60).await.unwrap();
        let status = endpoint.put(&presigned.url, JPEG, "12345").await;
        assert!(status.is_client_error(), "{key:?}: {status}");
    }
    endpoint.expect_no_files().await;
    assert_eq!(std::fs::read_to_string(endpoint.folder.path().join("outside")).unwrap(), "secret");
}

#[tokio::test]
async fn an_encoded_traversal_is_refused() {
    let endpoint = Endpoint::start().await;
    std::fs::write(endpoint.folder.path().join("outside"), "secret").unwrap();
    for target in ["/tessera/..%2f..%2foutside", "/tessera/%2e%2e/%2e%2e/outside", "/..%2foutside", "/%2e%2e/outside"] {
        let mut stream = TcpStream::connect(endpoint.server.address()).await.unwrap();
        let head = format!("GET {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", endpoint.server.address());
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        assert!(reply.starts_with("HTTP/1.1 4") && !reply.contains("secret"), "{target}: {reply}");
    }
}

#[tokio::test]
async fn a_form_upload_is_refused_before_it_is_read() {
    let endpoint = Endpoint::start().await;
    let part = "--b\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\n".to_owned() + &"x".repeat(4_000_000);
    let url = format!("{}/{BUCKET}", endpoint.server.endpoint());
    let request = endpoint.http.post(url).header("content-type", "multipart/form-data; boundary=b").body(part);
    // The server may close before it has taken the body: then the client sees no reply at all.
    if let Ok(reply) = request.send().await {
        assert!(reply.status().is_client_error(), "{}", reply.status());
    }
    endpoint.expect_no_files().await;
}
