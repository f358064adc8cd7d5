//! Purges at real Varnish servers, with the configuration that the product ships.

use parking_lot::Mutex;
use reqwest::{Client, Method, StatusCode};
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::{IpAddr, TcpListener, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_ports::{Cdn, Determinacy, StoreError};
use tessera_stores::cdn::{CdnOptions, HttpPurgeCdn};
use tessera_test_servers::Varnish;

const FOLDER: &str = "/media/7/019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8";

/// A node's media routes, as far as a cache sees them: pictures by path, and how often each was asked for.
#[derive(Clone, Default)]
struct Origin {
    pictures: Arc<Mutex<HashMap<String, String>>>,
    asked: Arc<Mutex<Vec<String>>>,
    /// Answers without bytes, because nothing had changed.
    unchanged: Arc<Mutex<usize>>,
    /// What every answer waits for, after it was decided.
    delay: Arc<Mutex<Duration>>,
}

impl Origin {
    /// Serves; gives the port.
    fn start(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let origin = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let origin = origin.clone();
                std::thread::spawn(move || origin.answer(&stream));
            }
        });
        port
    }

    /// One request a connection.
    fn answer(&self, mut stream: &TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream).lines();
        let first = lines.next()?.ok()?;
        let headers: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let target = first.split(' ').nth(1)?.to_owned();
        self.asked.lock().push(target.clone());
        let picture = self.pictures.lock().get(target.split('?').next()?).cloned();
        std::thread::sleep(*self.delay.lock());
        let known = headers.iter().any(|line| line.to_lowercase().starts_with("if-none-match:"));
        let caching = "Cache-Control: public, max-age=31536000, immutable\r\nETag: \"1\"\r\nConnection: close\r\n";
        let answer = match picture {
            Some(_) if known => {
                *self.unchanged.lock() += 1;
                format!("HTTP/1.1 304 Not Modified\r\n{caching}\r\n")
            }
            Some(text) => format!("HTTP/1.1 200 OK\r\n{caching}Content-Length: {}\r\n\r\n{text}", text.len()),
            None => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
        };
        stream.write_all(answer.as_bytes()).ok()
    }

    fn put(&self, path: &str, text: &str) {
        self.pictures.lock().insert(path.to_owned(), text.to_owned());
    }

    fn delete(&self, path: &str) {
        self.pictures.lock().remove(path);
    }

    fn unchanged(&self) -> usize {
        *self.unchanged.lock()
    }

    /// How often this target was asked for.
    fn asked(&self, target: &str) -> usize {
        self.asked.lock().iter().filter(|asked| *asked == target).count()
    }
}

fn client() -> Client {
    Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().expect("a client")
}

async fn get(cache: &Varnish, target: &str) -> (StatusCode, String) {
    let answer = client().get(format!("{}{target}", cache.url())).send().await.expect("Varnish answers");
    (answer.status(), answer.text().await.expect("a body"))
}

fn cdn(caches: &[&Varnish]) -> HttpPurgeCdn {
    let urls: Vec<String> = caches.iter().map(|cache| cache.url()).collect();
    HttpPurgeCdn::new(CdnOptions::new(urls.join(", "))).expect("the options are right")
}

fn found(text: &str) -> (StatusCode, String) {
    (StatusCode::OK, text.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_purged_is_asked_for_anew_at_every_cache() {
    let origin = Origin::default();
    let port = origin.start();
    let (mut first, second) = (Varnish::start(port), Varnish::start(port));
    let cdn = cdn(&[&first, &second]);
    let paths: Vec<String> = ["large.jpg", "medium.avif"].map(|name| format!("{FOLDER}/{name}")).into();
    paths.iter().for_each(|path| origin.put(path, "picture"));
    for _ in 0..3 {
        for cache in [&first, &second] {
            assert_eq!(get(cache, &paths[0]).await, found("picture"));
            assert_eq!(get(cache, &paths[1]).await, found("picture"));
        }
    }
    assert_eq!((origin.asked(&paths[0]), origin.asked(&paths[1])), (2, 2), "once for each cache");

    origin.delete(&paths[0]);
    assert_eq!(get(&first, &paths[0]).await, found("picture"), "a cache does not know by itself");
    let unknown = format!("{FOLDER}/thumbnail.jpg");
    cdn.purge(&[paths[0].clone(), unknown]).await.expect("purge");
    for cache in [&first, &second] {
        assert_eq!(get(cache, &paths[0]).await.0, StatusCode::NOT_FOUND, "it is gone everywhere");
        assert_eq!(get(cache, &paths[1]).await, found("picture"));
    }
    assert_eq!(origin.asked(&paths[1]), 2, "others stay");
    cdn.purge(&[]).await.expect("nothing to purge");

    // One cache is away: the other one is purged all the same, and the call says that it must be repeated.
    origin.put(&paths[1], "another");
    first.kill();
    let failure = cdn.purge(&paths).await.expect_err("one cache is away");
    assert!(failure.is_transient() && failure.determinacy() == Determinacy::Unknown, "{failure}");
    assert_eq!(get(&second, &paths[1]).await, found("another"));
    first.start_again();
    cdn.purge(&paths).await.expect("both are back");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pictures_under_the_one_address_that_purges_know_are_cached() {
    let origin = Origin::default();
    let cache = Varnish::start(origin.start());
    let path = format!("{FOLDER}/large.jpg");
    origin.put(&path, "picture");
    for target in [format!("{path}?size=1"), format!("{path}?size=2"), path.clone()] {
        assert_eq!(get(&cache, &target).await, found("picture"), "{target}");
    }
    assert_eq!(origin.asked.lock().len(), 1, "a query makes no copy of its own");
    // Other hosts, cookies and tokens neither.
    let mut request = client().get(format!("{}{path}", cache.url()));
    for (name, value) in [("host", "photos.test"), ("cookie", "a=b"), ("authorization", "Bearer x")] {
        request = request.header(name, value);
    }
    assert_eq!(request.send().await.expect("Varnish answers").status(), StatusCode::OK);
    assert_eq!(origin.asked.lock().len(), 1);
    let others = [
        path.replace("/7/", "/07/"),
        path.replace("4d5e", "4D5E"),
        path.replace("019a2b3c-", "019a2b3c"),
        path.replace("/media/", "//media/"),
        path.replace("large", "l%61rge"),
        "/v1/feed".to_owned(),
        "/".to_owned(),
    ];
    for target in others {
        origin.put(&target, "x");
        for _ in 0..2 {
            assert_eq!(get(&cache, &target).await, found("x"), "{target}");
        }
        assert_eq!(origin.asked(&target), 2, "{target} is passed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_purge() {
    let origin = Origin::default();
    let cache = Varnish::start(origin.start());
    let path = format!("{FOLDER}/large.jpg");
    origin.put(&path, "picture");
    get(&cache, &path).await;
    // Any address but those of the nodes; on this machine another one of its loopback network.
    let stranger: IpAddr = "127.0.0.2".parse().expect("an address");
    let stranger = Client::builder().no_proxy().local_address(stranger).build().expect("a client");
    let method = Method::from_bytes(b"PURGE").expect("a method");
    let answer = stranger.request(method, format!("{}{path}", cache.url())).send().await.expect("Varnish answers");
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    get(&cache, &path).await;
    assert_eq!(origin.asked(&path), 1, "it is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_or_hangs_is_an_error_in_time() {
    // An origin is no cache: it answers 404 to what it does not know, and 200 to this.
    let origin = Origin::default();
    let port = origin.start();
    let options =
        CdnOptions { timeout: Duration::from_millis(300), ..CdnOptions::new(format!("http://127.0.0.1:{port}")) };
    let cdn = HttpPurgeCdn::new(options).expect("the options are right");
    let paths: Vec<String> = (0..5).map(|number| format!("/media/{number}")).collect();
    assert_eq!(cdn.purge(&paths).await.expect("404 says that nothing is there"), 0);
    origin.put(&paths[1], "picture");
    assert_eq!(cdn.purge(&paths).await.expect("one of them is there"), 1);
    *origin.delay.lock() = Duration::from_secs(5);
    let started = Instant::now();
    cdn.purge(&paths).await.expect_err("it hangs");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    let refused = cdn.purge(&["media/1".to_owned()]).await;
    assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
}

/// A purge cannot reach an answer that is still on its way from the origin: its life ends it.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_under_way_during_a_purge_does_not_live_long() {
    let origin = Origin::default();
    let cache = Varnish::start_with(origin.start(), &[("ttl = 10m", "ttl = 1s"), ("grace = 10s", "grace = 1s")]);
    let (path, other) = (format!("{FOLDER}/large.jpg"), format!("{FOLDER}/medium.jpg"));
    origin.put(&path, "picture");
    origin.put(&other, "picture");
    assert_eq!(get(&cache, &other).await, found("picture"));
    *origin.delay.lock() = Duration::from_millis(500);
    let url = format!("{}{path}", cache.url());
    let slow = tokio::spawn(async move { client().get(url).send().await.expect("Varnish answers").status() });
    tokio::time::sleep(Duration::from_millis(200)).await;
    origin.delete(&path);
    cdn(&[&cache]).purge(std::slice::from_ref(&path)).await.expect("purge");
    assert_eq!(slow.await.expect("no panic"), StatusCode::OK, "it had been asked for before");
    *origin.delay.lock() = Duration::ZERO;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(get(&cache, &path).await.0, StatusCode::NOT_FOUND, "past its life the origin is asked again");
    assert_eq!(get(&cache, &other).await, found("picture"), "what is still there stays");
    assert_eq!((origin.asked(&other), origin.unchanged()), (2, 1), "without sending it again");
}
