//! A population and its days: who there is, what they post, what they are shown and what they engage with. The shipped
//! ranking model learned from its log, since no deployment could have trained it yet.
//!
//! People have interests over topics, a taste of style, a mood to engage and hours at which they come; some post, about
//! a few topics, in a style, well or badly. People follow whom they find interesting and who is known. A session shows
//! a list gathered from the four sources of recommendations and from those followed, ordered by what is popular with
//! noise, so that good posts show up everywhere. A viewer looks at the first place always and at later ones less often,
//! and engages with what was looked at by a chance that nobody logs: topic, quality, style, acquaintance, age and mood
//! decide.
//!
//! The log is the product's own ([`LogRecord`]), with features made by the product's own code of what the product would
//! know at that moment: counts, windows, co-likes, hashtags and a noisy picture of the style; never the topic, the
//! quality or the interests themselves. The same settings give the same log.

mod population;
mod session;
mod world;

use population::Population;
use tessera_domain::{
    Timestamp,
    hash::{SeededRandom, stable_hash_u64},
    ids::ID_EPOCH_MS,
    impression::LogRecord,
    time::HOUR_MS,
};
use tessera_ranking::{
    ModelFile, TrainError, TrainSettings,
    log::{DEFAULT_MAX_IMPRESSIONS, Dataset},
    train,
};
use world::World;

/// People of the populations that the shipped model learned from.
const TRAINING_PEOPLE: [usize; 3] = [400, 800, 1_600];

/// When simulated days begin: the first instant of a day, two years into the ids' epoch.
const FIRST_DAY: Timestamp = Timestamp(ID_EPOCH_MS + 730 * 24 * HOUR_MS);

#[derive(Debug, Clone, PartialEq)]
pub struct SimulationSettings {
    /// Seed of everything random.
    pub seed: u64,
    /// People; one in eight posts.
    pub people: usize,
    /// The id of the first of them, so that logs of several populations can be read together.
    pub first_user_id: u64,
    /// Days that are logged.
    pub days: usize,
    /// Days before them, which fill counts and histories and are not logged.
    pub warm_up_days: usize,
    /// Posts in a list.
    pub list_length: usize,
    /// The share of lists in random order. Measuring needs 1.0: there, a post's place says nothing of the post.
    pub shuffled_share: f64,
}

impl Default for SimulationSettings {
    fn default() -> Self {
        Self {
            seed: 1,
            people: 1_000,
            first_user_id: 1,
            days: 12,
            warm_up_days: 4,
            list_length: 24,
            shuffled_share: 0.1,
        }
    }
}

/// Lets the days pass; `log` gets every record in the order of time.
pub fn simulate(settings: &SimulationSettings, mut log: impl FnMut(LogRecord)) {
    let mut random = SeededRandom::new(settings.seed);
    let mut world = World::new(Population::new(settings.people, settings.first_user_id, &mut random));
    for hour in 0..(settings.warm_up_days + settings.days) * 24 {
        let now = FIRST_DAY.plus_ms(hour as i64 * HOUR_MS);
        world.post_for_an_hour(now, &mut random);
        let is_logged = hour >= settings.warm_up_days * 24;
        for person in 0..settings.people {
            if random.next_f64() < world.population.people[person].chance_to_come(hour % 24) {
                let at = now.plus_ms((random.next_f64() * HOUR_MS as f64) as i64);
                let records = session::hold(&mut world, person, at, settings, &mut random);
                records.into_iter().filter(|_| is_logged).for_each(&mut log);
            }
        }
    }
}

/// Trains on simulated populations of several sizes, since counts mean less among many people than among few: what the
/// shipped model is, and what `tessera train ranker --simulated` makes.
///
/// # Errors
/// As [`tessera_ranking::train()`].
pub fn train_simulated(seed: u64, progress: impl FnMut(usize, f64)) -> Result<ModelFile, TrainError> {
    let mut dataset = Dataset::new(DEFAULT_MAX_IMPRESSIONS);
    for (number, people) in (0u64..).zip(TRAINING_PEOPLE) {
        let seed = stable_hash_u64(number, seed);
        let first_user_id = 1 + number * 1_000_000;
        let population = SimulationSettings { seed, people, first_user_id, ..SimulationSettings::default() };
        simulate(&population, |record| dataset.add(record));
    }
    let trained_on = format!("simulated populations of {TRAINING_PEOPLE:?} people, seed {seed}");
    train(&dataset, &TrainSettings { seed, trained_on, ..TrainSettings::default() }, progress)
}
