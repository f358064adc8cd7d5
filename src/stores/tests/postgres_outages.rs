//! The Postgres ledger while its server is away: stopped, killed, or silent behind a cut line.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tessera_domain::{PostId, UserId, counters::CounterOperation};
use tessera_ports::{
    Determinacy, Ledger, Membership, StoreError,
    ledger::{EngagementLedger, MaintenanceLedger},
    membership::{Candidate, JoinOutcome},
};
use tessera_ports_testing::conformance::World;
use tessera_stores::postgres::{PostgresLedger, PostgresOptions};
use tessera_test_servers::Postgres;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

async fn open(url: &str) -> Arc<PostgresLedger> {
    PostgresLedger::open(PostgresOptions::new(url)).await.expect("the ledger opens")
}

/// What one liker saw.
#[derive(Default)]
struct Deeds {
    acknowledged: Vec<UserId>,
    /// The answer never came: it may have happened.
    unknown: Vec<UserId>,
    /// It certainly did not happen.
    failed: Vec<UserId>,
}

/// Likes for user after user until told to stop.
async fn like_on(node: Arc<PostgresLedger>, post_id: PostId, users: Arc<AtomicUsize>, stop: Arc<AtomicBool>) -> Deeds {
    let now = tessera_ports::clock::now();
    let mut deeds = Deeds::default();
    while !stop.load(Ordering::Relaxed) {
        let user_id = UserId(users.fetch_add(1, Ordering::Relaxed) as u64);
        let like = [CounterOperation::Like { user_id }];
        match node.apply_counter_batch(post_id, (user_id.0 % 4) as u16, &like, now).await {
            Ok(_) => deeds.acknowledged.push(user_id),
            Err(error) => {
                assert!(error.is_transient(), "an outage passes: {error}");
                let deed =
                    if error.determinacy() == Determinacy::Unknown { &mut deeds.unknown } else { &mut deeds.failed };
                deed.push(user_id);
            }
        }
    }
    deeds
}

async fn likers(ledger: &dyn Ledger, post_id: PostId) -> Vec<UserId> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = ledger.likers(post_id, after, 1_000).await.expect("likers");
        let Some(last) = page.last() else { return all };
        after = Some(last.position);
        all.extend(page.into_iter().map(|row| row.user_id));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restart_under_load_loses_nothing_that_was_acknowledged() {
    let mut server = Postgres::start();
    let url = server.create_database("ledger");
    let nodes = [open(&url).await, open(&url).await];
    let world = World::new(Arc::clone(&nodes[0]) as _);
    let post_id = world.post(world.user().await).await;
    let (users, stop) = (Arc::new(AtomicUsize::new(1)), Arc::new(AtomicBool::new(false)));
    let writers: Vec<_> = (0..16)
        .map(|writer| {
            tokio::spawn(like_on(Arc::clone(&nodes[writer % 2]), post_id, Arc::clone(&users), Arc::clone(&stop)))
        })
        .collect();
    for round in 0..3 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        server = tokio::task::spawn_blocking(move || {
            if round == 1 {
                server.stop()
            } else {
                server.kill()
            }
            std::thread::sleep(Duration::from_millis(300));
            server.start_again();
            server
        })
        .await
        .expect("the server is back");
        let back = Instant::now();
        while nodes[0].check().await.is_err() {
            assert!(back.elapsed() < Duration::from_secs(5), "service resumes by itself");
        }
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    stop.store(true, Ordering::Relaxed);
    let mut deeds = Deeds::default();
    for writer in writers {
        let one = writer.await.expect("no panic");
        deeds.acknowledged.extend(one.acknowledged);
        deeds.unknown.extend(one.unknown);
        deeds.failed.extend(one.failed);
    }
    eprintln!(
        "{} acknowledged, {} unknown, {} failed",
        deeds.acknowledged.len(),
        deeds.unknown.len(),
        deeds.failed.len()
    );
    let mut stand = likers(&*world.ledger, post_id).await;
    stand.sort();
    let stands = |user_id: &UserId| stand.binary_search(user_id).is_ok();
    assert!(deeds.acknowledged.iter().all(stands), "every acknowledged like is there");
    assert!(!deeds.failed.iter().any(stands), "and none that certainly did not happen");
    assert_eq!(world.counts(post_id).await.likes, stand.len() as u64, "and they are counted");
    assert_eq!(nodes[1].rebuild_counters().await.expect("rebuild_counters"), 0, "exactly");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_that_a_restart_cut_are_replaced_unseen() {
    let mut server = Postgres::start();
    let url = server.create_database("ledger");
    let world = World::new(open(&url).await);
    let users = world.users(40).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let server = tokio::task::spawn_blocking(move || {
        server.stop();
        server.start_again();
        server
    });
    let _server = server.await.expect("the server is back");
    let uses = users.iter().enumerate().map(|(place, user_id)| {
        let (world, user_id, other) = (Arc::clone(&world), *user_id, users[(place + 1) % users.len()]);
        tokio::spawn(async move {
            match place % 3 {
                0 => drop(world.account(user_id).await),
                1 => drop(world.follow(user_id, other).await),
                _ => world.ledger.unmute(user_id, other).await.expect("unmute"),
            }
        })
    });
    for outcome in uses.collect::<Vec<_>>() {
        outcome.await.expect("nobody notices");
    }
    let woken = tokio::time::timeout(Duration::from_secs(10), async {
        // By the transactions above; then by the listener when it is back.
        world.ledger.wakes().media_jobs.notified().await;
    });
    woken.await.expect("the listener is back, too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_membership_runs_out_while_the_server_is_down() {
    let mut server = Postgres::start();
    let url = server.create_database("ledger");
    let lease = Duration::from_secs(2);
    let mut nodes = Vec::new();
    for port in [7_000, 7_010] {
        let node = open(&url).await;
        let candidate = Candidate {
            name: format!("node-{port}"),
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            admin_url: String::new(),
            wire_oldest: 1,
            wire_newest: 1,
            version: "1.0.0".to_owned(),
            lease,
        };
        let JoinOutcome::Joined { id, .. } = node.join(&candidate).await.expect("join") else { panic!("it may join") };
        nodes.push((node, id));
    }
    let server = tokio::task::spawn_blocking(move || {
        server.stop();
        std::thread::sleep(lease + Duration::from_millis(500));
        server.start_again();
        server
    });
    let _server = server.await.expect("the server is back");
    let (node, id) = &nodes[0];
    node.renew(id, lease * 10).await.expect("renew");
    assert_eq!(node.evict_expired().await.expect("evict_expired"), 0, "the other one could not renew");
    assert_eq!(node.members().await.expect("members").members.len(), 2);
    tokio::time::sleep(lease).await;
    assert_eq!(node.evict_expired().await.expect("evict_expired"), 1, "now it could have");
}

/// A line to the server that can go silent, as behind a cut cable: nothing is closed, nothing answers. Connections
/// made before a cut stay silent for ever.
struct Line {
    address: SocketAddr,
    cuts: watch::Sender<usize>,
    is_cut: Arc<AtomicBool>,
}

impl Line {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (cuts, seen) = watch::channel(0);
        let is_cut = Arc::new(AtomicBool::new(false));
        let cut_now = Arc::clone(&is_cut);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if cut_now.load(Ordering::SeqCst) {
                    tokio::spawn(async move {
                        let _kept_open = near;
                        std::future::pending::<()>().await;
                    });
                    continue;
                }
                let far = TcpStream::connect(("127.0.0.1", port)).await.expect("the server");
                let (near_in, near_out) = near.into_split();
                let (far_in, far_out) = far.into_split();
                tokio::spawn(carry(near_in, far_out, seen.clone()));
                tokio::spawn(carry(far_in, near_out, seen.clone()));
            }
        });
        Self { address, cuts, is_cut }
    }

    fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut cuts: watch::Receiver<usize>,
) {
    let mut buffer = [0; 16 * 1_024];
    cuts.mark_unchanged();
    loop {
        let read = tokio::select! {
            biased;
            _ = cuts.changed() => return std::future::pending().await,
            read = from.read(&mut buffer) => read,
        };
        match read {
            Ok(count) if count > 0 && to.write_all(&buffer[..count]).await.is_ok() => {}
            _ => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_line_that_goes_silent_is_noticed_and_given_up() {
    let server = Postgres::start();
    server.create_database("ledger");
    let line = Line::to(server.port()).await;
    let options = PostgresOptions {
        statement_timeout: Duration::from_millis(600),
        acquire_timeout: Duration::from_millis(400),
        ..PostgresOptions::new(format!("postgres://tessera@{}/ledger", line.address))
    };
    let ledger = PostgresLedger::open(options).await.expect("the ledger opens");
    let world = World::new(Arc::clone(&ledger) as _);
    let post_id = world.post(world.user().await).await;
    let (users, stop) = (Arc::new(AtomicUsize::new(1)), Arc::new(AtomicBool::new(false)));
    // More than there are connections: all of them are in use when the line is cut.
    let writers: Vec<_> = (0..24)
        .map(|_| tokio::spawn(like_on(Arc::clone(&ledger), post_id, Arc::clone(&users), Arc::clone(&stop))))
        .collect();
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        line.cut();
        let cut = Instant::now();
        tokio::time::sleep(Duration::from_secs(3)).await;
        let asked = Instant::now();
        let answer = ledger.check().await;
        assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "not overloaded, but away: {answer:?}");
        assert!(asked.elapsed() < Duration::from_secs(3), "and everybody is told soon: {:?}", asked.elapsed());
        line.mend();
        let mended = Instant::now();
        while ledger.check().await.is_err() {
            assert!(mended.elapsed() < Duration::from_secs(6), "service resumes by itself");
        }
        eprintln!("cut for {:?}, back {:?} after it was mended", mended - cut, mended.elapsed());
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    let (mut acknowledged, mut maybe) = (Vec::new(), Vec::new());
    for writer in writers {
        let deeds = writer.await.expect("no panic");
        acknowledged.extend(deeds.acknowledged);
        maybe.extend(deeds.unknown);
    }
    eprintln!("{} acknowledged, {} unknown", acknowledged.len(), maybe.len());
    let mut stand = likers(&*ledger, post_id).await;
    stand.sort();
    assert!(acknowledged.iter().all(|user_id| stand.binary_search(user_id).is_ok()), "nothing acknowledged is lost");
    assert!(stand.len() <= acknowledged.len() + maybe.len(), "and nothing is there that was refused");
    assert_eq!(world.counts(post_id).await.likes, stand.len() as u64, "what stands is counted");
}
