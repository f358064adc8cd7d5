//! The steps of the bench, each of which adds its lines to the report.

use super::{
    NEAREST, RIVAL_EFS, SearchArguments,
    rival::{Rival, Turn},
    surface::Surface,
};
use crate::{
    Failure,
    load::{Measured, Measurement},
    process::{self, Process},
    report::{Report, Row},
};
use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};
use tessera_domain::{PostId, UserId, hash::SeededRandom, post::PostRef};
use tessera_visual::index::{Engine, Hit, IndexSettings, VectorIndex};
use tokio::runtime::Handle;

/// What the application asks a shard for.
const CANDIDATES: usize = 100;
/// Vectors that come on top, into the buffer: half of what it takes.
const MORE: usize = 1_000;
/// What lines of the other engine's index begin with.
const LIBRARY: &str = "instant-distance: ";
/// Queries whose filtered answers are compared.
const FILTERED: usize = 200;

/// The index and what it is asked.
pub struct Bench {
    settings: IndexSettings,
    index: VectorIndex,
    surface: Surface,
    random: SeededRandom,
    vectors: Vec<Vec<f32>>,
    queries: Vec<Vec<f32>>,
    /// The numbers of the true nearest of each query.
    truth: Vec<Vec<u64>>,
}

/// One kind of search, measured in turns.
struct Line {
    measured: Measured,
    elapsed: Duration,
    cpu_seconds: f64,
}

impl Line {
    fn new() -> Result<Self, Failure> {
        Ok(Self { measured: Measured::new()?, elapsed: Duration::ZERO, cpu_seconds: 0.0 })
    }

    /// Asks one query after the other until it is enough.
    fn ask<T>(
        &mut self,
        queries: &[Vec<f32>],
        is_enough: impl Fn(Duration) -> bool,
        search: impl Fn(&[f32]) -> T,
    ) -> Result<(), Failure> {
        let (cpu, started) = (process::thread_cpu_seconds()?, Instant::now());
        for query in queries.iter().cycle() {
            let asked = Instant::now();
            std::hint::black_box(search(query));
            self.measured.record(asked.elapsed());
            if is_enough(started.elapsed()) {
                break;
            }
        }
        self.elapsed += started.elapsed();
        self.cpu_seconds += process::thread_cpu_seconds()? - cpu;
        Ok(())
    }

    fn report(self, name: &str, report: &mut Report) -> Result<Row, Failure> {
        let Self { measured, elapsed, cpu_seconds } = self;
        let memory = Process::this().memory()?;
        let row = report.add(name, &Measurement { kinds: vec![measured], elapsed, cpu_seconds, memory });
        if let Some(milliseconds) = row.cpu_ms_per_operation.filter(|milliseconds| *milliseconds > 0.0) {
            report.fact(&format!("per core, {name}"), 1_000.0 / milliseconds);
        }
        Ok(row)
    }
}

impl Bench {
    /// Fills an index as a shard's is filled: with upkeep whenever one is due.
    pub fn fill(arguments: &SearchArguments, report: &mut Report) -> Result<Self, Failure> {
        let (count, dimensions) = (arguments.vectors as usize, usize::from(arguments.dimensions));
        let mut random = SeededRandom::new(arguments.seed);
        let surface = Surface::new(dimensions, &mut random);
        let vectors: Vec<Vec<f32>> = (0..count).map(|_| surface.vector(&mut random)).collect();
        let queries: Vec<Vec<f32>> = (0..arguments.queries).map(|_| surface.vector(&mut random)).collect();
        let settings = IndexSettings::default();
        let index = filled(&vectors, settings.clone(), "", report)?;
        let truth = queries.iter().map(|query| numbers(&index.search_exactly(query, NEAREST, |_| true))).collect();
        Ok(Self { settings, index, surface, random, vectors, queries, truth })
    }

    /// What graphs are built with.
    pub fn ef_construction(&self) -> usize {
        self.settings.ef_construction
    }

    /// Writes vectors, queries and the truth, as rows of little-endian numbers without any header.
    pub fn export(&self, folder: &Path) -> Result<(), Failure> {
        let flat = |rows: &[Vec<f32>]| rows.iter().flatten().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let truth = self.truth.iter().flatten().flat_map(|number| (*number as u32).to_le_bytes()).collect();
        let files = [("vectors.f32", flat(&self.vectors)), ("queries.f32", flat(&self.queries)), ("truth.u32", truth)];
        for (name, bytes) in files {
            let path = folder.join(name);
            std::fs::write(&path, bytes).map_err(|error| Failure::running(format!("{}: {error}", path.display())))?;
        }
        Ok(())
    }

    /// An index of the same vectors by the crate `instant-distance`.
    pub fn library(&self, report: &mut Report) -> Result<VectorIndex, Failure> {
        filled(&self.vectors, IndexSettings::of(Engine::InstantDistance), LIBRARY, report)
    }

    /// How much of the truth a search finds.
    fn recall(&self, search: impl Fn(&[f32]) -> Vec<u64>) -> f64 {
        let found = self.queries.iter().zip(&self.truth).map(|(query, truth)| {
            let hits = search(query);
            truth.iter().filter(|number| hits.contains(number)).count()
        });
        found.sum::<usize>() as f64 / self.truth.iter().map(Vec::len).sum::<usize>() as f64
    }

    /// The index, the floor, the other engine's index and hnswlib, in turns.
    pub fn search(
        &self,
        rounds: u32,
        span: Duration,
        library: Option<VectorIndex>,
        mut rival: Option<(Rival, Handle)>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let Self { index, queries, .. } = self;
        let [mut ten, mut hundred, mut floor] = [Line::new()?, Line::new()?, Line::new()?];
        let [mut crated_ten, mut crated_hundred] = [Line::new()?, Line::new()?];
        let mut turns: Vec<Vec<Turn>> = RIVAL_EFS.iter().map(|_| Vec::new()).collect();
        for _ in 0..rounds {
            let is_enough = |elapsed| elapsed >= span;
            ten.ask(queries, is_enough, |query| index.search(query, NEAREST, |_| true))?;
            hundred.ask(queries, is_enough, |query| index.search(query, CANDIDATES, |_| true))?;
            floor.ask(queries, is_enough, |query| index.search_exactly(query, NEAREST, |_| true))?;
            if let Some(library) = &library {
                crated_ten.ask(queries, is_enough, |query| library.search(query, NEAREST, |_| true))?;
                crated_hundred.ask(queries, is_enough, |query| library.search(query, CANDIDATES, |_| true))?;
            }
            if let Some((rival, runtime)) = &mut rival {
                for (ef, turns) in RIVAL_EFS.iter().zip(&mut turns) {
                    turns.push(runtime.block_on(rival.search(*ef, span))?);
                }
            }
        }
        let recall = self.recall(|query| numbers(&index.search(query, NEAREST, |_| true)));
        report.fact(&format!("recall@{NEAREST}"), recall);
        let row = ten.report("index", report)?;
        hundred.report(&format!("index, {CANDIDATES} nearest"), report)?;
        let floor = floor.report("floor: scan of all vectors", report)?;
        report.compare("", &row, &floor);
        if let Some(library) = &library {
            let recall = self.recall(|query| numbers(&library.search(query, NEAREST, |_| true)));
            report.fact(&format!("{LIBRARY}recall@{NEAREST}"), recall);
            let crated = crated_ten.report(&format!("{LIBRARY}index"), report)?;
            crated_hundred.report(&format!("{LIBRARY}index, {CANDIDATES} nearest"), report)?;
            report.compare("to instant-distance:", &row, &crated);
        }
        if let Some((rival, _)) = &rival {
            report.fact("hnswlib: building, s of CPU", rival.build_cpu_seconds);
            for (ef, turns) in RIVAL_EFS.iter().zip(&turns) {
                rival_line(*ef, turns, &row, report);
            }
        }
        Ok(())
    }

    /// Filters that keep ever less, beside exact answers to the same.
    pub fn filter(&self, span: Duration, report: &mut Report) -> Result<(), Failure> {
        for (name, one_in) in [("half", 2), ("a tenth", 10), ("a thousandth", 1_000)] {
            let keeps = |post: PostRef| post.author_id.0.is_multiple_of(one_in);
            let asked = &self.queries[..self.queries.len().min(FILTERED)];
            let (mut same, mut found, mut there) = (0, 0, 0);
            for query in asked {
                let exact = numbers(&self.index.search_exactly(query, NEAREST, keeps));
                let hits = self.index.search(query, NEAREST, keeps);
                if hits.len() != exact.len() || !hits.iter().all(|hit| keeps(hit.post)) {
                    report.defect =
                        Some(format!("a filter that keeps {name} of all was not obeyed, or left an answer short"));
                }
                let hits = numbers(&hits);
                same += usize::from(hits == exact);
                there += exact.len();
                found += exact.iter().filter(|number| hits.contains(number)).count();
            }
            let exact =
                format!("recall {:.4}, {same} of {} answers exact", found as f64 / there.max(1) as f64, asked.len());
            report.fact(&format!("a filter keeps {name}"), exact);
            let mut line = Line::new()?;
            line.ask(&self.queries, |elapsed| elapsed >= span, |query| self.index.search(query, NEAREST, keeps))?;
            line.report(&format!("index, a filter keeps {name}"), report)?;
        }
        Ok(())
    }

    /// From an insert to an answer that holds it; then searches with a buffer that is half full.
    pub fn insert(&mut self, span: Duration, report: &mut Report) -> Result<(), Failure> {
        let known = self.vectors.len();
        let mut line = Line::new()?;
        let (cpu, started) = (process::thread_cpu_seconds()?, Instant::now());
        for number in known..known + MORE {
            let vector = self.surface.vector(&mut self.random);
            let inserted = Instant::now();
            self.index.insert(post(number), &vector, 0).map_err(|error| Failure::running(error.to_string()))?;
            let hits = self.index.search(&vector, NEAREST, |_| true);
            line.measured.record(inserted.elapsed());
            if !numbers(&hits).contains(&(number as u64)) {
                line.measured.errors += 1;
                report.defect = Some(format!("vector {number} was inserted and is not found"));
            }
            self.vectors.push(vector);
        }
        line.elapsed = started.elapsed();
        line.cpu_seconds = process::thread_cpu_seconds()? - cpu;
        line.report("insert, then a search that finds it", report)?;
        let mut line = Line::new()?;
        line.ask(&self.queries, |elapsed| elapsed >= span, |query| self.index.search(query, NEAREST, |_| true))?;
        let name = format!("index, {} buffered", self.index.stats().buffered);
        line.report(&name, report).map(|_| ())
    }

    /// Deletes so many that a graph is written anew, and searches before and meanwhile.
    pub fn build_meanwhile(&mut self, span: Duration, report: &mut Report) -> Result<(), Failure> {
        (0..self.vectors.len()).step_by(4).for_each(|number| {
            self.index.remove(PostId(number as u64));
        });
        let Self { index, queries, .. } = self;
        let Some(plan) = index.plan_maintenance() else { return Ok(()) };
        let mut before = Line::new()?;
        before.ask(queries, |elapsed| elapsed >= span, |query| index.search(query, NEAREST, |_| true))?;
        let mut during = Line::new()?;
        let is_done = AtomicBool::new(false);
        let done = std::thread::scope(|scope| {
            let build = scope.spawn(|| {
                let done = plan.run();
                is_done.store(true, Ordering::SeqCst);
                done
            });
            let is_enough = |_| is_done.load(Ordering::SeqCst);
            let asked = during.ask(queries, is_enough, |query| index.search(query, NEAREST, |_| true));
            let done = build.join().map_err(|_| Failure::running("the build of a graph panicked"))?;
            asked.map(|()| done)
        })?;
        index.install(done);
        let before = before.report("index, a quarter deleted", report)?;
        let during = during.report("index, while that graph is written anew", report)?;
        report.compare_throughput("throughput, while a graph is written / before", &during, &before);
        Ok(())
    }
}

fn rival_line(ef: usize, turns: &[Turn], index: &Row, report: &mut Report) {
    let sum = |part: fn(&Turn) -> f64| turns.iter().map(part).sum::<f64>();
    let searches = turns.iter().map(|turn| turn.searches).sum::<u64>();
    let (cpu_seconds, wall_seconds) = (sum(|turn| turn.cpu_seconds), sum(|turn| turn.wall_seconds));
    let name = format!("hnswlib, ef {ef}");
    let row = Row {
        name: name.clone(),
        operations: searches,
        per_second: Some(searches as f64 / wall_seconds),
        latency: None,
        cpu_ms_per_operation: Some(cpu_seconds * 1_000.0 / searches.max(1) as f64),
        memory: None,
        errors: 0,
    };
    report.fact(&format!("per core, {name}"), searches as f64 / cpu_seconds);
    report.fact(&format!("recall@{NEAREST}, {name}"), turns.first().map_or(0.0, |turn| turn.recall));
    report.compare(&format!("to {name}:"), index, &row);
    report.results.push(row);
}

/// An index filled as a shard's is: with upkeep whenever one is due. What it took is reported with `prefix`.
fn filled(
    vectors: &[Vec<f32>],
    settings: IndexSettings,
    prefix: &str,
    report: &mut Report,
) -> Result<VectorIndex, Failure> {
    let mut index = VectorIndex::new(vectors.first().map_or(0, Vec::len), settings);
    let (all, own) = (Process::this().cpu_seconds()?, process::thread_cpu_seconds()?);
    for (number, vector) in vectors.iter().enumerate() {
        index.insert(post(number), vector, 0).map_err(|error| Failure::running(error.to_string()))?;
        while let Some(plan) = index.plan_maintenance() {
            index.install(plan.run());
        }
    }
    let inserts = process::thread_cpu_seconds()? - own;
    let upkeep = (Process::this().cpu_seconds()? - all - inserts).max(0.0);
    let stats = index.stats();
    report.fact(&format!("{prefix}insert, ms of CPU each"), inserts * 1_000.0 / vectors.len().max(1) as f64);
    report.fact(&format!("{prefix}building graphs, s of CPU"), upkeep);
    report.fact(&format!("{prefix}graphs"), stats.segments);
    report.fact(&format!("{prefix}buffered"), stats.buffered);
    report.fact(&format!("{prefix}index in memory, MB"), index.heap_bytes() as f64 / 1e6);
    Ok(index)
}

/// A post by one of a thousand authors.
fn post(number: usize) -> PostRef {
    PostRef { post_id: PostId(number as u64), author_id: UserId(number as u64 % 1_000) }
}

fn numbers(hits: &[Hit]) -> Vec<u64> {
    hits.iter().map(|hit| hit.post.post_id.0).collect()
}
