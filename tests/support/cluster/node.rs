//! A node of a cluster under test.

use super::certificates::CertificateFiles;
use crate::{Api, Operator, binary};
use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};
use tessera_test_servers::{Port, Process, becomes_true};

/// How long a node may take to be ready, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a node may take to drain.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);

/// What a node is started with. A test may change it before the next start.
#[derive(Debug, Clone)]
pub struct NodeSettings {
    pub sets: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// Certificate, key and authority.
    pub certificate: CertificateFiles,
}

/// A node of a cluster, running or not. It keeps its addresses over restarts.
pub struct ClusterNode {
    /// Its name in the cluster.
    pub name: String,
    /// What the next start takes.
    pub settings: NodeSettings,
    pub(super) address: IpAddr,
    pub(super) folder: PathBuf,
    pub(super) wrap: Box<dyn Fn(Command) -> Command + Send + Sync>,
    http: Port,
    admin: Port,
    peers: Port,
    process: Option<Process>,
    /// How much of the log was there before the last start.
    log_start: usize,
}

impl ClusterNode {
    pub(super) fn new(
        name: String,
        settings: NodeSettings,
        address: IpAddr,
        folder: PathBuf,
        wrap: Box<dyn Fn(Command) -> Command + Send + Sync>,
    ) -> Self {
        let (http, admin, peers) = (Port::free(), Port::free(), Port::free());
        Self { name, settings, address, folder, wrap, http, admin, peers, process: None, log_start: 0 }
    }

    /// Where clients reach it.
    pub fn http(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.http.number())
    }

    /// Where operators reach it.
    pub fn admin(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.admin.number())
    }

    /// Where its peers reach it.
    pub fn peers(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.peers.number())
    }

    /// A client of this very node.
    pub fn api(&self) -> Api {
        Api::new(&format!("http://{}", self.http()))
    }

    /// An operator of this node.
    pub fn operator(&self) -> Operator {
        Operator::at(&[format!("http://{}", self.admin())], super::ADMIN_TOKEN)
    }

    /// The process id; `None` where it does not run.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Everything it has said since its last start.
    pub fn log(&self) -> String {
        let log = std::fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(log.get(self.log_start..).unwrap_or_default()).into_owned()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }

    /// The folder that holds its data.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// Starts its process and does not wait.
    pub fn launch(&mut self) {
        self.process = None;
        self.log_start = std::fs::metadata(self.log_file()).map_or(0, |file| file.len() as usize);
        let mut command = Command::new(binary());
        command.arg("serve").current_dir(&self.folder);
        let files = &self.settings.certificate;
        let own = [
            format!("node.name={}", self.name),
            format!("data_dir={}", self.data_dir().display()),
            format!("http.listen={}", self.http()),
            format!("admin.listen={}", self.admin()),
            format!("cluster.listen={}", self.peers()),
            format!("cluster.tls.cert={}", files.certificate.display()),
            format!("cluster.tls.key={}", files.key.display()),
            format!("cluster.tls.ca={}", files.authority.display()),
        ];
        for set in own.iter().chain(&self.settings.sets) {
            command.args(["--set", set]);
        }
        command.envs(self.settings.environment.iter().map(|(name, value)| (name, value)));
        self.process = Some(Process::start(&self.name, &(self.wrap)(command), &self.log_file()));
    }

    /// Waits until it says that it is ready.
    ///
    /// # Panics
    /// When it ends or the time is up.
    pub fn await_ready(&mut self) {
        let mut ended = false;
        let ready = becomes_true(START_LIMIT, || {
            ended = !self.is_running();
            ended || self.said_ready()
        });
        assert!(ready && !ended, "{} did not become ready:\n{}", self.name, self.log());
    }

    fn said_ready(&self) -> bool {
        self.log().lines().any(|line| line.starts_with("ready http="))
    }

    /// Starts it and waits until it is ready.
    pub fn start(&mut self) {
        self.launch();
        self.await_ready();
    }

    /// Whether its process has not ended.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::is_running)
    }

    pub fn kill(&mut self) {
        if let Some(process) = &mut self.process {
            process.kill();
        }
    }

    /// Sends a signal, such as `STOP`, `CONT` and `TERM`.
    pub fn signal(&mut self, name: &str) {
        if let Some(process) = &mut self.process {
            process.signal(name);
        }
    }

    /// SIGTERM; gives the exit code once the node has drained.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.exit_code()
    }

    /// Waits until the process has ended; gives its exit code, `None` where a signal ended it.
    pub fn exit_code(&mut self) -> Option<i32> {
        self.process.as_mut().expect("it was started").wait(DRAIN_LIMIT)
    }

    /// Whether `/readyz` says yes.
    pub fn is_ready(&self) -> bool {
        self.ask("/readyz", Duration::from_secs(1)).is_some_and(|(status, _)| status == 200)
    }

    /// What the operators' listener answers to a GET: status and body.
    pub fn ask(&self, path: &str, limit: Duration) -> Option<(u16, String)> {
        let until = Instant::now() + limit;
        let mut stream = TcpStream::connect_timeout(&self.admin(), limit).ok()?;
        stream.set_read_timeout(Some(until.saturating_duration_since(Instant::now()).max(MIN_WAIT))).ok()?;
        let token = super::ADMIN_TOKEN;
        let request = format!("GET {path} HTTP/1.0\r\nhost: node\r\nauthorization: Bearer {token}\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).ok()?;
        let (head, body) = reply.split_once("\r\n\r\n")?;
        Some((head.split_whitespace().nth(1)?.parse().ok()?, body.to_owned()))
    }
}

const MIN_WAIT: Duration = Duration::from_millis(10);
