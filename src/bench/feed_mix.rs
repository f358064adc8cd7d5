//! The DeathStarBench social-network mix: 60 % home timelines, 30 % user timelines, 10 % new posts.
//!
//! Source: Gan et al., "An Open-Source Benchmark Suite for Microservices and Their Hardware-Software Implications for
//! Cloud & Edge Systems", ASPLOS 2019; `socialNetwork/wrk2/scripts/social-network/mixed-workload.lua`.

use super::{
    client::{Call, Connection},
    compose_post::Composer,
    feed_world::FeedWorld,
    load::{self, Worker},
    options::LoadOptions,
    report::Report,
    seed::Person,
};
use crate::Failure;
use std::{sync::Arc, time::Duration};
use tessera_domain::hash::SeededRandom;

/// Kinds, in the order of the report.
const KINDS: [&str; 3] = ["home timeline of 10", "user timeline of 10", "new post, until completed"];
/// Home timelines are read from a place drawn evenly below this.
const OFFSETS: u64 = 100;
/// How often a worker looks whether its post is there.
const POLL: Duration = Duration::from_millis(10);

pub async fn measure(report: &mut Report, world: &FeedWorld, seed: u64, options: LoadOptions) -> Result<(), Failure> {
    let worker = |number: u16| -> Result<MixWorker, Failure> {
        Ok(MixWorker {
            connection: Connection::new(&world.node.http),
            composer: Composer::new(&world.node.http)?,
            people: world.people.clone(),
            random: SeededRandom::new(seed.wrapping_add(u64::from(number) << 32)),
        })
    };
    let workers = (0..options.connections).map(worker).collect::<Result<Vec<_>, _>>()?;
    let (measured, _) = load::run(workers, KINDS.len(), options.span(), &[world.node.measured]).await?;
    report.add("mix", &measured);
    for (kind, name) in KINDS.iter().enumerate() {
        report.add_kind(&format!("  {name}"), &measured, kind);
    }
    report.notes.push(
        "The DeathStarBench mix: home timelines from a place below 100, user timelines from their top, users drawn evenly."
            .to_owned(),
    );
    report.notes.push(
        "New posts are whole uploads of a 48x36 JPEG and end with the post; their media is most of the processor time."
            .to_owned(),
    );
    Ok(())
}

struct MixWorker {
    connection: Connection,
    composer: Composer,
    people: Arc<[Person]>,
    random: SeededRandom,
}

impl MixWorker {
    fn person(&mut self) -> usize {
        (self.random.next_u64() % self.people.len() as u64) as usize
    }

    async fn read(&mut self, path: &str, person: usize) -> Result<(), String> {
        let answer = self.connection.send(Call::get(path, &self.people[person].token)).await?;
        if answer.status.is_success() { Ok(()) } else { Err(answer.complaint()) }
    }
}

impl Worker for MixWorker {
    async fn step(&mut self) -> (usize, Result<(), String>) {
        let (person, other) = (self.person(), self.person());
        match self.random.next_u64() % 10 {
            0..6 => {
                let offset = self.random.next_u64() % OFFSETS;
                (0, self.read(&format!("/v1/feed?limit=10&offset={offset}&include_seen=true"), person).await)
            }
            6..9 => {
                let path = format!("/v1/users/{}/posts?limit=10", self.people[other].id);
                (1, self.read(&path, person).await)
            }
            _ => {
                let token = &self.people[person].token;
                (2, self.composer.compose(token, POLL).await.map(|_| ()))
            }
        }
    }
}
