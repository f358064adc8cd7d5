//! The object store from the outside: presigned PUTs, the right one and every wrong one.

use super::report::Report;
use bytes::Bytes;
use std::{future::Future, sync::Arc, time::Duration};
use tessera_ports::{ObjectStore, object_store::PresignedPut};

const KEY: &str = "uploads/7/1773489600000/0190a1b2-0000-7000-8000-000000000001.jpg";
const OTHER_KEY: &str = "uploads/8/1773489600000/0190a1b2-0000-7000-8000-000000000001.jpg";
const CONTENT_TYPE: &str = "image/jpeg";
const SIZE: usize = 70_000;

/// Runs the checks, all of which need the callback that makes real HTTP requests.
pub(super) async fn run<F, Fut, P, PutFut>(make: &F, put: P, report: &mut Report)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn ObjectStore>>,
    P: Fn(String, Vec<(String, String)>, Bytes) -> PutFut + Clone + Send + Sync + 'static,
    PutFut: Future<Output = u16> + Send + 'static,
{
    report.run("object_store_puts::the_signed_request_is_accepted", accepted(make().await, put.clone())).await;
    for forgery in FORGERIES {
        report.run(forgery.name, refused(make().await, put.clone(), forgery)).await;
    }
    report.run("object_store_puts::an_expired_url_is_refused", expired(make().await, put.clone())).await;
}

fn body(length: usize) -> Bytes {
    (0..length).map(|at| (at * 17 % 253) as u8).collect()
}

/// A request as a client would send it.
struct Request {
    url: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Request {
    /// The right request. The client states its body's length by itself.
    fn of(signed: &PresignedPut) -> Self {
        let by_hand = |name: &str| !name.eq_ignore_ascii_case("content-length") && !name.eq_ignore_ascii_case("host");
        let headers = signed.headers.iter().filter(|(name, _)| by_hand(name)).cloned().collect();
        Self { url: signed.url.clone(), headers, body: body(SIZE) }
    }

    fn without_header(&mut self, wanted: &str) {
        self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(wanted));
    }
}

/// One way in which a request can differ from what was signed.
struct Forgery {
    name: &'static str,
    forge: fn(&mut Request),
}

const FORGERIES: &[Forgery] = &[
    Forgery { name: "object_store_puts::a_longer_body_is_refused", forge: |request| request.body = body(SIZE + 1) },
    Forgery { name: "object_store_puts::a_shorter_body_is_refused", forge: |request| request.body = body(SIZE - 1) },
    Forgery { name: "object_store_puts::an_empty_body_is_refused", forge: |request| request.body = Bytes::new() },
    Forgery {
        name: "object_store_puts::another_content_type_is_refused",
        forge: |request| {
            request.without_header("content-type");
            request.headers.push(("content-type".to_owned(), "text/html".to_owned()));
        },
    },
    Forgery {
        name: "object_store_puts::a_missing_content_type_is_refused",
        forge: |request| request.without_header("content-type"),
    },
    Forgery {
        name: "object_store_puts::another_key_is_refused",
        forge: |request| request.url = request.url.replacen("/uploads/7/", "/uploads/8/", 1),
    },
    Forgery {
        name: "object_store_puts::a_request_without_a_signature_is_refused",
        forge: |request| request.url = without_query(&request.url),
    },
    Forgery {
        name: "object_store_puts::a_longer_validity_is_refused",
        forge: |request| request.url = request.url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000"),
    },
    Forgery {
        name: "object_store_puts::another_signature_is_refused",
        forge: |request| request.url = other_signature(&request.url),
    },
];

fn without_query(url: &str) -> String {
    url.split('?').next().unwrap_or(url).to_owned()
}

/// Changes the first digit of the signature.
fn other_signature(url: &str) -> String {
    let Some((before, after)) = url.split_once("X-Amz-Signature=") else { return url.to_owned() };
    let digit = if after.starts_with('0') { '1' } else { '0' };
    format!("{before}X-Amz-Signature={digit}{}", after.get(1..).unwrap_or_default())
}

async fn sign(store: &dyn ObjectStore, valid_seconds: u64) -> PresignedPut {
    store.presign_put(KEY, CONTENT_TYPE, SIZE as u64, valid_seconds).await.expect("presign_put")
}

async fn accepted<P, PutFut>(store: Arc<dyn ObjectStore>, put: P)
where
    P: Fn(String, Vec<(String, String)>, Bytes) -> PutFut,
    PutFut: Future<Output = u16>,
{
    let before = tessera_ports::clock::now();
    let signed = sign(&*store, 900).await;
    let valid_ms = signed.expires_at.since_ms(before);
    assert!((890_000..=910_000).contains(&valid_ms), "the URL says when it runs out: in {valid_ms} ms");
    assert_eq!(store.head(KEY).await.expect("head"), None, "signing stores nothing");
    let request = Request::of(&signed);
    let status = put(request.url, request.headers, request.body).await;
    assert!((200..300).contains(&status), "the signed request is accepted, not answered with {status}");
    let info = store.head(KEY).await.expect("head").expect("the object is stored");
    assert_eq!(info.size_bytes, SIZE as u64, "with the signed size");
    assert_eq!(info.content_type.as_deref(), Some(CONTENT_TYPE), "and the signed type");
    assert_eq!(store.get(KEY, SIZE as u64).await.expect("get"), Some(body(SIZE)), "byte for byte");
}

async fn refused<P, PutFut>(store: Arc<dyn ObjectStore>, put: P, forgery: &Forgery)
where
    P: Fn(String, Vec<(String, String)>, Bytes) -> PutFut,
    PutFut: Future<Output = u16>,
{
    let signed = sign(&*store, 900).await;
    let right = Request::of(&signed);
    let mut request = Request::of(&signed);
    (forgery.forge)(&mut request);
    let differs = right.url != request.url || right.headers != request.headers || right.body != request.body;
    assert!(differs, "the forged request differs from the signed one: {}", signed.url);
    let status = put(request.url, request.headers, request.body).await;
    refused_and_nothing_stored(&*store, status).await;
}

async fn expired<P, PutFut>(store: Arc<dyn ObjectStore>, put: P)
where
    P: Fn(String, Vec<(String, String)>, Bytes) -> PutFut,
    PutFut: Future<Output = u16>,
{
    let request = Request::of(&sign(&*store, 1).await);
    // Signatures tell whole seconds, so a validity of one second may last nearly two.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let status = put(request.url, request.headers, request.body).await;
    refused_and_nothing_stored(&*store, status).await;
}

async fn refused_and_nothing_stored(store: &dyn ObjectStore, status: u16) {
    assert!((400..500).contains(&status), "a wrong request is refused with 4xx, not answered with {status}");
    for key in [KEY, OTHER_KEY] {
        assert_eq!(store.head(key).await.expect("head"), None, "a refused request stores nothing under {key}");
    }
}
