//! Messages between two processes: entities of another node over the link, beside plain TCP and TLS.

use super::{
    drive::{flood, round_trips},
    entity::{Ask, Key, Payload, Tell},
    local::{CALL_LIMIT, SPREAD, activate, sending},
    pair::Pair,
    sockets::Dialler,
};
use crate::{
    Failure,
    load::Span,
    process::Process,
    report::{Report, Row},
};
use std::{path::Path, time::Duration};
use tessera_cluster::Deadline;

/// Bytes of a small message and of a large one.
const SMALL: usize = 64;
const LARGE: usize = 8 * 1024;
/// How long a sender of notices waits while the link's queue is full.
const PAUSE: Duration = Duration::from_millis(1);
/// How long the other process may take to say how much has arrived.
const TELL_LIMIT: Duration = Duration::from_secs(5);

pub async fn run(report: &mut Report, span: Span, folder: &Path) -> Result<(), Failure> {
    let mut pair = Pair::start(folder).await?;
    activate(&pair.region, (0..SPREAD).map(Key)).await?;
    let floors = [Dialler::Tcp(pair.tcp), Dialler::tls(pair.tls, folder)?];
    for (bytes, in_flight) in [(SMALL, 1), (SMALL, 64), (SMALL, 512), (LARGE, 64)] {
        calls(report, span, &pair, &floors, bytes, in_flight).await?;
    }
    for bytes in [SMALL, LARGE] {
        notices(report, span, &mut pair, &floors, bytes).await?;
    }
    if let Some(event) = pair.end().await {
        report.defect = Some(format!("the link did not hold: {event}"));
    }
    Ok(())
}

async fn calls(
    report: &mut Report,
    span: Span,
    pair: &Pair,
    floors: &[Dialler],
    bytes: usize,
    in_flight: usize,
) -> Result<(), Failure> {
    let both = [Process::this(), pair.peer.measured];
    let title = format!("{bytes} B, {in_flight} in flight");
    let (region, payload) = (pair.region.clone(), Payload::of(bytes));
    let ask = move |turn: u64| {
        let (region, payload) = (region.clone(), payload.clone());
        async move {
            let answer = region.call(Key(turn % SPREAD), Deadline::after(CALL_LIMIT), Ask(payload)).await;
            answer.map(drop).map_err(|error| error.to_string())
        }
    };
    let row = report.add(&format!("remote calls, {title}"), &round_trips(in_flight, span, &both, ask).await?);
    for floor in floors {
        let client = floor.echo(bytes).await?;
        let ask = move |_| {
            let client = client.clone();
            async move { client.call().await }
        };
        let measured = round_trips(in_flight, span, &both, ask).await?;
        let line = report.add(&format!("floor: {} echo, {title}", floor.name()), &measured);
        compare(report, &format!("remote calls, {title}"), &row, floor, &line);
    }
    Ok(())
}

async fn notices(
    report: &mut Report,
    span: Span,
    pair: &mut Pair,
    floors: &[Dialler],
    bytes: usize,
) -> Result<(), Failure> {
    let both = [Process::this(), pair.peer.measured];
    let (region, payload) = (pair.region.clone(), Payload::of(bytes));
    let tell = |turn: u64| sending(region.notify(Key(turn % SPREAD), Tell(payload.clone())));
    let pause = async || tokio::time::sleep(PAUSE).await;
    let peer = &mut pair.peer;
    let arrived = async || {
        let line = peer.tell("arrived?", TELL_LIMIT).await?;
        line.parse().map_err(|error| Failure::running(format!("the other process says {line:?}: {error}")))
    };
    let row = flood(&format!("remote notices, {bytes} B"), span, &both, tell, pause, arrived).await?;
    report.results.push(row.clone());
    for floor in floors {
        let name = format!("floor: {} stream, {bytes} B", floor.name());
        let line = floor.pour(&name, bytes, span, &both).await?;
        report.results.push(line.clone());
        compare(report, &format!("remote notices, {bytes} B"), &row, floor, &line);
    }
    Ok(())
}

fn compare(report: &mut Report, title: &str, row: &Row, floor: &Dialler, line: &Row) {
    match floor {
        Dialler::Tcp(_) => report.compare(&format!("{title}:"), row, line),
        // The honest floor of an encrypted link, for the one figure that matters.
        Dialler::Tls(..) => report.compare_throughput(&format!("{title}: throughput / TLS"), row, line),
    }
}
