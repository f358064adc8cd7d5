//! A child process that does not outlive the test.

use crate::{becomes_true, program};
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{LazyLock, Mutex, mpsc},
    time::Duration,
};

type Spawned = io::Result<Child>;
type Order = (Command, mpsc::Sender<Spawned>);

/// The kernel ends a child when the *thread* that started it ends, so one thread, which lives as long as the test
/// process, starts them all.
static SPAWNER: LazyLock<Mutex<mpsc::Sender<Order>>> = LazyLock::new(|| {
    let (sender, orders) = mpsc::channel::<Order>();
    std::thread::spawn(move || {
        for (mut command, reply) in orders {
            // Whoever gave the order waits for the reply.
            let _ = reply.send(command.spawn());
        }
    });
    Mutex::new(sender)
});

/// How many bytes of a log are shown when a test fails.
const SHOWN_LOG_BYTES: usize = 16 * 1024;

/// A running or ended child process whose output goes to a file. It ends with the test process, however that ends.
///
/// Dropping it kills it and, when the test is failing, prints the end of its log.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `command`; what it says is appended to the file `log`. `name` is for messages.
    pub fn start(name: &str, command: &Command, log: &Path) -> Self {
        let output = File::options().create(true).append(true).open(log).expect("a log file");
        let errors = output.try_clone().expect("a second handle");
        let mut command = supervised(command);
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let (reply, spawned) = mpsc::channel();
        SPAWNER.lock().expect("not poisoned").send((command, reply)).expect("the spawner lives");
        let child = spawned.recv().expect("the spawner lives").unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name: name.to_owned(), child, log: log.to_owned(), ended: None }
    }

    /// The name given at the start.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.status().is_none()
    }

    fn status(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("the child can be waited for");
        }
        self.ended
    }

    /// Everything it has said.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Sends a signal such as `TERM`; nothing when it has ended.
    pub fn signal(&mut self, name: &str) {
        if self.is_running() {
            send_signal(self.pid(), name);
        }
    }

    /// Waits until it has ended; its exit code, `None` where a signal ended it.
    ///
    /// # Panics
    /// When the time is up.
    pub fn wait(&mut self, limit: Duration) -> Option<i32> {
        let ended = becomes_true(limit, || !self.is_running());
        assert!(ended, "{} did not end within {limit:?}:\n{}", self.name, self.log());
        self.ended.and_then(|status| status.code())
    }

    /// SIGKILL; gives back once it is gone.
    pub fn kill(&mut self) {
        if self.is_running() {
            let _ = self.child.kill();
            self.ended = self.child.wait().ok();
        }
    }

    /// Sends a signal that asks it to end, wakes it should it be stopped, and kills it when it does not end in time.
    pub fn end_with(&mut self, signal: &str, limit: Duration) {
        self.signal(signal);
        self.signal("CONT");
        if !becomes_true(limit, || !self.is_running()) {
            self.kill();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = std::fs::read(&self.log).unwrap_or_default();
            let end = String::from_utf8_lossy(&log[log.len().saturating_sub(SHOWN_LOG_BYTES)..]);
            eprintln!("--- {} said (its last {SHOWN_LOG_BYTES} bytes):\n{end}---", self.name);
        }
    }
}

/// Sends a signal to a process.
fn send_signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).stderr(Stdio::null()).status();
    status.expect("kill runs");
}

/// The same command, which the kernel kills when the test process ends.
fn supervised(command: &Command) -> Command {
    let mut wrapped = Command::new(program("setpriv", "util-linux"));
    wrapped.args(["--pdeathsig", "KILL"]);
    wrapped.arg("--").arg(command.get_program()).args(command.get_args());
    inherit(&mut wrapped, command);
    wrapped
}

/// The same command as another user, where this process is root; unchanged otherwise.
pub fn as_user(user: &str, command: &Command) -> Command {
    let mut wrapped = if is_root() {
        let mut setpriv = Command::new(program("setpriv", "util-linux"));
        setpriv.args(["--reuid", user, "--regid", user, "--init-groups", "--"]).arg(command.get_program());
        setpriv
    } else {
        Command::new(command.get_program())
    };
    wrapped.args(command.get_args());
    inherit(&mut wrapped, command);
    wrapped
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Gives `to` the environment and folder of `from`.
fn inherit(to: &mut Command, from: &Command) {
    for (name, value) in from.get_envs() {
        match value {
            Some(value) => to.env(name, value),
            None => to.env_remove(name),
        };
    }
    if let Some(folder) = from.get_current_dir() {
        to.current_dir(folder);
    }
}
