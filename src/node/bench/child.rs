//! The measured process: this same program in another role, its processor time and its memory.

use crate::Failure;
use std::{
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
/// Clock ticks per second in `/proc` (`USER_HZ` is 100 on every architecture this builds for; proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// What the child is.
#[derive(Debug)]
pub enum ChildRole {
    /// A node with these settings.
    Node {
        /// `key=value`.
        sets: Vec<String>,
    },
    /// One HTTP route that serves a file's bytes.
    PageFloor {
        /// The file.
        file: PathBuf,
    },
    /// An HTTP route that commits every like by itself.
    LikesFloor {
        /// The settings of the node whose ledger it opens.
        sets: Vec<String>,
    },
}

impl ChildRole {
    fn arguments(self) -> Vec<String> {
        let with_sets = |role: &str, sets: Vec<String>| {
            let sets = sets.into_iter().flat_map(|set| ["--set".to_owned(), set]);
            std::iter::once(role.to_owned()).chain(sets).collect()
        };
        match self {
            ChildRole::Node { sets } => with_sets("node", sets),
            ChildRole::LikesFloor { sets } => with_sets("likes-floor", sets),
            ChildRole::PageFloor { file } => vec!["page-floor".to_owned(), file.display().to_string()],
        }
    }
}

/// The child. Dropping it kills it and waits until it is gone; it ends as well when this process does.
pub struct ChildProcess {
    process: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    pid: u32,
    /// `address:port` of its public listener.
    pub http: String,
    /// `address:port` of its operators' listener; empty for floors.
    pub admin: String,
}

/// Memory of a process.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Memory {
    /// Resident now, in MiB.
    pub resident_mib: f64,
    /// The most that was ever resident, in MiB.
    pub peak_mib: f64,
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
        let mut child = Self { process, stdin, stdout, pid, http: String::new(), admin: String::new() };
        let ready = child.read_line(START_LIMIT).await?;
        let address = |name: &str| {
            let mut words = ready.split_whitespace();
            words.find_map(|word| word.strip_prefix(name)).and_then(|url| url.strip_prefix("http://"))
        };
        let http = address("http=")
            .ok_or_else(|| Failure::running(format!("the measured process said {ready:?}, not that it is ready")))?;
        (child.http, child.admin) = (http.to_owned(), address("admin=").unwrap_or_default().to_owned());
        Ok(child)
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

    /// Seconds of processor time used so far, user and system, to a hundredth (proc(5), `/proc/pid/stat`).
    pub fn cpu_seconds(&self) -> Result<f64, Failure> {
        let stat = self.proc_file("stat")?;
        // The second field is the program's name in parentheses, which may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<f64>().ok());
        match (ticks(11), ticks(12)) {
            (Some(user), Some(system)) => Ok((user + system) / TICKS_PER_SECOND),
            _ => Err(Failure::running(format!("/proc/{}/stat cannot be read", self.pid))),
        }
    }

    /// Its memory (proc(5), `/proc/pid/status`).
    pub fn memory(&self) -> Result<Memory, Failure> {
        let status = self.proc_file("status")?;
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim_start_matches(':').split_whitespace().next()?.parse::<f64>().ok())
                .map_or(0.0, |kib| kib / 1024.0)
        };
        Ok(Memory { resident_mib: mib("VmRSS"), peak_mib: mib("VmHWM") })
    }

    fn proc_file(&self, name: &str) -> Result<String, Failure> {
        let path = format!("/proc/{}/{name}", self.pid);
        std::fs::read_to_string(&path)
            .map_err(|error| Failure::running(format!("{path}: {error}; has the measured process ended?")))
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
