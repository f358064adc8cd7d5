//! The two kinds of load: callers that wait for each answer, and a flood that waits for none.

use crate::{
    Failure,
    load::{self, Measurement, Span, Worker},
    process::{self, Process},
    report::Row,
};
use std::time::{Duration, Instant};

/// Messages sent between two looks at the clock.
const BURST: usize = 64;
/// How long the last messages of a flood may take to arrive, as long as some do.
const STALL_LIMIT: Duration = Duration::from_secs(10);

struct Caller<F> {
    call: F,
    turn: u64,
}

impl<F, Fut> Worker for Caller<F>
where
    F: FnMut(u64) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), String>> + Send + 'static,
{
    async fn step(&mut self) -> (usize, Result<(), String>) {
        self.turn += 1;
        (0, (self.call)(self.turn).await)
    }
}

/// So many callers, each of whom asks again as soon as it is answered. A call is told a number that differs from
/// call to call.
pub async fn round_trips<F, Fut>(
    in_flight: usize,
    span: Span,
    processes: &[Process],
    call: F,
) -> Result<Measurement, Failure>
where
    F: FnMut(u64) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<(), String>> + Send + 'static,
{
    let caller = |number| Caller { call: call.clone(), turn: number as u64 * 7_919 };
    let (measurement, _) = load::run((0..in_flight).map(caller).collect(), 1, span, processes).await?;
    Ok(measurement)
}

/// What became of an attempt to send.
pub enum Sending {
    /// It is under way.
    Sent,
    /// There is no room now.
    Full,
}

/// Sends as fast as there is room, and waits until all of it has arrived: that is when the clock stops.
///
/// `pause` is what the sender does while there is no room; `arrived` says how much has arrived since ever. What does
/// not arrive counts as an error.
pub async fn flood<S, P, A>(
    name: &str,
    span: Span,
    processes: &[Process],
    mut send: S,
    pause: P,
    mut arrived: A,
) -> Result<Row, Failure>
where
    S: FnMut(u64) -> Result<Sending, Failure>,
    P: AsyncFn(),
    A: AsyncFnMut() -> Result<u64, Failure>,
{
    let mut total = 0;
    for (length, counts) in [(span.warmup, false), (span.measured, true)] {
        let (cpu_before, before) = (process::cpu_seconds(processes)?, arrived().await?);
        let (started, mut sent) = (Instant::now(), 0);
        while started.elapsed() < length {
            for _ in 0..BURST {
                match send(total + sent)? {
                    Sending::Sent => sent += 1,
                    Sending::Full => {
                        pause().await;
                        break;
                    }
                }
            }
            tokio::task::yield_now().await;
        }
        total += sent;
        let (mut last, mut moved) = (arrived().await? - before, Instant::now());
        while last < sent && moved.elapsed() < STALL_LIMIT {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let now = arrived().await? - before;
            if now > last {
                (last, moved) = (now, Instant::now());
            }
        }
        if counts {
            let elapsed = moved.duration_since(started);
            let row = row(name, last, elapsed, process::cpu_seconds(processes)? - cpu_before, processes)?;
            return Ok(Row { errors: sent.saturating_sub(last), ..row });
        }
    }
    Err(Failure::running("nothing was measured"))
}

/// The line of operations that are not timed one by one.
pub fn row(
    name: &str,
    operations: u64,
    elapsed: Duration,
    cpu_seconds: f64,
    processes: &[Process],
) -> Result<Row, Failure> {
    Ok(Row {
        name: name.to_owned(),
        operations,
        per_second: Some(operations as f64 / elapsed.as_secs_f64()),
        latency: None,
        cpu_ms_per_operation: Some(cpu_seconds * 1_000.0 / operations.max(1) as f64),
        memory: Some(process::memory(processes)?),
        errors: 0,
    })
}
