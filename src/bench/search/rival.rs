//! hnswlib in a process of Python, asked the same queries in turns.

use crate::Failure;
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// How long building, or one measurement, may take.
const LIMIT: Duration = Duration::from_secs(1_800);
const SCRIPT: &str = include_str!("hnswlib.py");

/// A started hnswlib with its index built. Dropping it kills it.
pub struct Rival {
    _process: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    pub build_cpu_seconds: f64,
}

/// What one turn took.
pub struct Turn {
    pub searches: u64,
    pub cpu_seconds: f64,
    pub wall_seconds: f64,
    pub recall: f64,
}

impl Rival {
    /// Starts a Python that has hnswlib on the vectors, queries and truth in `folder`.
    pub async fn start(
        python: &Path,
        folder: &Path,
        dimensions: usize,
        ef_construction: usize,
    ) -> Result<Self, Failure> {
        let failed = |error| Failure::start_up(format!("cannot start {}: {error}", python.display()));
        let script: PathBuf = folder.join("bench.py");
        std::fs::write(&script, SCRIPT).map_err(failed)?;
        let mut command = Command::new(python);
        command.arg(script).arg(folder).args([dimensions, ef_construction].map(|number| number.to_string()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().map_err(failed)?;
        let missing = || Failure::start_up("hnswlib's process has no pipes");
        let stdin = process.stdin.take().ok_or_else(missing)?;
        let stdout = BufReader::new(process.stdout.take().ok_or_else(missing)?).lines();
        let mut rival = Self { _process: process, stdin, stdout, build_cpu_seconds: 0.0 };
        let built = rival.numbers("built ").await?;
        rival.build_cpu_seconds = built.first().copied().unwrap_or(0.0);
        Ok(rival)
    }

    /// Asks for about so many seconds of processor time.
    pub async fn search(&mut self, ef: usize, span: Duration) -> Result<Turn, Failure> {
        let gone = |error| Failure::running(format!("hnswlib does not listen: {error}"));
        let line = format!("{ef} {}\n", span.as_secs_f64());
        self.stdin.write_all(line.as_bytes()).await.map_err(gone)?;
        match self.numbers("").await?[..] {
            [searches, cpu_seconds, wall_seconds, recall] => {
                Ok(Turn { searches: searches as u64, cpu_seconds, wall_seconds, recall })
            }
            _ => Err(Failure::running("hnswlib's answer is not understood")),
        }
    }

    /// The numbers of the next line behind `word`.
    async fn numbers(&mut self, word: &str) -> Result<Vec<f64>, Failure> {
        let line = match timeout(LIMIT, self.stdout.next_line()).await {
            Ok(Ok(Some(line))) => line,
            Ok(_) => return Err(Failure::running("hnswlib ended; it said why above")),
            Err(_) => return Err(Failure::running(format!("hnswlib is silent for {} s", LIMIT.as_secs()))),
        };
        let numbers = line.strip_prefix(word).unwrap_or_default().split_whitespace().map(str::parse);
        numbers.collect::<Result<_, _>>().map_err(|_| Failure::running(format!("hnswlib said {line:?}")))
    }
}
