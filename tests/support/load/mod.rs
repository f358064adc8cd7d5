//! A load of likes, follows, comments, posts and reads that is written down attempt by attempt, and a checker that
//! compares what was acknowledged with how things are in the end.

mod checker;
mod history;
mod worker;

pub use checker::check;
pub use history::{Attempt, Deeds, History, Outcome, Standing};
pub use worker::Mix;

use crate::{Api, Person};
use rand::{SeedableRng, rngs::StdRng};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinHandle;
use worker::Worker;

/// People who know one another, and posts to like and comment on.
#[derive(Clone)]
pub struct Load {
    pub people: Arc<Vec<Person>>,
    /// What is liked and commented on.
    pub posts: Arc<Vec<String>>,
    seed: u64,
    mix: Mix,
    interval: Duration,
}

/// A load at work.
pub struct RunningLoad {
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<Deeds>>,
}

impl Load {
    /// Signs `people` people up and posts a few pictures. Their work begins with [`Self::start`]: all together about
    /// `per_second` deeds a second.
    pub async fn prepare(api: &Api, seed: u64, people: usize, per_second: f64) -> Self {
        eprintln!("TESSERA_SEED={seed}");
        let people = api.sign_up_many("person", people).await;
        let mut posts = Vec::new();
        for author in people.iter().take(4) {
            posts.extend(author.post_pictures(2).await);
        }
        let interval = Duration::from_secs_f64(people.len() as f64 / per_second);
        Self { people: Arc::new(people), posts: Arc::new(posts), seed, mix: Mix::default(), interval }
    }

    /// The same with another mix of deeds.
    pub fn with_mix(self, mix: Mix) -> Self {
        Self { mix, ..self }
    }

    /// Sets everybody to work.
    pub fn start(&self) -> RunningLoad {
        let stop = Arc::new(AtomicBool::new(false));
        let workers = (0..self.people.len()).map(|number| {
            let worker = Worker {
                number,
                people: self.people.clone(),
                posts: self.posts.clone(),
                mix: self.mix,
                interval: self.interval,
                random: StdRng::seed_from_u64(self.seed.wrapping_mul(1_000).wrapping_add(number as u64)),
                stop: stop.clone(),
                deeds: Deeds::default(),
                give_up_at: None,
            };
            tokio::spawn(worker.run())
        });
        RunningLoad { stop: stop.clone(), workers: workers.collect() }
    }
}

impl RunningLoad {
    /// Ends the load; what failed is tried again for a while before. Gives everything that happened.
    pub async fn stop(self) -> History {
        self.stop.store(true, Ordering::Relaxed);
        let mut people = Vec::new();
        for worker in self.workers {
            people.push(worker.await.expect("the load goes well"));
        }
        let history = History { people };
        eprintln!("{}", history.summary());
        history
    }
}
