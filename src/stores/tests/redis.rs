//! The Redis hot store against real servers: the conformance suite in every topology, and what happens when
//! servers are flushed, killed, paused and failed over.

use bytes::Bytes;
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tessera_domain::{
    PostId, UserId,
    counters::{Counts, ShardCounts},
    media::{MediaKind, MediaRecord},
    post::Post,
};
use tessera_ports::{HotStore, StoreError, conformance};
use tessera_stores::redis::{RedisHotStore, RedisOptions};
use tessera_test_servers::{Port, Redis, RedisCluster, RedisSentinel};

/// Patient, for a busy machine.
fn patient(url: impl Into<String>) -> RedisOptions {
    let seconds = Duration::from_secs;
    RedisOptions { connect_timeout: seconds(2), response_timeout: seconds(5), ..RedisOptions::new(url) }
}

async fn connect(options: RedisOptions) -> Arc<RedisHotStore> {
    Arc::new(RedisHotStore::connect(options).await.expect("the options are right"))
}

fn post(id: u64) -> Post {
    Post {
        id: PostId(id),
        author_id: UserId(9),
        caption: format!("post {id}"),
        alt_text: String::new(),
        hashtags: vec![],
        media: MediaRecord {
            kind: MediaKind::Image,
            upload_id: "00000000-0000-7000-8000-000000000001".parse().expect("a UUID"),
            blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj".to_owned(),
            width: 1_080,
            height: 720,
        },
        edited_at: None,
    }
}

fn row(shard: u16, version: u64) -> ShardCounts {
    ShardCounts { shard, version, likes: version as i64, comments: 0 }
}

fn likes(number: u64) -> Option<Counts> {
    Some(Counts { likes: number, comments: 0 })
}

async fn counted(store: &RedisHotStore, id: u64) -> Option<Counts> {
    store.counts(&[PostId(id)]).await.expect("counts")[0]
}

async fn fill(store: &RedisHotStore, id: u64, rows: &[ShardCounts]) {
    counted(store, id).await;
    store.fill_counts(PostId(id), rows).await.expect("fill_counts");
}

/// Waits until the store answers; how long that took.
async fn answers_again(store: &RedisHotStore) -> Duration {
    let started = Instant::now();
    while store.check().await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(30), "it does not recover");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_keeps_the_hot_stores_guarantees() {
    let server = Redis::start(&[]);
    conformance::hot_store(|| async {
        server.flush_all();
        connect(patient(server.url())).await as _
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_keep_them() {
    let mut servers = RedisSentinel::start(&[]);
    let url = servers.url();
    let master = servers.master();
    conformance::hot_store(|| async {
        master.flush_all();
        connect(patient(url.clone())).await as _
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_keeps_them() {
    let servers = RedisCluster::start(3, &[]);
    conformance::hot_store(|| async {
        servers.flush_all();
        connect(patient(servers.url())).await as _
    })
    .await;
}

/// An authority, and a server that has a certificate of it and wants a password.
struct TlsServer {
    server: Redis,
    port: Port,
    folder: TempDir,
}

impl TlsServer {
    fn start() -> Self {
        let (folder, port) = (TempDir::new().expect("a folder"), Port::free());
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut authority = rcgen::CertificateParams::default();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = rcgen::CertifiedIssuer::self_signed(authority, key).expect("an authority");
        let key = rcgen::KeyPair::generate().expect("a key");
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let certificate = rcgen::CertificateParams::new(names).expect("names").signed_by(&key, &authority);
        let certificate = certificate.expect("a certificate");
        for (name, text) in
            [("ca.pem", authority.pem()), ("cert.pem", certificate.pem()), ("key.pem", key.serialize_pem())]
        {
            std::fs::write(folder.path().join(name), text).expect("a file");
        }
        let path = |name: &str| folder.path().join(name).display().to_string();
        let number = port.number().to_string();
        let tls = ["--tls-port", &number, "--tls-auth-clients", "no", "--requirepass", "hunter2"];
        let (cert, key, ca) = (path("cert.pem"), path("key.pem"), path("ca.pem"));
        let files = ["--tls-cert-file", &cert, "--tls-key-file", &key, "--tls-ca-cert-file", &ca];
        let server = Redis::start(&[&tls[..], &files].concat());
        Self { server, port, folder }
    }

    fn options(&self) -> RedisOptions {
        let url = format!("rediss://:hunter2@localhost:{}", self.port.number());
        RedisOptions { ca_file: Some(self.ca_file()), ..patient(url) }
    }

    fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_tls_and_a_password_keeps_them() {
    let tls = TlsServer::start();
    conformance::hot_store(|| async {
        assert!(tls.server.command(&["-a", "hunter2", "--no-auth-warning", "FLUSHALL"]) == "OK");
        connect(tls.options()).await as _
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_strangers_certificate_nor_a_wrong_password_gets_anywhere() {
    let (tls, stranger) = (TlsServer::start(), TlsServer::start());
    let foreign_authority = RedisOptions { ca_file: Some(stranger.ca_file()), ..tls.options() };
    let public_authorities = RedisOptions { ca_file: None, ..tls.options() };
    let wrong_password = RedisOptions { url: tls.options().url.replace("hunter2", "guess"), ..tls.options() };
    for options in [foreign_authority, public_authorities, wrong_password] {
        assert!(!format!("{options:?}").contains("hunter2"), "{options:?}");
        let store = connect(options).await;
        let failure = store.check().await.expect_err("nobody is connected");
        assert!(matches!(failure, StoreError::Unavailable { .. }), "{failure}");
    }
    let missing = RedisOptions { ca_file: Some("/no/such/file.pem".into()), ..tls.options() };
    let no_tls = RedisOptions { ca_file: Some(tls.ca_file()), ..patient(tls.server.url()) };
    for options in [missing, no_tls, patient("redis://a,b")] {
        let refused = RedisHotStore::connect(options).await.err();
        assert!(matches!(refused, Some(StoreError::Refused { .. })), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_starts_while_redis_is_down_and_finds_it_later() {
    let mut server = Redis::start(&[]);
    server.kill();
    let store = connect(RedisOptions::new(server.url())).await;
    let started = Instant::now();
    for _ in 0..1_000 {
        let failure = store.posts(&[PostId(1)]).await.expect_err("it is down");
        assert!(failure.is_transient(), "{failure}");
    }
    assert!(started.elapsed() < Duration::from_secs(1), "1,000 calls failed in {:?}", started.elapsed());
    server.start_again();
    let took = answers_again(&store).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    store.put_posts(&[post(1)]).await.expect("put_posts");

    server.kill();
    while store.check().await.is_ok() {}
    server.start_again();
    answers_again(&store).await;
    // The new server does not know the scripts either.
    store.put_posts(&[post(1)]).await.expect("put_posts");
    assert_eq!(store.posts(&[PostId(1)]).await.expect("posts"), [Some(post(1))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_costs_one_time_out() {
    let mut server = Redis::start(&[]);
    let store = connect(RedisOptions { connections: 1, ..RedisOptions::new(server.url()) }).await;
    store.put_posts(&[post(1)]).await.expect("put_posts");
    server.pause();
    let started = Instant::now();
    for _ in 0..1_000 {
        store.posts(&[PostId(1)]).await.expect_err("it hangs");
    }
    assert!(started.elapsed() < Duration::from_secs(1), "1,000 calls failed in {:?}", started.elapsed());
    server.go_on();
    let took = answers_again(&store).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(store.posts(&[PostId(1)]).await.expect("posts"), [Some(post(1))], "nothing was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_under_way_are_bounded() {
    let mut server = Redis::start(&[]);
    let store = connect(RedisOptions { max_in_flight: 2, ..patient(server.url()) }).await;
    server.pause();
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.check().await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let refused = store.check().await;
    assert!(matches!(refused, Err(StoreError::Overloaded { .. })), "{refused:?}");
    server.go_on();
    for call in waiting {
        call.await.expect("no panic").expect("they are answered");
    }
    store.check().await.expect("there is room again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_counted_while_redis_was_away_reaches_mirrors_that_lived_on() {
    let mut server = Redis::start(&[]);
    let store = connect(RedisOptions::new(server.url())).await;
    answers_again(&store).await;
    fill(&store, 1, &[row(0, 1), row(1, 1)]).await;
    server.pause();
    for version in 2..=50 {
        store.update_counts(PostId(1), &[row(0, version)]).await.expect_err("it hangs");
    }
    server.go_on();
    answers_again(&store).await;
    let started = Instant::now();
    while counted(&store, 1).await != likes(51) {
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", counted(&store, 1).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // A caller that gives up loses nothing either.
    server.pause();
    let rows = [row(1, 2)];
    let update = store.update_counts(PostId(1), &rows);
    tokio::time::timeout(Duration::from_millis(5), update).await.expect_err("it hangs");
    server.go_on();
    let started = Instant::now();
    while store.counts(&[PostId(1)]).await.ok() != Some(vec![likes(52)]) {
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", store.counts(&[PostId(1)]).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_from_before_a_flush_comes_to_nothing() {
    let server = Redis::start(&[]);
    let store = connect(patient(server.url())).await;
    // A reader asks and reads version 1; version 2 is counted; everything is flushed; the reader fills.
    assert_eq!(counted(&store, 1).await, None);
    store.update_counts(PostId(1), &[row(0, 2)]).await.expect("update_counts");
    server.flush_all();
    store.fill_counts(PostId(1), &[row(0, 1)]).await.expect("fill_counts");
    assert_eq!(counted(&store, 1).await, None, "rather missing than wrong");
    fill(&store, 1, &[row(0, 2)]).await;
    assert_eq!(counted(&store, 1).await, likes(2));
}

const SHARDS: u16 = 4;

/// The ledger's rows of one post.
type Ledger = Arc<parking_lot::Mutex<Vec<ShardCounts>>>;

/// Counts and fills as nodes do, while `disturb` does its worst; then no mirror tells anything but the truth.
async fn counts_are_never_wrong(stores: &[Arc<RedisHotStore>], rounds: u64, mut disturb: impl FnMut(u64)) {
    let mut filled = 0;
    for round in 0..rounds {
        let ledger: Ledger = Arc::new(parking_lot::Mutex::new((0..SHARDS).map(|shard| row(shard, 0)).collect()));
        let mut work = Vec::new();
        for (number, store) in (0..SHARDS).zip(stores.iter().cycle()) {
            let (writer, reader) = (Arc::clone(store), Arc::clone(store));
            let (truth, seen) = (Arc::clone(&ledger), Arc::clone(&ledger));
            work.push(tokio::spawn(async move {
                for version in 1..=60 {
                    truth.lock()[usize::from(number)] = row(number, version);
                    let _ = writer.update_counts(PostId(round), &[row(number, version)]).await;
                }
            }));
            work.push(tokio::spawn(async move {
                for _ in 0..40 {
                    if reader.counts(&[PostId(round)]).await.is_ok_and(|counts| counts[0].is_none()) {
                        let rows = seen.lock().clone();
                        tokio::time::sleep(Duration::from_millis(rand::random_range(0..3))).await;
                        let _ = reader.fill_counts(PostId(round), &rows).await;
                    }
                }
            }));
        }
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..20))).await;
        disturb(round);
        for task in work {
            task.await.expect("no panic");
        }
        for store in stores {
            answers_again(store).await;
            let counts = counted(store, round).await;
            filled += usize::from(counts.is_some());
            assert!(counts.is_none() || counts == likes(60 * u64::from(SHARDS)), "round {round}: {counts:?}");
        }
    }
    assert!(filled > 0, "some mirrors came through");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flush_amid_updates_leaves_no_wrong_count() {
    let server = Redis::start(&[]);
    let stores = [connect(patient(server.url())).await, connect(patient(server.url())).await];
    counts_are_never_wrong(&stores, 60, |_| server.flush_all()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flush_of_cluster_nodes_amid_updates_leaves_no_wrong_count() {
    let servers = RedisCluster::start(3, &[]);
    let stores = [connect(patient(servers.url())).await, connect(patient(servers.url())).await];
    counts_are_never_wrong(&stores, 30, |_| servers.flush_all()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restart_from_an_old_file_shows_nothing_old() {
    let mut server = Redis::start(&[]);
    let store = connect(patient(server.url())).await;
    let ids = [PostId(1)];
    store.put_posts(&[post(1)]).await.expect("put_posts");
    store.put_timeline(UserId(1), Bytes::from_static(b"snapshot")).await.expect("put_timeline");
    fill(&store, 1, &[row(0, 5)]).await;
    assert_eq!(server.command(&["SAVE"]), "OK");
    // After the file was written, the post is liked and deleted.
    store.update_counts(PostId(1), &[row(0, 6)]).await.expect("update_counts");
    store.remove_posts(&ids).await.expect("remove_posts");
    server.start_again();
    while store.check().await.is_ok() {}
    answers_again(&store).await;
    assert_eq!(store.posts(&ids).await.expect("posts"), [None], "the deleted post is not back");
    assert_eq!(counted(&store, 1).await, None, "nor the old count");
    let snapshot = store.timeline(UserId(1)).await.expect("timeline");
    assert_eq!(snapshot.as_deref(), Some(&b"snapshot"[..]), "a snapshot may be old");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failover_is_survived_without_a_wrong_count() {
    let mut servers = RedisSentinel::start(&[]);
    let stores = [connect(patient(servers.url())).await, connect(patient(servers.url())).await];
    let before = servers.master_port();
    counts_are_never_wrong(&stores, 3, |round| {
        if round == 1 {
            servers.master().kill();
        }
    })
    .await;
    assert_ne!(servers.master_port(), before, "the replica was promoted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_part_of_a_cluster_that_is_away_hides_only_its_part() {
    let mut servers = RedisCluster::start(3, &[]);
    let store = connect(RedisOptions { response_timeout: Duration::from_secs(1), ..patient(servers.url()) }).await;
    let (ids, posts): (Vec<_>, Vec<_>) = (0..300).map(|id| (PostId(id), post(id))).unzip();
    store.put_posts(&posts).await.expect("put_posts");
    servers.nodes()[2].kill();
    let found = store.posts(&ids).await.expect("two of three nodes answer");
    let here = found.iter().flatten().count();
    assert!((100..300).contains(&here), "{here} of 300");
    store.check().await.expect("the others answer");
    servers.nodes()[2].start_again();
    let started = Instant::now();
    while store.put_posts(&posts).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", store.put_posts(&posts).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(store.posts(&ids).await.expect("posts").iter().flatten().count(), 300, "all are here again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slot_that_moves_is_followed() {
    let mut servers = RedisCluster::start(3, &[]);
    let store = connect(patient(servers.url())).await;
    let slot = servers.nodes()[0].command(&["CLUSTER", "KEYSLOT", "{1}"]);
    let old = 3 * slot.parse::<usize>().expect("a slot") / 16_384;
    let new = servers.nodes()[(old + 1) % 3].command(&["CLUSTER", "MYID"]);
    for place in [old + 1, old, old + 2] {
        let moved = servers.nodes()[place % 3].command(&["CLUSTER", "SETSLOT", &slot, "NODE", &new]);
        assert_eq!(moved, "OK");
    }
    store.update_counts(PostId(1), &[row(0, 1)]).await.expect_err("the slot is elsewhere");
    let started = Instant::now();
    while store.put_posts(&[post(1)]).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", store.put_posts(&[post(1)]).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(store.posts(&[PostId(1)]).await.expect("posts"), [Some(post(1))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_has_an_end_and_damage_counts_as_missing() {
    let server = Redis::start(&[]);
    let store = connect(patient(server.url())).await;
    let (user, upload) = (UserId(1), post(1).media.upload_id);
    store.put_posts(&[post(1), post(2)]).await.expect("put_posts");
    store.remove_posts(&[PostId(2), PostId(3)]).await.expect("remove_posts");
    fill(&store, 1, &[row(0, 5)]).await;
    store.update_counts(PostId(1), &[row(0, 6)]).await.expect("update_counts");
    store.counts(&[PostId(4)]).await.expect("counts");
    store.update_counts(PostId(4), &[row(0, 6)]).await.expect("update_counts");
    store.update_counts(PostId(5), &[row(0, 6)]).await.expect("update_counts");
    store.put_timeline(user, Bytes::from_static(b"snapshot")).await.expect("put_timeline");
    store.put_progress(upload, 7).await.expect("put_progress");
    let keys = server.command(&["KEYS", "*"]);
    let keys: Vec<&str> = keys.lines().collect();
    assert_eq!(keys.len(), 7, "nothing of post 5, which nobody asked for: {keys:?}");
    for key in &keys {
        let life_ms: i64 = server.command(&["PTTL", key]).parse().expect("a number");
        let longest = if key.contains("timeline") { 86_400_000 } else { 3_600_000 };
        assert!((1..=longest).contains(&life_ms), "{key} lives {life_ms} ms");
    }
    for damage in [&["SET", "?", "damaged"][..], &["LPUSH", "?", "a list"], &["SET", "?", ""]] {
        for key in &keys {
            server.command(&["DEL", key]);
            let command: Vec<&str> = damage.iter().map(|word| if *word == "?" { key } else { *word }).collect();
            server.command(&command);
        }
        assert_eq!(store.posts(&[PostId(1)]).await.expect("posts"), [None]);
        assert_eq!(counted(&store, 1).await, None);
        assert_eq!(store.progress(upload).await.expect("progress"), None);
        store.remove_posts(&[PostId(2)]).await.expect("remove_posts");
        store.put_posts(&[post(1)]).await.expect("put_posts");
        assert_eq!(store.posts(&[PostId(1)]).await.expect("posts"), [Some(post(1))], "a put repairs it");
    }
    server.command(&["DEL", keys.iter().find(|key| key.contains("{1}:counts")).expect("a mirror")]);
    assert_eq!(server.command(&["SCRIPT", "FLUSH"]), "OK");
    fill(&store, 1, &[row(0, 5)]).await;
    assert_eq!(counted(&store, 1).await, likes(5), "scripts come back by themselves");
}

/// What a page of 50 posts costs: round trips, and CPU of this process and of Redis.
/// `cargo nextest run -p tessera-stores --run-ignored only --no-capture what_a_page_costs`
#[tokio::test(flavor = "current_thread")]
#[ignore = "a measurement"]
async fn what_a_page_costs() {
    const ROUNDS: u64 = 2_000;
    let server = Redis::start(&[]);
    let store = connect(patient(server.url())).await;
    let (ids, posts): (Vec<_>, Vec<_>) = (0..50).map(|id| (PostId(id), post(id))).unzip();
    store.put_posts(&posts).await.expect("put_posts");
    store.counts(&ids).await.expect("counts");
    for id in &ids {
        store.fill_counts(*id, &[row(0, 5)]).await.expect("fill_counts");
    }
    let number = |name: &str| -> f64 {
        let info = server.command(&["INFO", "everything"]);
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("a number");
        line.trim().parse().expect("a number")
    };
    let redis_cpu = || 1e6 * (number("used_cpu_user") + number("used_cpu_sys"));
    let (redis_before, trips_before) = (redis_cpu(), number("total_reads_processed"));
    let (before, started) = (own_cpu_us(), Instant::now());
    for _ in 0..ROUNDS {
        assert_eq!(store.posts(&ids).await.expect("posts").iter().flatten().count(), 50);
        assert_eq!(store.counts(&ids).await.expect("counts").iter().flatten().count(), 50);
    }
    let (per_page, wall) = (|total: f64| total / ROUNDS as f64, started.elapsed());
    eprintln!(
        "posts(50) + counts(50): {:.2} reads by Redis, {:.0} µs CPU here, {:.0} µs CPU in Redis, {:.0} µs elapsed",
        per_page(number("total_reads_processed") - trips_before),
        per_page(own_cpu_us() - before),
        per_page(redis_cpu() - redis_before),
        per_page(wall.as_micros() as f64),
    );
    let bytes: u64 =
        server.command(&["MEMORY", "USAGE", &server.command(&["KEYS", "*{7}:post*"])]).parse().expect("a size");
    eprintln!("a post's copy takes {bytes} bytes in Redis");
}

/// CPU time of this process, from `/proc/self/stat` (fields 14 and 15, in ticks of 10 ms).
fn own_cpu_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc");
    let fields: Vec<&str> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
    let ticks: f64 = [11, 12].iter().map(|at| fields[*at].parse::<f64>().expect("ticks")).sum();
    ticks * 10_000.0
}
