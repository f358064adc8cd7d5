//! Where `s3s-fs` 0.14 keeps an object, and how to make that durable or remove it. Blocking: call off the async
//! threads.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The files of one object.
#[derive(Clone)]
pub(super) struct ObjectFiles {
    /// The folder that is served.
    root: PathBuf,
    /// The bytes, in a file that is named by the key.
    pub(super) object: PathBuf,
    /// The attributes and the entity tag, in files of the root.
    pub(super) sidecars: [PathBuf; 2],
}

impl ObjectFiles {
    /// Of a bucket and key that were checked to stay inside the root.
    pub(super) fn new(root: &Path, bucket: &str, key: &str) -> Self {
        let encode = |name: &str| BASE64_URL_SAFE_NO_PAD.encode(name);
        let stem = format!(".bucket-{}.object-{}", encode(bucket), encode(key));
        let sidecar = |kind: &str| root.join(format!("{stem}.{kind}.json"));
        ObjectFiles {
            root: root.to_owned(),
            object: root.join(bucket).join(key),
            sidecars: [sidecar("metadata"), sidecar("internal")],
        }
    }

    /// Makes a written object survive the loss of power: its files, then the folders that name them.
    pub(super) fn sync(&self) -> io::Result<()> {
        for file in std::iter::once(&self.object).chain(&self.sidecars) {
            File::open(file)?.sync_all()?;
        }
        sync_folders(self.folders())
    }

    /// Removes the object, then its attributes, then its folder where that is empty. What is missing is no error.
    pub(super) fn remove(&self) -> io::Result<()> {
        for file in std::iter::once(&self.object).chain(&self.sidecars) {
            absent_is_fine(fs::remove_file(file))?;
        }
        if let Some(folder) = self.object.parent().filter(|folder| folder.parent() != Some(&self.root)) {
            // Every upload has a folder of its own; only the nearest goes, for those above are shared with writers.
            match fs::remove_dir(folder) {
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                outcome => absent_is_fine(outcome)?,
            }
        }
        Ok(())
    }

    /// The folders from the object up to the root.
    pub(super) fn folders(&self) -> impl Iterator<Item = PathBuf> {
        self.object.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.root)).map(Path::to_owned)
    }
}

/// Syncs folders, each once; one that is gone needs no sync.
pub(super) fn sync_folders(folders: impl IntoIterator<Item = PathBuf>) -> io::Result<()> {
    for folder in BTreeSet::from_iter(folders) {
        absent_is_fine(File::open(&folder).and_then(|folder| folder.sync_all()))?;
    }
    Ok(())
}

fn absent_is_fine(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(()),
        outcome => outcome,
    }
}
