//! `tessera bench search`: the visual index alone, in this process, beside an exact scan of the same vectors and, where
//! a Python with hnswlib is named, beside that (`scripts/bench-search`).
//!
//! Queries are made like the vectors and are none of them. What is compared is measured in turns. One thread asks, as
//! soon as it has its answer, so "per CPU second" is what one core does.

mod rival;
mod steps;
mod surface;

use super::{options::scratch_folder, report::Report};
use crate::Failure;
use clap::Args;
use std::{path::PathBuf, time::Duration};
use steps::Bench;

/// The nearest that most searches ask for.
const NEAREST: usize = 10;
/// Candidates of hnswlib's searches.
const RIVAL_EFS: [usize; 3] = [32, 64, 128];

/// Arguments of `tessera bench search`.
#[derive(Debug, Clone, Args)]
pub struct SearchArguments {
    /// Vectors in the index
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..=2_000_000))]
    vectors: u32,
    /// Numbers in a vector
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u16).range(16..=2_048))]
    dimensions: u16,
    /// Queries whose answers are compared with the exact ones
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    queries: u32,
    /// Milliseconds of each turn
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    milliseconds: u64,
    /// Turns of each line
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Everything random follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A Python that has hnswlib and numpy: it is measured beside the index
    #[arg(long, value_name = "PROGRAM")]
    hnswlib: Option<PathBuf>,
    /// Measure an index by the engine instant-distance beside it, too; building its graphs takes minutes
    #[arg(long)]
    instant_distance: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Measures and reports.
pub async fn run(arguments: &SearchArguments) -> Result<Report, Failure> {
    let mut report = Report::new("search");
    report.setting("vectors", arguments.vectors);
    report.setting("dimensions", arguments.dimensions);
    report.setting("queries", arguments.queries);
    report.setting("seed", arguments.seed);
    let scratch = scratch_folder()?;
    let (arguments, folder) = (arguments.clone(), scratch.path().to_owned());
    let runtime = tokio::runtime::Handle::current();
    // On a thread for what computes, so that signals are heard meanwhile.
    let measured = tokio::task::spawn_blocking(move || {
        let mut bench = Bench::fill(&arguments, &mut report)?;
        let rival = match &arguments.hnswlib {
            Some(python) => {
                bench.export(&folder)?;
                let (dimensions, ef_construction) = (usize::from(arguments.dimensions), bench.ef_construction());
                Some(runtime.block_on(rival::Rival::start(python, &folder, dimensions, ef_construction))?)
            }
            None => None,
        };
        let span = Duration::from_millis(arguments.milliseconds);
        let library = match arguments.instant_distance {
            true => Some(bench.library(&mut report)?),
            false => None,
        };
        bench.search(arguments.rounds, span, library, rival.map(|rival| (rival, runtime)), &mut report)?;
        bench.filter(span, &mut report)?;
        bench.insert(span, &mut report)?;
        bench.build_meanwhile(span * arguments.rounds, &mut report)?;
        Ok::<_, Failure>(report)
    });
    let mut report = measured.await.map_err(|error| Failure::running(error.to_string()))??;
    report.notes.extend(
        [
            "Ten nearest where nothing else is said. Recall: the share of the exact ten nearest that is found. Per core: searches per second of \
             processor time, which other work on the machine disturbs little. Memory is this process's.",
            "hnswlib answers a thousand queries a call (M 32, the same ef_construction, inner product, one thread); ours are asked one by one.",
            "While a graph is built, it is so in a thread of lower priority; run under `taskset -c 0` to see both on one core.",
        ]
        .map(str::to_owned),
    );
    Ok(report)
}
