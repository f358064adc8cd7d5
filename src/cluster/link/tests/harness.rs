//! Certificates, this process's node, and nodes that are processes.

use super::service::{Service, request};
use crate::{
    Deadline, NodeName,
    link::{
        CERTIFICATE_NAME, ClusterSecret, Link, LinkListener, LinkSettings, Peer, PeerChange, PeerEvent, PeerState,
        PeerView,
    },
    transport::{RemoteError, Transport},
};
use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::{net::SocketAddr, path::PathBuf, process::Stdio, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{ChildStdin, ChildStdout, Command},
    sync::{Mutex, MutexGuard, broadcast},
    time::timeout,
};

pub(super) const SECRET: &str = "a secret of the tests";

/// Only one node at a time in this process, where a test runner has all tests in one.
static ONE_NODE: Mutex<()> = Mutex::const_new(());

pub(super) fn name(name: &str) -> NodeName {
    NodeName(name.into())
}

/// A certificate authority with a folder.
pub(super) struct Authority {
    pub(super) folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        let this = Self { folder, issuer };
        this.issue("node", CERTIFICATE_NAME);
        this
    }

    /// Writes a certificate with the alternative name `dns`, and its key.
    pub(super) fn issue(&self, file: &str, dns: &str) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![dns.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.path(&format!("{file}.pem")), certificate.pem()).unwrap();
        std::fs::write(self.path(&format!("{file}.key")), key.serialize_pem()).unwrap();
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(super) fn settings(&self) -> LinkSettings {
        LinkSettings::new(
            "127.0.0.1:0".parse().unwrap(),
            self.path("node.pem"),
            self.path("node.key"),
            self.path("ca.pem"),
            ClusterSecret::new(SECRET).unwrap(),
        )
    }
}

/// The node of this process.
pub(super) struct Here {
    pub(super) link: Link,
    pub(super) listener: LinkListener,
    pub(super) events: broadcast::Receiver<PeerEvent>,
    _only: MutexGuard<'static, ()>,
}

impl Here {
    pub(super) async fn start(node: &str, settings: &LinkSettings) -> Self {
        let only = ONE_NODE.lock().await;
        let listener = LinkListener::bind(settings).await.unwrap();
        let link = Link::start(&listener, name(node), Arc::new(Service::default())).await.unwrap();
        let events = link.events();
        Self { link, listener, events, _only: only }
    }

    pub(super) fn list(&self, children: &[&There]) {
        self.link.set_peers(children.iter().map(|child| child.peer()).collect());
    }

    /// Lists each with the other, and waits until there is a session.
    pub(super) async fn join(&mut self, child: &mut There) {
        child.list(self.link.name(), self.listener.address()).await;
        self.list(&[child]);
        self.expect(&child.name, |change| *change == PeerChange::Up).await;
    }

    /// Waits for an event.
    pub(super) async fn expect(&mut self, peer: &NodeName, wanted: impl Fn(&PeerChange) -> bool) -> PeerChange {
        let found = async {
            loop {
                let event = self.events.recv().await.unwrap();
                if event.name == *peer && wanted(&event.change) {
                    return event.change;
                }
            }
        };
        timeout(Duration::from_secs(20), found).await.expect("the event comes in time")
    }

    pub(super) async fn ask(
        &self,
        peer: &NodeName,
        method: u16,
        payload: impl Into<Bytes>,
    ) -> Result<Bytes, RemoteError> {
        self.link.request(peer, request(method, payload), Deadline::after(Duration::from_secs(5))).await
    }

    pub(super) fn view(&self, peer: &NodeName) -> PeerView {
        self.link.peers().into_iter().find(|view| view.name == *peer).expect("a peer")
    }

    /// Waits until a peer looks as wanted.
    pub(super) async fn until(&self, peer: &NodeName, wanted: impl Fn(&PeerView) -> bool) -> PeerView {
        for _ in 0..500 {
            let view = self.link.peers().into_iter().find(|view| view.name == *peer);
            if let Some(view) = view.filter(|view| wanted(view)) {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{peer} never became so; now: {:?}", self.link.peers());
    }

    pub(super) async fn stop(self) {
        self.link.stop().await;
    }
}

/// A node that is a process. Killed when dropped.
pub(super) struct There {
    pub(super) name: NodeName,
    pub(super) address: SocketAddr,
    process: tokio::process::Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    /// All that it said so far.
    pub(super) said: Vec<String>,
}

impl There {
    pub(super) async fn start(node: &str, settings: &LinkSettings) -> Self {
        Self::start_with(node, settings, SECRET).await
    }

    pub(super) async fn start_with(node: &str, settings: &LinkSettings, secret: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["link::tests::child::peer_process", "--exact", "--nocapture", "--test-threads", "1"])
            .env("TESSERA_LINK_CHILD", node)
            .env("TESSERA_LINK_CERTIFICATE", &settings.certificate)
            .env("TESSERA_LINK_KEY", &settings.key)
            .env("TESSERA_LINK_AUTHORITY", &settings.authority)
            .env("TESSERA_LINK_SECRET", secret)
            .env("TESSERA_LINK_WIRE", settings.wire_newest.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdin = process.stdin.take().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut this = Self { name: name(node), address, process, stdin, lines, said: Vec::new() };
        this.address = this.hear("listening").await.parse().unwrap();
        this
    }

    pub(super) fn peer(&self) -> Peer {
        Peer { name: self.name.clone(), address: self.address }
    }

    pub(super) async fn say(&mut self, command: &str) {
        self.stdin.write_all(format!("{command}\n").as_bytes()).await.unwrap();
    }

    /// Waits for a line that begins with `@what` and gives the rest.
    pub(super) async fn hear(&mut self, what: &str) -> String {
        let found = async {
            loop {
                let line = self.lines.next_line().await.unwrap().expect("the peer process lives");
                self.said.push(line.clone());
                // The test runner's own words may stand before it on the line.
                if let Some((_, rest)) = line.split_once(&format!("@{what} ")) {
                    return rest.to_owned();
                }
            }
        };
        timeout(Duration::from_secs(20), found).await.unwrap_or_else(|_| panic!("never heard {what}"))
    }

    pub(super) async fn list(&mut self, peer: &NodeName, address: SocketAddr) {
        self.say(&format!("peers {peer}={address}")).await;
        self.hear("done").await;
    }

    /// Waits until its view of its first peer contains `wanted`.
    pub(super) async fn until(&mut self, wanted: &str) -> String {
        let mut view = String::new();
        for _ in 0..500 {
            self.say("view").await;
            view = self.hear("view").await;
            if view.contains(wanted) {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{} never saw {wanted}; now: {view}", self.name);
    }

    pub(super) fn signal(&self, signal: &str) {
        let pid = self.process.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Stops the process as SIGSTOP does, and waits until every thread stands still.
    pub(super) async fn suspend(&self) {
        self.signal("-STOP");
        let threads = format!("/proc/{}/task", self.process.id().unwrap());
        let stands_still = |thread: std::io::Result<std::fs::DirEntry>| {
            let state = std::fs::read_to_string(thread.unwrap().path().join("stat")).unwrap_or_default();
            state.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
        };
        while !std::fs::read_dir(&threads).unwrap().all(stands_still) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }
}

pub(super) fn is_up(view: &PeerView) -> bool {
    view.state == PeerState::Up
}
