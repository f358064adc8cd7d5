//! `tessera bench media`: what a photo costs, beside sharp (libvips) on the same photos in the same run.
//!
//! Each tool is a process of its own that has so many photos in flight: this program in another role, and Node with
//! sharp at its default effort and at effort 3 with 4:2:0 chroma, whose AVIFs cost a fifth. They take turns. Processor
//! time, wall time and peak memory are read from `/proc` after a warm-up. The outputs of all are decoded by one decoder
//! (sharp's) and scored by SSIMULACRA2 beside ImageMagick's rendering of the photo, decoded in full and resized by
//! Lanczos: neither tool's own.
//!
//! sharp, ImageMagick and the program that scores are no part of this one: `scripts/bench-media` gets them.

mod quality;
mod tool;
pub mod worker;

use super::{options::scratch_folder, report::Report, report::Row};
use crate::Failure;
use clap::Args;
use std::path::{Path, PathBuf};
use tool::{Run, Tool};

/// Arguments of `tessera bench media`.
#[derive(Debug, Args)]
pub struct MediaArguments {
    /// A folder of JPEGs
    #[arg(long, value_name = "FOLDER")]
    photos: PathBuf,
    /// How often each tool takes its turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// Where `npm install sharp` has put node_modules; without it, this program alone is measured
    #[arg(long, value_name = "FOLDER")]
    sharp: Option<PathBuf>,
    /// The built example `score_pictures` of tessera-media: scores all outputs. Needs ImageMagick's `convert`
    #[arg(long, value_name = "PROGRAM", requires = "sharp")]
    score: Option<PathBuf>,
    /// The built example `process_photos` of tessera-media, to be measured instead of this program
    #[arg(long, value_name = "PROGRAM")]
    worker: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Photos that every tool has in flight.
pub const IN_FLIGHT: usize = 2;

/// Measures and reports.
pub async fn run(arguments: &MediaArguments) -> Result<Report, Failure> {
    let photos = photos_in(&arguments.photos)?;
    let scratch = scratch_folder()?;
    let mut tools = vec![Tool::tessera(arguments.worker.as_deref())?];
    if let Some(modules) = &arguments.sharp {
        tools.push(Tool::sharp(modules, "sharp, effort 4", 4, "4:4:4")?);
        tools.push(Tool::sharp(modules, "sharp, effort 3, 4:2:0", 3, "4:2:0")?);
    }
    let mut runs: Vec<Vec<Run>> = tools.iter().map(|_| Vec::new()).collect();
    for _ in 0..arguments.rounds {
        for (index, tool) in tools.iter().enumerate() {
            let folder = outputs_of(scratch.path(), index)?;
            runs[index].push(tool.run(&photos, &folder).await?);
        }
    }

    let mut report = Report::new("media");
    report.setting("photos", photos.len());
    report.setting("in flight", IN_FLIGHT);
    report.setting("rounds", arguments.rounds);
    let rows: Vec<Row> =
        tools.iter().zip(&mut runs).map(|(tool, runs)| row_of(tool.name, photos.len(), runs)).collect();
    report.results.extend(rows.iter().cloned());
    for rival in rows.iter().skip(1) {
        report.compare(&format!("to {}:", rival.name), &rows[0], rival);
    }
    for (index, tool) in tools.iter().enumerate() {
        let folder = outputs_of(scratch.path(), index)?;
        for (name, mean_bytes) in quality::sizes(&folder, photos.len())? {
            report.fact(&format!("{name}, kB, {}", tool.name), mean_bytes / 1_000.0);
        }
    }
    if let (Some(program), Some(modules)) = (&arguments.score, &arguments.sharp) {
        let references = quality::render_references(&photos, scratch.path()).await?;
        for (index, tool) in tools.iter().enumerate() {
            let folder = outputs_of(scratch.path(), index)?;
            Tool::decode(modules, &quality::outputs(&folder, photos.len())).await?;
            for (name, score) in quality::scores(program, &references, &folder, photos.len()).await? {
                report.fact(&format!("{name}, SSIMULACRA2, {}", tool.name), score);
            }
        }
    }
    report.notes.extend(
        [
            "Operations are photos: one decode and five outputs each (JPEG in 1080, 640 and 150 pixels, AVIF and WebP in 640). Medians of the rounds; the peak is the \
             highest of all. Processor time counts all threads.",
            "sharp in its fastest fair form: shrunk as it is decoded, smaller sizes from larger ones, one thread a photo, no cache.",
            "SSIMULACRA2: 100 is no difference; means over the photos, beside ImageMagick's rendering of the photo decoded in full.",
        ]
        .map(str::to_owned),
    );
    Ok(report)
}

fn photos_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: std::io::Error| Failure::start_up(format!("{}: {error}", folder.display()));
    let folder = folder.canonicalize().map_err(failed)?;
    let is_jpeg = |path: &PathBuf| {
        path.extension().is_some_and(|end| end.eq_ignore_ascii_case("jpg") || end.eq_ignore_ascii_case("jpeg"))
    };
    let entries = std::fs::read_dir(&folder).map_err(failed)?;
    let mut photos: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_jpeg).collect();
    photos.sort();
    if photos.is_empty() {
        return Err(Failure::start_up(format!("{}: no JPEGs there", folder.display())));
    }
    Ok(photos)
}

fn outputs_of(scratch: &Path, index: usize) -> Result<PathBuf, Failure> {
    let folder = scratch.join(format!("tool-{index}"));
    std::fs::create_dir_all(&folder).map_err(|error| Failure::start_up(format!("{}: {error}", folder.display())))?;
    Ok(folder)
}

fn row_of(name: &str, photos: usize, runs: &mut [Run]) -> Row {
    let operations = photos.max(1) as f64;
    runs.sort_by(|one, other| one.wall_seconds.total_cmp(&other.wall_seconds));
    let wall_seconds = runs[runs.len() / 2].wall_seconds;
    runs.sort_by(|one, other| one.cpu_seconds.total_cmp(&other.cpu_seconds));
    let cpu_seconds = runs[runs.len() / 2].cpu_seconds;
    let memory = runs.iter().map(|run| run.memory).max_by(|one, other| one.peak_mib.total_cmp(&other.peak_mib));
    Row {
        name: name.to_owned(),
        operations: (photos * runs.len()) as u64,
        per_second: Some(operations / wall_seconds),
        latency: None,
        cpu_ms_per_operation: Some(cpu_seconds * 1_000.0 / operations),
        memory,
        errors: 0,
    }
}
