//! `tessera bench search`: the visual index alone, in this process, beside an exact scan of the same vectors.
//!
//! Vectors are synthetic: unit vectors on a curved surface of 24 dimensions in clusters, as pictures' are. Queries are made
//! like them and are none of them.

use super::report::Report;
use crate::Failure;
use clap::Args;
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};
use tessera_domain::{PostId, UserId, hash::SeededRandom, post::PostRef};
use tessera_visual::index::{IndexSettings, VectorIndex};

const NEAREST: usize = 10;
const CLUSTERS: usize = 200;
const SURFACE: usize = 24;
/// How long each kind of search is repeated.
const MEASURED: Duration = Duration::from_secs(3);

/// Arguments of `tessera bench search`.
#[derive(Debug, Args)]
pub struct SearchArguments {
    /// Vectors in the index
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1_000..=2_000_000))]
    vectors: u32,
    /// Numbers in a vector
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u16).range(16..=2_048))]
    dimensions: u16,
    /// Queries whose answers are compared with the exact ones
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    queries: u32,
    /// Everything random follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Measures and reports.
pub async fn run(arguments: &SearchArguments) -> Result<Report, Failure> {
    let (vectors, dimensions) = (arguments.vectors as usize, usize::from(arguments.dimensions));
    let (queries, seed) = (arguments.queries as usize, arguments.seed);
    let mut report = Report::new("search");
    report.setting("vectors", vectors);
    report.setting("dimensions", dimensions);
    report.setting("queries", queries);
    let measured = tokio::task::spawn_blocking(move || measure(vectors, dimensions, queries, seed));
    for (name, value) in measured.await.map_err(|error| Failure::running(error.to_string()))? {
        report.fact(name, (value * 1_000.0).round() / 1_000.0);
    }
    report.notes.extend(
        [
            "Recall: the share of the exact ten nearest that a search finds. One thread asks, as soon as it has its answer.",
            "The floor is an exact scan of the same vectors with the same inner product. Searches during a build share the \
             machine with its threads.",
        ]
        .map(str::to_owned),
    );
    Ok(report)
}

/// Named figures, in the order of the work.
fn measure(vectors: usize, dimensions: usize, queries: usize, seed: u64) -> Vec<(&'static str, f64)> {
    let mut random = SeededRandom::new(seed);
    let surface = Surface::new(dimensions, &mut random);
    let mut index = VectorIndex::new(dimensions, IndexSettings::default());
    let mut figures = Vec::new();

    let started = Instant::now();
    let mut built = Duration::ZERO;
    let mut slowest_insert = Duration::ZERO;
    for number in 0..vectors {
        let vector = surface.vector(&mut random);
        let post = PostRef { post_id: PostId(number as u64 + 1), author_id: UserId(number as u64 % 1_000) };
        let begun = Instant::now();
        // Made of unit length, hence taken.
        let _ = index.insert(post, &vector, number as u64);
        slowest_insert = slowest_insert.max(begun.elapsed());
        if number % 1_000 == 999 {
            built += maintain(&mut index);
        }
    }
    figures.push(("insert, ms each, upkeep apart", (started.elapsed() - built).as_secs_f64() * 1_000.0 / vectors as f64));
    figures.push(("insert to searchable, slowest, ms", slowest_insert.as_secs_f64() * 1_000.0));
    figures.push(("upkeep, s of wall time", built.as_secs_f64()));

    let asked: Vec<Vec<f32>> = (0..queries).map(|_| surface.vector(&mut random)).collect();
    let mut hit = 0;
    for query in &asked {
        let exact: HashSet<PostId> = ids(&index.search_exactly(query, NEAREST, |_| true));
        hit += ids(&index.search(query, NEAREST, |_| true)).intersection(&exact).count();
    }
    figures.push(("recall@10", hit as f64 / (queries * NEAREST) as f64));
    figures.push(("searches/s, 10 nearest", rate(&asked, |query| drop(index.search(query, NEAREST, |_| true)))));
    figures.push(("searches/s, 100 nearest", rate(&asked, |query| drop(index.search(query, 100, |_| true)))));
    let tenth = |post: PostRef| post.author_id.0 % 10 == 0;
    figures.push(("searches/s, a filter keeps a tenth", rate(&asked, |query| drop(index.search(query, NEAREST, tenth)))));
    figures.push(("exact scans/s", rate(&asked, |query| drop(index.search_exactly(query, NEAREST, |_| true)))));
    let stats = index.stats();
    figures.push(("segments", stats.segments as f64));
    figures.push(("memory, MB, about", index.heap_bytes() as f64 / 1e6));

    let started = Instant::now();
    let bytes = index.snapshot().encode().unwrap_or_default();
    figures.push(("snapshot, s to write", started.elapsed().as_secs_f64()));
    figures.push(("snapshot, MB", bytes.len() as f64 / 1e6));
    let started = Instant::now();
    let read = VectorIndex::from_snapshot(&bytes, IndexSettings::default()).is_ok();
    figures.push(("snapshot, s to read", if read { started.elapsed().as_secs_f64() } else { f64::NAN }));

    // Enough dead vectors that a segment must be written anew, and searches meanwhile.
    for number in (0..vectors as u64).step_by(3) {
        index.remove(PostId(number + 1));
    }
    if let Some(plan) = index.plan_maintenance() {
        let build = std::thread::spawn(move || plan.run());
        let during = rate(&asked, |query| drop(index.search(query, NEAREST, |_| true)));
        figures.push(("searches/s while a segment is built", during));
        if let Ok(done) = build.join() {
            index.install(done);
        }
    }
    figures
}

fn ids(hits: &[tessera_visual::index::Hit]) -> HashSet<PostId> {
    hits.iter().map(|hit| hit.post.post_id).collect()
}

fn maintain(index: &mut VectorIndex) -> Duration {
    let started = Instant::now();
    while let Some(plan) = index.plan_maintenance() {
        index.install(plan.run());
    }
    started.elapsed()
}

/// How often per second `search` is done with one query after the other.
fn rate(asked: &[Vec<f32>], search: impl Fn(&[f32])) -> f64 {
    let started = Instant::now();
    let mut searches = 0_u64;
    for query in asked.iter().cycle() {
        search(query);
        searches += 1;
        if started.elapsed() >= MEASURED {
            break;
        }
    }
    searches as f64 / started.elapsed().as_secs_f64()
}

/// A curved surface in many dimensions, with places where its points gather.
struct Surface {
    /// Two maps from the surface's coordinates, the second of which is bent.
    straight: Vec<Vec<f32>>,
    bent: Vec<Vec<f32>>,
    centres: Vec<Vec<f32>>,
}

impl Surface {
    fn new(dimensions: usize, random: &mut SeededRandom) -> Self {
        let mut numbers = |count: usize| (0..count).map(|_| normal(random)).collect::<Vec<f32>>();
        Self {
            straight: (0..dimensions).map(|_| numbers(SURFACE)).collect(),
            bent: (0..dimensions).map(|_| numbers(SURFACE)).collect(),
            centres: (0..CLUSTERS).map(|_| numbers(SURFACE)).collect(),
        }
    }

    /// A unit vector near a centre.
    fn vector(&self, random: &mut SeededRandom) -> Vec<f32> {
        let centre = &self.centres[(random.next_u64() % CLUSTERS as u64) as usize];
        let place: Vec<f32> = centre.iter().map(|at| at + 0.5 * normal(random)).collect();
        let sum = |row: &[f32]| row.iter().zip(&place).map(|(a, b)| a * b).sum::<f32>();
        let mut vector: Vec<f32> =
            self.straight.iter().zip(&self.bent).map(|(straight, bent)| sum(straight) + 2.0 * sum(bent).sin()).collect();
        let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|value| *value /= norm);
        vector
    }
}

/// A number of the normal distribution, nearly: a sum of twelve even ones (Irwin and Hall).
fn normal(random: &mut SeededRandom) -> f32 {
    (0..12).map(|_| random.next_f64()).sum::<f64>() as f32 - 6.0
}
