//! A process that makes the outputs of photos, and what it took.

use super::{
    super::process::{Memory, Process},
    IN_FLIGHT,
};
use crate::Failure;
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// How long a tool may take for its warm-up, for all photos, or for decoding all outputs.
const LIMIT: Duration = Duration::from_secs(1_800);

/// Freed memory goes back to the system after this, as in the deployments that we ship (deploy/).
const PURGE_DELAY: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "100");

/// Run by Node from within the folder that holds `node_modules`, so that `sharp` is found.
const SHARP_SCRIPT: &str = include_str!("sharp.mjs");

/// What one turn took.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub cpu_seconds: f64,
    pub wall_seconds: f64,
    pub memory: Memory,
}

/// A program that keeps to the protocol of `worker.rs`.
#[derive(Debug)]
pub struct Tool {
    pub name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Tool {
    /// This program in another role, or a program that is the same role alone.
    pub fn tessera(worker: Option<&Path>) -> Result<Self, Failure> {
        let (program, arguments) = match worker {
            Some(worker) => (worker.to_owned(), Vec::new()),
            None => {
                let failed = |error| Failure::start_up(format!("cannot find this program: {error}"));
                let arguments = ["bench", "role", "media-worker"].map(OsString::from).into();
                (std::env::current_exe().map_err(failed)?, arguments)
            }
        };
        Ok(Self { name: "tessera", program, arguments })
    }

    /// Node with the sharp of a folder.
    pub fn sharp(folder: &Path, name: &'static str, effort: u8, chroma: &str) -> Result<Self, Failure> {
        let options = [&IN_FLIGHT.to_string(), &effort.to_string(), chroma];
        Ok(Self { name, ..Self::sharp_task(folder, "ladder", &options)? })
    }

    fn sharp_task(folder: &Path, task: &str, options: &[&str]) -> Result<Self, Failure> {
        let failed = |error| Failure::start_up(format!("{}: {error}", folder.display()));
        // Beside `node_modules`, since that is where Node looks for what a script imports.
        let script = folder.canonicalize().map_err(failed)?.join("tessera-bench-media.mjs");
        std::fs::write(&script, SHARP_SCRIPT).map_err(failed)?;
        let arguments = [script.into_os_string(), task.into()].into_iter();
        let arguments = arguments.chain(options.iter().map(OsString::from)).collect();
        Ok(Self { name: "sharp", program: "node".into(), arguments })
    }

    /// Makes all outputs in `folder`.
    pub async fn run(&self, photos: &[PathBuf], folder: &Path) -> Result<Run, Failure> {
        let mut process = Running::start(self).await?;
        process.tell(std::iter::once(folder).chain(photos.iter().map(PathBuf::as_path))).await?;
        process.expect("ready").await?;
        let measured = process.measured()?;
        let (started, cpu_seconds) = (Instant::now(), measured.cpu_seconds()?);
        process.tell(std::iter::empty()).await?;
        process.expect("done").await?;
        Ok(Run {
            wall_seconds: started.elapsed().as_secs_f64(),
            cpu_seconds: measured.cpu_seconds()? - cpu_seconds,
            memory: measured.memory()?,
        })
    }

    /// Writes each file as a PNG beside itself, with `.png` behind its name.
    pub async fn decode(sharp: &Path, files: &[PathBuf]) -> Result<(), Failure> {
        let mut process = Running::start(&Self::sharp_task(sharp, "decode", &[])?).await?;
        process.tell(files.iter().map(PathBuf::as_path)).await?;
        process.expect("done").await
    }
}

/// A started tool. Dropping it kills it.
struct Running {
    name: &'static str,
    process: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Running {
    async fn start(tool: &Tool) -> Result<Self, Failure> {
        let failed = |error| Failure::start_up(format!("cannot start {}: {error}", tool.program.display()));
        let mut command = Command::new(&tool.program);
        command.args(&tool.arguments).env(PURGE_DELAY.0, PURGE_DELAY.1);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().map_err(failed)?;
        let missing = || Failure::start_up("the measured process has no pipes");
        let stdin = process.stdin.take().ok_or_else(missing)?;
        let stdout = BufReader::new(process.stdout.take().ok_or_else(missing)?).lines();
        Ok(Self { name: tool.name, process, stdin, stdout })
    }

    fn measured(&self) -> Result<Process, Failure> {
        self.process.id().map(Process).ok_or_else(|| Failure::running(format!("{} has ended", self.name)))
    }

    /// A line for each path, and a blank one.
    async fn tell(&mut self, paths: impl Iterator<Item = &Path>) -> Result<(), Failure> {
        let lines: String = paths.map(|path| format!("{}\n", path.display())).chain(["\n".to_owned()]).collect();
        let gone = |error| Failure::running(format!("{} does not listen: {error}", self.name));
        self.stdin.write_all(lines.as_bytes()).await.map_err(gone)
    }

    async fn expect(&mut self, word: &str) -> Result<(), Failure> {
        match timeout(LIMIT, self.stdout.next_line()).await {
            Ok(Ok(Some(line))) if line == word => Ok(()),
            Ok(_) => Err(Failure::running(format!("{} ended; it said why above", self.name))),
            Err(_) => Err(Failure::running(format!("{} is silent for {} s", self.name, LIMIT.as_secs()))),
        }
    }
}
