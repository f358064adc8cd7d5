//! How large the outputs are and how like their photos.

use crate::Failure;
use std::{
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::{io::AsyncWriteExt, process::Command};

/// The outputs of a photo, and the reference that each is compared with.
const OUTPUTS: [(&str, &str); 5] = [
    ("large.jpg", "large"),
    ("medium.jpg", "medium"),
    ("thumbnail.jpg", "large"),
    ("medium.avif", "medium"),
    ("medium.webp", "medium"),
];
/// References, and the sides of their boxes in pixels.
const REFERENCES: [(&str, u32); 2] = [("large", 1080), ("medium", 640)];

/// The files that a tool made of so many photos.
pub fn outputs(folder: &Path, photos: usize) -> Vec<PathBuf> {
    OUTPUTS.iter().flat_map(|(name, _)| files(folder, name, photos)).collect()
}

fn files(folder: &Path, name: &str, photos: usize) -> Vec<PathBuf> {
    (0..photos).map(|index| folder.join(format!("{index}-{name}"))).collect()
}

/// Mean bytes of each output.
pub fn sizes(folder: &Path, photos: usize) -> Result<Vec<(&'static str, f64)>, Failure> {
    let size = |file: PathBuf| {
        let meta = std::fs::metadata(&file);
        meta.map(|meta| meta.len()).map_err(|error| Failure::running(format!("{}: {error}", file.display())))
    };
    OUTPUTS
        .iter()
        .map(|(name, _)| {
            let sizes: Vec<u64> = files(folder, name, photos).into_iter().map(size).collect::<Result<_, _>>()?;
            Ok((*name, sizes.iter().sum::<u64>() as f64 / photos as f64))
        })
        .collect()
}

/// Renders each photo by ImageMagick: decoded in full, upright, resized by Lanczos in one step. The folder of the
/// results.
pub async fn render_references(photos: &[PathBuf], scratch: &Path) -> Result<PathBuf, Failure> {
    let folder = scratch.join("references");
    let failed = |error: std::io::Error| Failure::running(format!("ImageMagick's convert: {error}"));
    std::fs::create_dir_all(&folder).map_err(failed)?;
    for (index, photo) in photos.iter().enumerate() {
        for (name, side) in REFERENCES {
            let mut command = Command::new("convert");
            command.arg(photo).args(["-auto-orient", "-filter", "Lanczos", "-resize", &format!("{side}x{side}>")]);
            command.arg("-strip").arg(format!("png24:{}", folder.join(format!("{index}-{name}.png")).display()));
            let status = command.kill_on_drop(true).status().await.map_err(failed)?;
            if !status.success() {
                return Err(Failure::running(format!("ImageMagick's convert: {status}")));
            }
        }
    }
    Ok(folder)
}

/// Mean SSIMULACRA2 of each output, which stands beside itself as a PNG.
pub async fn scores(
    program: &Path,
    references: &Path,
    folder: &Path,
    photos: usize,
) -> Result<Vec<(&'static str, f64)>, Failure> {
    let mut pairs = String::new();
    for (name, reference) in OUTPUTS {
        let references = files(references, &format!("{reference}.png"), photos);
        for (reference, output) in references.iter().zip(files(folder, &format!("{name}.png"), photos)) {
            pairs += &format!("{}\t{}\n", reference.display(), output.display());
        }
    }
    let failed = |error: std::io::Error| Failure::running(format!("{}: {error}", program.display()));
    let mut command = Command::new(program);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(pairs.as_bytes()).await.map_err(failed)?; // A few hundred lines: less than a pipe holds, or is read meanwhile.
    }
    let output = child.wait_with_output().await.map_err(failed)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let scores: Vec<f64> = text.lines().filter_map(|line| line.parse().ok()).collect();
    if scores.len() != OUTPUTS.len() * photos {
        return Err(Failure::running(format!("{}: {} scores", program.display(), scores.len())));
    }
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / photos as f64;
    Ok(OUTPUTS.iter().zip(scores.chunks_exact(photos)).map(|((name, _), scores)| (*name, mean(scores))).collect())
}
