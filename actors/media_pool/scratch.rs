//! Folders on this machine's disk for what is too large for memory.

use std::{
    fs, io,
    path::{Path, PathBuf},
};
use tessera_domain::UploadId;

/// A file that is sent or fetched slower than this is given up.
const SLOWEST_BYTES_PER_SECOND: u64 = 1_000_000;

/// Where the folders lie: this node's alone.
#[derive(Debug, Clone)]
pub struct Scratch {
    root: PathBuf,
}

impl Scratch {
    /// Folders below `root`, which is made where it is missing.
    pub fn new(root: PathBuf) -> Self {
        // Children run in folders of their own, so that a relative path would mean something else to them.
        let root = std::path::absolute(&root).unwrap_or(root);
        Self { root }
    }

    /// Removes what a killed process left. Nothing may be under way.
    pub(super) fn sweep(&self) {
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            if let Err(error) = fs::remove_dir_all(entry.path()) {
                tracing::warn!(path = %entry.path().display(), %error, "cannot remove what an earlier process left");
            }
        }
    }

    /// A new folder for one attempt at an upload.
    pub(super) fn folder(&self, upload_id: UploadId, lease_token: u64) -> io::Result<Folder> {
        let folder = Folder { path: self.root.join(format!("{upload_id}-{lease_token:016x}")) };
        fs::create_dir_all(folder.made())?;
        Ok(folder)
    }
}

/// A folder that goes away, with all that is in it, when this value does.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Where the upload is written to.
    pub fn original(&self) -> PathBuf {
        self.path.join("original")
    }

    /// Where results are written to: empty at first.
    pub fn made(&self) -> PathBuf {
        self.path.join("made")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "cannot remove a scratch folder; the next start does");
    }
}

/// How long moving a file may take beyond a store's usual limit.
pub(super) fn transfer_time(size_bytes: u64) -> std::time::Duration {
    std::time::Duration::from_secs(size_bytes / SLOWEST_BYTES_PER_SECOND)
}
