//! The closed loop: workers that ask again as soon as they are answered, and what was measured meanwhile.

use super::process::{self, Memory, Process};
use crate::Failure;
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};
use tokio::{
    task::JoinSet,
    time::{sleep_until, timeout},
};

/// Latencies are kept to a hundredth of themselves, from a nanosecond to a minute: 30 kB for each caller. More digits
/// would take hundreds of megabytes with many of them.
const LONGEST_NS: u64 = 60_000_000_000;
const DIGITS: u8 = 2;
/// How long operations under way at the end may take to finish.
const END_LIMIT: Duration = Duration::from_secs(60);

/// One connection's part of the load.
pub trait Worker: Send + 'static {
    /// Does one operation; gives its kind and, where it failed, why.
    fn step(&mut self) -> impl Future<Output = (usize, Result<(), String>)> + Send;
}

/// How long is measured.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Of the same load before that.
    pub warmup: Duration,
    pub measured: Duration,
}

/// What was measured of one kind of operation.
pub struct Measured {
    /// Latencies of those that succeeded, in nanoseconds.
    pub latency_ns: Histogram<u64>,
    pub errors: u64,
    /// Why the first one did.
    pub first_error: Option<String>,
}

impl Measured {
    pub fn new() -> Result<Self, Failure> {
        let latency_ns = Histogram::new_with_bounds(1, LONGEST_NS, DIGITS)
            .map_err(|error| Failure::start_up(format!("histogram: {error}")))?;
        Ok(Self { latency_ns, errors: 0, first_error: None })
    }

    /// Adds an operation that succeeded.
    pub fn record(&mut self, latency: Duration) {
        self.latency_ns.saturating_record(latency.as_nanos() as u64);
    }

    /// Adds what another caller measured.
    pub fn add(&mut self, other: Measured) -> Result<(), Failure> {
        self.latency_ns.add(&other.latency_ns).map_err(|error| Failure::running(format!("histogram: {error}")))?;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        Ok(())
    }
}

/// What was measured in one run.
pub struct Measurement {
    /// By kind of operation.
    pub kinds: Vec<Measured>,
    /// How long was measured.
    pub elapsed: Duration,
    /// Processor time that the measured processes used meanwhile, in seconds.
    pub cpu_seconds: f64,
    /// Their memory at the end.
    pub memory: Memory,
}

impl Measurement {
    /// Operations of all kinds that succeeded.
    pub fn operations(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.latency_ns.len()).sum()
    }
}

/// Lets the workers loop, first unmeasured, then measured, and gives them back.
///
/// What counts are the operations that ended while it was measured. Operations under way at the end are finished, so
/// that a worker knows the outcome of everything it did.
pub async fn run<W: Worker>(
    workers: Vec<W>,
    kinds: usize,
    span: Span,
    processes: &[Process],
) -> Result<(Measurement, Vec<W>), Failure> {
    let from = Instant::now() + span.warmup;
    let until = from + span.measured;
    let mut looping = JoinSet::new();
    for worker in workers {
        looping.spawn(repeat(worker, kinds, from, until));
    }
    sleep_until(from.into()).await;
    let cpu_before = process::cpu_seconds(processes)?;
    sleep_until(until.into()).await;
    let cpu_seconds = process::cpu_seconds(processes)? - cpu_before;
    let memory = process::memory(processes)?;

    let mut totals = (0..kinds).map(|_| Measured::new()).collect::<Result<Vec<_>, _>>()?;
    let mut workers = Vec::new();
    let collecting = async {
        while let Some(ended) = looping.join_next().await {
            let (worker, measured) = ended.map_err(|error| Failure::running(format!("a client: {error}")))??;
            for (total, measured) in totals.iter_mut().zip(measured) {
                total.add(measured)?;
            }
            workers.push(worker);
        }
        Ok::<_, Failure>(())
    };
    timeout(END_LIMIT, collecting).await.map_err(|_| Failure::running("operations under way do not end"))??;
    Ok((Measurement { kinds: totals, elapsed: span.measured, cpu_seconds, memory }, workers))
}

async fn repeat<W: Worker>(
    mut worker: W,
    kinds: usize,
    from: Instant,
    until: Instant,
) -> Result<(W, Vec<Measured>), Failure> {
    let mut measured = (0..kinds).map(|_| Measured::new()).collect::<Result<Vec<_>, _>>()?;
    loop {
        let started = Instant::now();
        if started >= until {
            return Ok((worker, measured));
        }
        let (kind, outcome) = worker.step().await;
        let ended = Instant::now();
        if let Err(error) = &outcome {
            // A node that is down must not be asked a million times.
            tokio::time::sleep(Duration::from_millis(5)).await;
            tracing::debug!(error, "an operation failed");
        }
        if ended < from || ended >= until {
            continue;
        }
        match outcome {
            Ok(()) => measured[kind].record(ended - started),
            Err(error) => {
                measured[kind].errors += 1;
                measured[kind].first_error.get_or_insert(error);
            }
        }
    }
}
