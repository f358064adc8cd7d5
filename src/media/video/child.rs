//! A child process in its fences.

use super::{VideoError, VideoLimits, VideoTools, limits::by_the_clock};
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
    /// Processor time of a child. One that needs more has itself to blame.
    time: Duration,
    /// When a child is killed, to be tried again on a machine that has more time for it.
    deadline: Instant,
}

impl<'a> Sandbox<'a> {
    /// Fences with `time` on a processor for each child, and a few times that by the clock for all of them.
    pub fn new(
        tools: &'a VideoTools,
        folder: &'a Path,
        limits: &'a VideoLimits,
        cancel: &'a CancelFlag,
        time: Duration,
    ) -> Self {
        Self { tools, folder, limits, cancel, time, deadline: Instant::now() + by_the_clock(time) }
    }

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
                return Err(VideoError::starved("it took too long by the clock"));
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
        // A limit of no seconds would be met at once.
        let seconds = (self.time.as_secs_f64().ceil() as u64).max(1);
        words.push(prlimit.into());
        words.extend(
            [
                format!("--as={}", self.limits.memory_bytes),
                format!("--cpu={seconds}"),
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

/// Whose fault it is that a child failed: the file's, its size's, the machine's, or that of the machine's other work.
fn failure(status: ExitStatus, complaint: &str) -> VideoError {
    const FENCES: [&str; 3] = ["unshare:", "prlimit:", "setpriv:"];
    // ENOMEM and EAGAIN as programs say them. Not EIO: that is also what they say of a file that breaks off.
    const STARVED: [&str; 2] = ["Cannot allocate memory", "Resource temporarily unavailable"];
    match (status.signal(), status.code()) {
        // XCPU and XFSZ: the file had its share and wanted more.
        (Some(24 | 25), _) => VideoError::TooSlow,
        // KILL is the kernel's where memory runs out, and may have met this child for the sake of others.
        (Some(9), _) => VideoError::starved("it was killed"),
        // A program that is missing or may not be run.
        (_, Some(126 | 127)) => VideoError::Failed { detail: complaint.to_owned() },
        _ if complaint.lines().any(|line| FENCES.iter().any(|fence| line.starts_with(fence)))
            || complaint.contains("No space left on device") =>
        {
            VideoError::Failed { detail: complaint.to_owned() }
        }
        _ if STARVED.iter().any(|words| complaint.contains(words)) => VideoError::starved(complaint),
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
