//! The measured process: this same program in another role.

use crate::{Failure, NodeSettings, process::Process};
use std::{
    net::SocketAddr,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// How long a child may take until it is ready.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a killed child may take to be gone.
const END_LIMIT: Duration = Duration::from_secs(5);

/// What the child is.
#[derive(Debug)]
pub enum ChildRole {
    /// A node with these settings.
    Node(NodeSettings),
    /// One HTTP route that serves a file's bytes.
    PageFloor { file: PathBuf },
    /// An HTTP route that commits every like by itself, into the ledger of the node with these settings.
    LikesFloor(NodeSettings),
    /// A node's end of a link to this process, and floors beside it.
    MessagesPeer {
        /// Where the certificates are.
        folder: PathBuf,
        /// Where this process listens for the link.
        bench: SocketAddr,
    },
}

impl ChildRole {
    fn arguments(self) -> Vec<String> {
        let with_settings = |role: &str, NodeSettings { config, sets }: NodeSettings| {
            let config = config.into_iter().flat_map(|file| ["--config".to_owned(), file.display().to_string()]);
            let sets = sets.into_iter().flat_map(|set| ["--set".to_owned(), set]);
            std::iter::once(role.to_owned()).chain(config).chain(sets).collect()
        };
        match self {
            ChildRole::Node(settings) => with_settings("node", settings),
            ChildRole::LikesFloor(settings) => with_settings("likes-floor", settings),
            ChildRole::PageFloor { file } => vec!["page-floor".to_owned(), file.display().to_string()],
            ChildRole::MessagesPeer { folder, bench } => {
                vec!["messages-peer".to_owned(), folder.display().to_string(), bench.to_string()]
            }
        }
    }
}

/// The child. Dropping it kills it and waits until it is gone; it ends as well when this process does.
pub struct ChildProcess {
    process: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    ready: String,
    /// What is measured of it.
    pub measured: Process,
    /// `address:port` of its public listener; empty where it has none.
    pub http: String,
    /// `address:port` of its operators' listener; empty for floors.
    pub admin: String,
}

impl ChildProcess {
    /// Starts this program in `role` and waits until it is ready.
    pub async fn start(role: ChildRole) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::start_up(format!("cannot start the measured process: {error}"));
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        command.args(["bench", "role"]).args(role.arguments());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("TESSERA__") || name == "RUST_LOG" {
                command.env_remove(name.as_ref());
            }
        }
        let mut process = command.spawn().map_err(failed)?;
        let missing = || Failure::start_up("the measured process has no pipes");
        let (stdin, stdout) = (process.stdin.take().ok_or_else(missing)?, process.stdout.take().ok_or_else(missing)?);
        let pid = process.id().ok_or_else(missing)?;
        let stdout = BufReader::new(stdout).lines();
        let (measured, ready) = (Process(pid), String::new());
        let mut child = Self { process, stdin, stdout, ready, measured, http: String::new(), admin: String::new() };
        child.ready = child.read_line(START_LIMIT).await?;
        if !child.ready.starts_with("ready ") {
            return Err(Failure::running(format!("the measured process said {:?}, not that it is ready", child.ready)));
        }
        let url = |name| child.announced(name).and_then(|url| url.strip_prefix("http://")).unwrap_or_default();
        (child.http, child.admin) = (url("http").to_owned(), url("admin").to_owned());
        Ok(child)
    }

    /// What the child said of `name` when it was ready, as `name=value`.
    pub fn announced(&self, name: &str) -> Option<&str> {
        self.ready.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    /// Tells the child to do what its role does on a line of input; gives the line it answers.
    pub async fn tell(&mut self, line: &str, limit: Duration) -> Result<String, Failure> {
        let gone = |error| Failure::running(format!("the measured process does not listen: {error}"));
        self.stdin.write_all(format!("{line}\n").as_bytes()).await.map_err(gone)?;
        self.read_line(limit).await
    }

    async fn read_line(&mut self, limit: Duration) -> Result<String, Failure> {
        match timeout(limit, self.stdout.next_line()).await {
            Ok(Ok(Some(line))) => Ok(line),
            Ok(_) => {
                let status = timeout(END_LIMIT, self.process.wait()).await;
                let status = status.ok().and_then(Result::ok).map_or("".to_owned(), |status| format!(": {status}"));
                Err(Failure::running(format!("the measured process ended{status}; it said why above")))
            }
            Err(_) => Err(Failure::running(format!("the measured process is silent for {} s", limit.as_secs()))),
        }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        let _ = self.process.start_kill();
        let started = Instant::now();
        // Its folder is removed next: it must not write any more.
        while matches!(self.process.try_wait(), Ok(None)) && started.elapsed() < END_LIMIT {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
