//! How failures are told, against servers that fail on purpose. Everything that works is tested with `local_s3`.

#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

use super::*;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a server does with one request.
#[derive(Clone, Copy)]
enum Act {
    Reply(u16, &'static str),
    HangUp,
    KeepSilent,
}

/// A server that acts once per connection, in turn, repeats its last act, and notes the requests' first lines.
struct FailingServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl FailingServer {
    async fn start(acts: &'static [Act]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = FailingServer { address: listener.local_addr().unwrap(), requests: Arc::default() };
        let requests = server.requests.clone();
        tokio::spawn(async move {
            let mut acts = acts.iter().copied().chain(std::iter::repeat(acts[acts.len() - 1]));
            while let Ok((stream, _)) = listener.accept().await {
                let act = acts.next().unwrap();
                tokio::spawn(serve(stream, act, requests.clone()));
            }
        });
        server
    }

    fn store(&self) -> S3ObjectStore {
        S3ObjectStore::new(options(self.address)).unwrap()
    }

    fn methods(&self) -> Vec<String> {
        self.requests.lock().iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    }
}

async fn serve(mut stream: TcpStream, act: Act, requests: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    while !is_whole(&request) {
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(length) if length > 0 => request.extend_from_slice(&piece[..length]),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&request);
    requests.lock().push(text.lines().next().unwrap().to_owned());
    match act {
        Act::HangUp => {}
        Act::KeepSilent => std::future::pending().await,
        Act::Reply(status, code) => {
            let body = format!("<Error><Code>{code}</Code><Message>on purpose</Message></Error>");
            let body = if status < 300 { String::new() } else { body };
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes()).await;
        }
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

fn options(address: SocketAddr) -> S3Options {
    let mut options = S3Options::new(format!("http://{address}"), "bucket", "us-east-1", "access", "secret");
    options.attempt_timeout = Duration::from_millis(300);
    options
}

async fn put(store: &S3ObjectStore) -> StoreResult<()> {
    store.put("key", "image/jpeg", "12345".into()).await
}

#[tokio::test]
async fn a_put_that_failed_says_whether_it_may_have_happened() {
    use Determinacy::{NotDone, Unknown};
    let cases: [(&'static [Act], Determinacy); 8] = [
        (&[Act::HangUp], Unknown),
        (&[Act::KeepSilent], Unknown),
        (&[Act::Reply(500, "InternalError")], Unknown),
        (&[Act::Reply(503, "ServiceUnavailable")], Unknown),
        (&[Act::Reply(503, "SlowDown")], NotDone),
        (&[Act::Reply(429, "TooManyRequests")], NotDone),
        (&[Act::Reply(409, "OperationAborted")], NotDone),
        // The second attempt cannot undo what the first may have done.
        (&[Act::HangUp, Act::Reply(503, "SlowDown")], Unknown),
    ];
    for (acts, expected) in cases {
        let server = FailingServer::start(acts).await;
        let error = put(&server.store()).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
        assert_eq!(error.determinacy(), expected, "{error}");
        assert_eq!(server.methods(), ["PUT"; 3]);
    }
}

#[tokio::test]
async fn a_read_that_failed_changed_nothing() {
    for acts in [&[Act::HangUp], &[Act::KeepSilent], &[Act::Reply(500, "InternalError")]] as [&'static [Act]; 3] {
        let server = FailingServer::start(acts).await;
        let error = server.store().get("key", 100).await.unwrap_err();
        assert!(error.is_transient() && error.determinacy() == Determinacy::NotDone, "{error}");
    }
}

#[tokio::test]
async fn a_put_to_nobody_did_not_happen() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = put(&S3ObjectStore::new(options(address)).unwrap()).await.unwrap_err();
    assert!(error.is_transient() && error.determinacy() == Determinacy::NotDone, "{error}");
}

#[tokio::test]
async fn a_refused_request_is_not_repeated() {
    for act in
        [&[Act::Reply(403, "AccessDenied")], &[Act::Reply(404, "NoSuchBucket")], &[Act::Reply(501, "NotImplemented")]]
            as [&'static [Act]; 3]
    {
        let server = FailingServer::start(act).await;
        let error = put(&server.store()).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error}");
        assert_eq!(server.methods(), ["PUT"]);
    }
}

#[tokio::test]
async fn a_missing_bucket_is_no_missing_object() {
    let server = FailingServer::start(&[Act::Reply(404, "NoSuchBucket")]).await;
    assert!(matches!(server.store().get("key", 100).await, Err(StoreError::Refused { .. })));
    let server = FailingServer::start(&[Act::Reply(404, "NoSuchKey")]).await;
    assert_eq!(server.store().get("key", 100).await.unwrap(), None);
}

#[tokio::test]
async fn a_failure_that_passes_is_not_seen() {
    let server = FailingServer::start(&[Act::Reply(503, "SlowDown"), Act::HangUp, Act::Reply(200, "")]).await;
    put(&server.store()).await.unwrap();
    assert_eq!(server.methods(), ["PUT"; 3]);
}

#[tokio::test]
async fn a_server_without_batches_gets_single_deletes() {
    let server = FailingServer::start(&[Act::Reply(501, "NotImplemented"), Act::Reply(204, "")]).await;
    let store = server.store();
    let keys = ["a", "b", "c"].map(str::to_owned);
    store.delete(&keys).await.unwrap();
    assert_eq!(server.methods(), ["POST", "DELETE", "DELETE", "DELETE"]);
    store.delete(&keys).await.unwrap();
    assert_eq!(server.methods().len(), 7, "the batch is not tried again");
}

#[tokio::test]
async fn urls_are_signed_for_the_address_that_clients_reach() {
    let mut options = options(SocketAddr::from(([127, 0, 0, 1], 9)));
    options.public_endpoint = Some("https://photos.example:9000/".to_owned());
    let store = S3ObjectStore::new(options).unwrap();
    let presigned = store.presign_put("uploads/1/2/3.jpg", "image/jpeg", 5, 900).await.unwrap();
    let path = "https://photos.example:9000/bucket/uploads/1/2/3.jpg?";
    assert!(presigned.url.starts_with(path), "{}", presigned.url);
    assert!(!presigned.url.contains("secret"));
    for valid_seconds in [u64::MAX, 604_801] {
        let refused = store.presign_put("key", "image/jpeg", 5, valid_seconds).await;
        assert!(matches!(refused, Err(StoreError::Refused { .. })));
    }
}

#[test]
fn senseless_options_are_refused() {
    let good = || S3Options::new("http://127.0.0.1:9000", "bucket", "us-east-1", "access", "secret");
    let refused = |change: fn(&mut S3Options)| {
        let mut options = good();
        change(&mut options);
        matches!(S3ObjectStore::new(options), Err(StoreError::Refused { .. }))
    };
    assert!(S3ObjectStore::new(good()).is_ok());
    assert!(refused(|options| options.endpoint = "127.0.0.1:9000".to_owned()));
    assert!(refused(|options| options.public_endpoint = Some("ftp://photos.example".to_owned())));
    assert!(refused(|options| options.endpoint.push_str("/storage")));
    assert!(refused(|options| options.bucket.clear()));
    assert!(refused(|options| options.max_attempts = 0));
    assert!(!format!("{:?}", good()).contains("secret"));
}
