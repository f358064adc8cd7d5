//! A child process in its fences.

use super::{VideoError, VideoLimits, VideoTools};
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    ffi::{OsStr, OsString},
    io::{BufRead, BufReader, Read},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How often a child is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// What is kept of a child's complaints.
const MAX_STDERR_BYTES: u64 = 16 * 1024;
/// A line of a child's standard output; a longer one is handed on in parts.
const MAX_LINE_BYTES: u64 = 64 * 1024;
/// Files that a child may have open.
const MAX_OPEN_FILES: u32 = 64;

/// Calls work off. Cheap to clone; all clones are one flag.
#[derive(Debug, Clone, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Ends the work soon.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the work was called off.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The fences around every child of one video.
#[derive(Clone, Copy)]
pub(super) struct Sandbox<'a> {
    pub tools: &'a VideoTools,
    /// Where a child runs and writes.
    pub folder: &'a Path,
    pub limits: &'a VideoLimits,
    pub cancel: &'a CancelFlag,
    /// When a child is killed.
    pub deadline: Instant,
}

impl Sandbox<'_> {
    /// Runs a program to its end; hands every line that it says to `line` as it comes, and keeps none.
    pub fn run(&self, program: &Path, arguments: &[OsString], line: &mut dyn FnMut(&str)) -> Result<(), VideoError> {
        let mut child = Killed(self.command(program, arguments).spawn().map_err(VideoError::machine)?);
        let errors = child.0.stderr.take().map(read_stderr);
        let lines = child.0.stdout.take().map(read_stdout);
        let status = loop {
            if let Some(lines) = &lines {
                lines.try_iter().for_each(|text| line(&text));
            }
            if let Some(status) = child.0.try_wait().map_err(VideoError::machine)? {
                break status;
            }
            if self.cancel.is_cancelled() {
                return Err(VideoError::Cancelled);
            }
            if Instant::now() >= self.deadline {
                return Err(VideoError::TooSlow);
            }
            thread::sleep(POLL_INTERVAL);
        };
        // Whatever it started is gone before its pipes are read to their end.
        drop(child);
        lines.into_iter().flatten().for_each(|text| line(&text));
        let complaint = errors.and_then(|errors| errors.join().ok()).unwrap_or_default();
        if status.success() { Ok(()) } else { Err(failure(status, complaint.trim())) }
    }

    /// `unshare … prlimit … setpriv … program`: each puts up a fence and becomes the next.
    fn command(&self, program: &Path, arguments: &[OsString]) -> Command {
        let VideoTools { prlimit, setpriv, unshare, .. } = self.tools;
        let mut words: Vec<OsString> = Vec::new();
        let mut privileges = vec!["--pdeathsig=KILL", "--no-new-privs", "--inh-caps=-all"];
        if let Some(unshare) = unshare {
            words.extend([unshare.into(), "--net".into(), "--map-root-user".into()]);
            // Root of a namespace may do what others may not; nothing of that is needed.
            privileges.push("--bounding-set=-all");
        }
        let seconds = self.deadline.saturating_duration_since(Instant::now()).as_secs() + 1;
        words.push(prlimit.into());
        words.extend(
            [
                format!("--as={}", self.limits.memory_bytes),
                format!("--cpu={}", seconds.saturating_mul(u64::from(self.limits.threads))),
                format!("--fsize={}", self.limits.max_output_bytes),
                format!("--nofile={MAX_OPEN_FILES}"),
                "--core=0".to_owned(),
            ]
            .map(OsString::from),
        );
        words.push(setpriv.into());
        // Where memory runs out, the child goes before the node.
        let humble = ["nice", "-n", "10", "choom", "-n", "500", "--"];
        words.extend(privileges.into_iter().chain(humble).map(OsString::from));
        words.push(program.into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(arguments);
        command.current_dir(self.folder).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command
    }
}

/// Whose fault it is that a child failed: the file's, its size's, or the machine's.
fn failure(status: ExitStatus, complaint: &str) -> VideoError {
    const FENCES: [&str; 3] = ["unshare:", "prlimit:", "setpriv:"];
    match (status.signal(), status.code()) {
        // XCPU, XFSZ, or KILL by the kernel for memory.
        (Some(24 | 25 | 9), _) => VideoError::TooSlow,
        // A program that is missing or may not be run.
        (_, Some(126 | 127)) => VideoError::Failed { detail: complaint.to_owned() },
        _ if complaint.lines().any(|line| FENCES.iter().any(|fence| line.starts_with(fence)))
            || complaint.contains("No space left on device") =>
        {
            VideoError::Failed { detail: complaint.to_owned() }
        }
        _ if complaint.contains("Cannot allocate memory") => VideoError::TooSlow,
        _ => VideoError::corrupt(complaint),
    }
}

/// A child whose whole process group ends with this value.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            // It may be gone already.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

fn read_stderr(stderr: ChildStderr) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut reader = BufReader::new(stderr);
        let mut kept = Vec::new();
        let _ = reader.by_ref().take(MAX_STDERR_BYTES).read_to_end(&mut kept);
        // Reads on, or the child would wait for room.
        let _ = std::io::copy(&mut reader, &mut std::io::sink());
        String::from_utf8_lossy(&kept).into_owned()
    })
}

fn read_stdout(stdout: ChildStdout) -> std::sync::mpsc::Receiver<String> {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1_024);
    thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        while reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    receiver
}

/// Words of a command line.
pub(super) fn words<const N: usize>(words: [&str; N]) -> Vec<OsString> {
    words.map(|word| OsStr::new(word).to_owned()).to_vec()
}
