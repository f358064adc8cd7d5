//! The measured process of `tessera bench media`: photos through [`process_image`], so many in flight. The standard
//! library alone, so that an example of `tessera-media` can be the same without the rest of the program.

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tessera_media::{EncodedImage, Limits, ProcessedImage, process_image};

/// Takes each line of standard input, but the first, as a photo's path. The first is the folder for the outputs, which
/// exist when the last line is answered:
/// `<index>-large.jpg` and so on, by the photos' order. A blank line ends the photos; what is processed before `ready`
/// warms up and is not written.
///
/// Protocol: reads the lines, processes the first photo, prints `ready`; on the next line processes all, prints `done`;
/// ends with its input.
///
/// # Errors
/// What cannot be read, processed or written.
pub fn run(in_flight: usize) -> io::Result<()> {
    let mut lines = io::stdin().lock().lines();
    let folder = PathBuf::from(lines.next().transpose()?.unwrap_or_default());
    let photos: Vec<PathBuf> =
        lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).map(PathBuf::from).collect();
    if let Some(first) = photos.first() {
        process(first)?;
    }
    say("ready")?;
    lines.next().transpose()?;
    process_all(&photos, &folder, in_flight)?;
    say("done")?;
    lines.for_each(drop);
    Ok(())
}

fn say(word: &str) -> io::Result<()> {
    println!("{word}");
    io::stdout().flush()
}

fn process_all(photos: &[PathBuf], folder: &Path, in_flight: usize) -> io::Result<()> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Ok(())));
    let work = || {
        while let Some((index, photo)) = photos.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = process(photo).and_then(|processed| write(&processed, folder, index)) {
                // A poisoned lock means that a thread panicked, and the scope passes that on.
                let _ = failed.lock().map(|mut failed| *failed = Err(error));
            }
        }
    };
    std::thread::scope(|scope| (0..in_flight).for_each(|_| drop(scope.spawn(work))));
    failed.into_inner().unwrap_or(Ok(()))
}

fn process(photo: &Path) -> io::Result<ProcessedImage> {
    let bytes = std::fs::read(photo)?;
    process_image(&bytes, "image/jpeg", &Limits::default(), &|_| {})
        .map_err(|error| io::Error::other(format!("{}: {error}", photo.display())))
}

fn write(processed: &ProcessedImage, folder: &Path, index: usize) -> io::Result<()> {
    let ProcessedImage { large, medium, thumbnail, avif, webp, .. } = processed;
    let files: [(&str, &EncodedImage); 5] = [
        ("large.jpg", large),
        ("medium.jpg", medium),
        ("thumbnail.jpg", thumbnail),
        ("medium.avif", avif),
        ("medium.webp", webp),
    ];
    for (name, file) in files {
        std::fs::write(folder.join(format!("{index}-{name}")), &file.bytes)?;
    }
    Ok(())
}
