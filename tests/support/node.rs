//! A node under test: the built binary as a child process on free ports and in a folder of its own.

use crate::{Api, Operated};
use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long a node may take to be ready, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a demo's world may take to move in, in a development build.
const DEMO_LIMIT: Duration = Duration::from_secs(300);

/// A running node. Dropping it kills it.
pub struct Node {
    child: Child,
    command: &'static str,
    folder: TempDir,
    settings: Vec<String>,
    /// The public listener's URL.
    pub http: String,
    /// The operators' listener's URL.
    pub admin: String,
}

impl Node {
    /// How many nodes there are.
    pub const NODES: usize = 1;

    /// Starts a node with limits off and the given settings (`key=value`).
    pub fn start(settings: &[&str]) -> Self {
        Self::start_as("serve", settings)
    }

    /// Starts a demo; it is ready once its world has moved in.
    pub fn start_demo() -> Self {
        Self::start_as("demo", &[])
    }

    fn start_as(command: &'static str, settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("tessera-it-").tempdir().expect("a temporary folder");
        let mut all = vec!["limits.enabled=false".to_owned(), "log.level=warn".to_owned()];
        all.extend(settings.iter().map(|setting| (*setting).to_owned()));
        // Free ports are chosen by the first start and kept, so that clients find a restarted node.
        let (child, http, admin) = launch(command, folder.path(), &all, "127.0.0.1:0", "127.0.0.1:0");
        Self { child, command, folder, settings: all, http, admin }
    }

    /// A client of the node's API.
    pub fn api(&self) -> Api {
        Api::new(&self.http)
    }

    /// The folder that holds the node's data.
    pub fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    /// The folders that hold the nodes' data.
    pub fn data_dirs(&self) -> Vec<PathBuf> {
        vec![self.data_dir().to_owned()]
    }

    /// The token of the operators' listener.
    pub fn admin_token(&self) -> String {
        std::fs::read_to_string(self.data_dir().join("admin-token")).expect("the node made a token").trim().to_owned()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: nothing is saved, nothing is closed.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        Command::new("kill").args([&format!("-{name}"), &pid]).status().expect("kill runs");
    }

    /// SIGTERM; gives the exit code once the node has drained.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.exit_code()
    }

    /// Waits until the process has ended; gives its exit code, `None` where a signal ended it.
    pub fn exit_code(&mut self) -> Option<i32> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(60) {
            if let Some(status) = self.child.try_wait().expect("the child can be waited for") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the node did not stop within a minute");
    }

    /// Starts the node again, on the same ports and data.
    pub fn restart(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let address = |url: &str| url.trim_start_matches("http://").to_owned();
        let (child, http, admin) =
            launch(self.command, self.folder.path(), &self.settings, &address(&self.http), &address(&self.admin));
        self.child = child;
        self.http = http;
        self.admin = admin;
    }
}

impl Operated for Node {
    fn admin_urls(&self) -> Vec<String> {
        vec![self.admin.clone()]
    }

    fn token(&self) -> String {
        self.admin_token()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary under test: `TESSERA_BIN`, or the one beside the tests in the target folder.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("TESSERA_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("the test's own path");
    let profile = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    let binary = profile.join("tessera");
    assert!(binary.exists(), "{} is missing: build it first with `cargo build`", binary.display());
    binary
}

/// How a command of the binary ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the binary with arguments that make it end by itself.
pub fn run_to_end(arguments: &[&str]) -> Ended {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(binary()).args(arguments).current_dir(folder.path()).output().expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

fn launch(name: &str, folder: &Path, settings: &[String], http: &str, admin: &str) -> (Child, String, String) {
    let limit = if name == "demo" { DEMO_LIMIT } else { START_LIMIT };
    let mut command = Command::new(binary());
    command.arg(name).current_dir(folder);
    command.args(["--set", &format!("data_dir={}", folder.display())]);
    command.args(["--set", &format!("http.listen={http}"), "--set", &format!("admin.listen={admin}")]);
    for setting in settings {
        command.args(["--set", setting]);
    }
    // Standard error goes to the test's, so that a failing test shows what the node said.
    let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().expect("the binary starts");
    let stdout = child.stdout.take().expect("piped");
    match ready_line(stdout, limit) {
        Some((http, admin)) => (child, http, admin),
        None => {
            let _ = child.kill();
            let status = child.wait().expect("the child can be waited for");
            panic!("the node was not ready within {limit:?} ({status})");
        }
    }
}

fn ready_line(stdout: ChildStdout, limit: Duration) -> Option<(String, String)> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        let mut line = String::new();
        let _ = reader.read_line(&mut line);
        let _ = sender.send(line);
        // Keeps the pipe open and empty for as long as the node lives.
        let _ = std::io::copy(&mut reader.by_ref(), &mut std::io::sink());
    });
    let line = receiver.recv_timeout(limit).ok()?;
    let mut words = line.split_whitespace();
    if words.next() != Some("ready") {
        return None;
    }
    let http = words.next()?.strip_prefix("http=")?.to_owned();
    let admin = words.next()?.strip_prefix("admin=")?.to_owned();
    Some((http, admin))
}
