//! What the link carries between two processes, beside plain TCP: round trips with percentiles, and notices.
//!
//! `cargo run --release -p tessera-cluster --example link_messages [seconds per measurement]`

use bytes::Bytes;
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::{
    error::Error,
    future::Future,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tessera_cluster::{
    Deadline, NodeName,
    link::{CERTIFICATE_NAME, ClusterSecret, Link, LinkListener, LinkSettings, Peer, PeerChange},
    transport::{Inbound, RemoteError, Request, Responder, Transport},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
    sync::oneshot,
};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const ECHO: u16 = 1;
const COUNT: u16 = 2;
const COUNTED: u16 = 3;
const MESSAGE_BYTES: usize = 64;

#[derive(Default)]
struct Service(AtomicU64);

impl Inbound for Service {
    fn serve(&self, _: &NodeName, request: Request, _: Deadline, responder: Responder) {
        match request.method {
            ECHO => responder.send(Ok(request.payload)),
            COUNT => {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
            COUNTED => responder.send(Ok(Bytes::copy_from_slice(&self.0.load(Ordering::Relaxed).to_be_bytes()))),
            method => responder.send(Err(RemoteError::UnknownMethod { method })),
        }
    }
}

fn settings(folder: &Path) -> Outcome<LinkSettings> {
    Ok(LinkSettings::new(
        SocketAddr::from(([127, 0, 0, 1], 0)),
        folder.join("node.pem"),
        folder.join("node.key"),
        folder.join("ca.pem"),
        ClusterSecret::new("the secret of a measurement")?,
    ))
}

fn write_certificates(folder: &Path) -> Outcome<()> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec![CERTIFICATE_NAME.to_owned()])?.signed_by(&key, &authority)?;
    std::fs::write(folder.join("ca.pem"), authority.pem())?;
    std::fs::write(folder.join("node.pem"), certificate.pem())?;
    Ok(std::fs::write(folder.join("node.key"), key.serialize_pem())?)
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, role, folder, address] = &arguments[..]
        && role == "peer"
    {
        return serve(Path::new(folder), address.parse()?).await;
    }
    let seconds = arguments.get(1).map_or(Ok(3.0), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    write_certificates(folder.path())?;
    let listener = LinkListener::bind(&settings(folder.path())?).await?;
    let mut peer = Command::new(std::env::current_exe()?)
        .arg("peer")
        .arg(folder.path())
        .arg(listener.address().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(peer.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    let measured = measure(&listener, line.trim(), Duration::from_secs_f64(seconds)).await;
    peer.kill()?;
    peer.wait()?;
    measured
}

/// The other process: a node and a TCP echo, until it is killed.
async fn serve(folder: &Path, other: SocketAddr) -> Outcome<()> {
    let listener = LinkListener::bind(&settings(folder)?).await?;
    let link = Link::start(&listener, NodeName("b#1".into()), Arc::new(Service::default())).await?;
    link.set_peers(vec![Peer { name: NodeName("a#1".into()), address: other }]);
    let echo = TcpListener::bind("127.0.0.1:0").await?;
    println!("{} {}", listener.address(), echo.local_addr()?);
    loop {
        let (mut stream, _) = echo.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(bytes @ 1..) = stream.read(&mut buffer).await {
                if stream.write_all(&buffer[..bytes]).await.is_err() {
                    break;
                }
            }
        });
    }
}

async fn measure(listener: &LinkListener, addresses: &str, span: Duration) -> Outcome<()> {
    let (node, echo) = addresses.split_once(' ').ok_or("the peer did not start")?;
    let link = Link::start(listener, NodeName("a#1".into()), Arc::new(Service::default())).await?;
    let peer = NodeName("b#1".into());
    let mut events = link.events();
    link.set_peers(vec![Peer { name: peer.clone(), address: node.parse()? }]);
    while events.recv().await?.change != PeerChange::Up {}

    for in_flight in [1, 64, 512] {
        let calls = calls_of_link(span, in_flight, &link, &peer).await?;
        println!("link, {MESSAGE_BYTES} B, {in_flight:>3} in flight: {calls}");
        let tcp = Arc::new(PlainTcp::connect(echo.parse()?).await?);
        let calls = calls_of_tcp(span, in_flight, &tcp).await?;
        println!("TCP,  {MESSAGE_BYTES} B, {in_flight:>3} in flight: {calls}");
    }
    for bytes in [MESSAGE_BYTES, 8_192] {
        let rate = notices(&link, &peer, bytes, span).await?;
        println!("link, {bytes} B notices: {rate:.0}/s, {:.0} MB/s", rate * bytes as f64 / 1e6);
    }
    println!("{:?}", link.peers());
    link.stop().await;
    Ok(())
}

fn message() -> Bytes {
    Bytes::from_static(&[7; MESSAGE_BYTES])
}

/// Keeps `in_flight` callers busy for `span`.
async fn calls<F, C>(span: Duration, in_flight: usize, call: C) -> Outcome<String>
where
    F: Future<Output = Outcome<()>> + Send + 'static,
    C: Fn() -> F + Clone + Send + 'static,
{
    let began = Instant::now();
    let callers: Vec<_> = (0..in_flight)
        .map(|_| {
            let call = call.clone();
            tokio::spawn(async move {
                let mut micros = Vec::new();
                while began.elapsed() < span {
                    let sent = Instant::now();
                    call().await?;
                    micros.push(sent.elapsed().as_micros() as u32);
                }
                Outcome::Ok(micros)
            })
        })
        .collect();
    let mut micros = Vec::new();
    for caller in callers {
        micros.extend(caller.await??);
    }
    let rate = micros.len() as f64 / began.elapsed().as_secs_f64();
    micros.sort_unstable();
    let at = |share: f64| f64::from(micros[((micros.len() - 1) as f64 * share) as usize]) / 1_000.0;
    Ok(format!("{rate:>8.0} calls/s, p50 {:.3} ms, p99 {:.3} ms", at(0.5), at(0.99)))
}

async fn calls_of_link(span: Duration, in_flight: usize, link: &Link, peer: &NodeName) -> Outcome<String> {
    let (link, peer) = (link.clone(), peer.clone());
    calls(span, in_flight, move || {
        let (link, peer) = (link.clone(), peer.clone());
        async move {
            let request = Request { method: ECHO, epoch: 0, only_if_active: false, payload: message() };
            link.request(&peer, request, Deadline::after(Duration::from_secs(5))).await.map(drop).map_err(Into::into)
        }
    })
    .await
}

async fn calls_of_tcp(span: Duration, in_flight: usize, tcp: &Arc<PlainTcp>) -> Outcome<String> {
    let tcp = tcp.clone();
    calls(span, in_flight, move || {
        let tcp = tcp.clone();
        async move { tcp.call().await }
    })
    .await
}

/// An echo over plain TCP, one write a message: answers come in order, so the waiting stand in a queue.
struct PlainTcp {
    write: tokio::sync::Mutex<OwnedWriteHalf>,
    waiting: Arc<Mutex<std::collections::VecDeque<oneshot::Sender<()>>>>,
}

impl PlainTcp {
    async fn connect(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (mut read, write) = stream.into_split();
        let this = Self { write: write.into(), waiting: Arc::default() };
        let waiting = this.waiting.clone();
        tokio::spawn(async move {
            let mut buffer = vec![0; 64 * 1024];
            let mut received = 0;
            while let Ok(bytes @ 1..) = read.read(&mut buffer).await {
                received += bytes;
                let mut waiting = waiting.lock();
                while received >= MESSAGE_BYTES {
                    received -= MESSAGE_BYTES;
                    let _ = waiting.pop_front().map(|sender| sender.send(()));
                }
            }
        });
        Ok(this)
    }

    async fn call(&self) -> Outcome<()> {
        let (sender, receiver) = oneshot::channel();
        let mut write = self.write.lock().await;
        self.waiting.lock().push_back(sender);
        write.write_all(&message()).await?;
        drop(write);
        Ok(receiver.await?)
    }
}

/// Sends notices for `span`, waits until all have come, and gives how many a second that makes.
async fn notices(link: &Link, peer: &NodeName, bytes: usize, span: Duration) -> Outcome<f64> {
    let ask = |method, payload| Request { method, epoch: 0, only_if_active: false, payload };
    let counted = async || {
        let answer = link.request(peer, ask(COUNTED, Bytes::new()), Deadline::after(Duration::from_secs(30))).await?;
        Outcome::Ok(u64::from_be_bytes(answer[..].try_into()?))
    };
    let payload = Bytes::from(vec![7; bytes]);
    let before = counted().await?;
    let (began, mut sent) = (Instant::now(), 0);
    while began.elapsed() < span {
        match link.notify(peer, ask(COUNT, payload.clone())) {
            Ok(()) => sent += 1,
            Err(RemoteError::Overloaded) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    let mut after = Err("overloaded".into());
    while after.is_err() && began.elapsed() < span * 3 {
        after = counted().await;
    }
    if after? - before != sent {
        return Err("notices were lost".into());
    }
    Ok(sent as f64 / began.elapsed().as_secs_f64())
}
