//! `tessera bench feed --recommendations`: how long it takes from the request to the ranked list.
//!
//! Everybody asks once, one after another, so that no list is one that is kept for the next seconds; the caches of
//! posts, accounts and embeddings are warm, because everybody asked once before.

use super::{
    client::{Answer, Call, Connection},
    feed_world::FeedWorld,
    load::{Measured, Measurement},
    process,
    report::Report,
};
use crate::Failure;
use std::time::{Duration, Instant};

const PATH: &str = "/v1/recommendations?limit=50";
/// Longer than a list is kept.
const LISTS_ARE_OLD: Duration = Duration::from_secs(11);
/// Longer than a breaker stays open.
const BREAKER_CLOSES: Duration = Duration::from_secs(60);
/// What the node counts of each list.
const CANDIDATES: &str = "tessera_recommendation_candidates";

/// Measures one list for each of the people.
pub async fn measure(report: &mut Report, world: &FeedWorld) -> Result<(), Failure> {
    let mut connection = Connection::new(&world.node.http);
    // Loading all timelines at once was too much for lists with cold caches: until their breaker has closed there are
    // none.
    let waiting = Instant::now();
    while is_degraded(&connection.expect(Call::get(PATH, &world.people[0].token)).await?) {
        if waiting.elapsed() > BREAKER_CLOSES {
            return Err(Failure::running("recommendations stay degraded"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for person in world.people.iter() {
        connection.expect(Call::get(PATH, &person.token)).await?;
    }
    tokio::time::sleep(LISTS_ARE_OLD).await;

    let before = candidates(world).await?;
    let cpu_before = process::cpu_seconds(&[world.node.measured])?;
    let began = Instant::now();
    let mut lists = Measured::new()?;
    let mut degraded = 0;
    for person in world.people.iter() {
        let asked = Instant::now();
        let answer = connection.expect(Call::get(PATH, &person.token)).await?;
        lists.record(asked.elapsed());
        degraded += u64::from(is_degraded(&answer));
    }
    let elapsed = began.elapsed();
    let cpu_seconds = process::cpu_seconds(&[world.node.measured])? - cpu_before;
    let memory = process::memory(&[world.node.measured])?;
    report.add("lists of 50", &Measurement { kinds: vec![lists], elapsed, cpu_seconds, memory });
    let after = candidates(world).await?;
    report.fact("candidates per list", (after.0 - before.0) / (after.1 - before.1).max(1.0));
    report.fact("lists made", after.1 - before.1);
    report.fact("degraded lists", degraded);
    report.notes.push("From the request to the answer, hydrated; one request at a time.".to_owned());
    Ok(())
}

fn is_degraded(answer: &Answer) -> bool {
    answer.json()["degraded"].as_array().is_none_or(|parts| !parts.is_empty())
}

/// The sum and the number of candidates that the node counted so far.
async fn candidates(world: &FeedWorld) -> Result<(f64, f64), Failure> {
    let answer = Connection::new(&world.node.admin).expect(Call::get("/metrics", &world.people[0].token)).await?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let value = |name: String| {
        let line = text.lines().find_map(|line| line.strip_prefix(name.as_str()));
        line.and_then(|rest| rest.trim().parse().ok()).unwrap_or(0.0)
    };
    Ok((value(format!("{CANDIDATES}_sum ")), value(format!("{CANDIDATES}_count "))))
}
