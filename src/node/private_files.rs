//! What a node keeps is its user's alone: hashes of passwords, tokens, originals that nobody was shown.

use crate::config::{Config, LedgerConfig};
use rustix::{fs::Mode, process::umask};
use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// What groups and others might do with a file.
const NOT_ITS_OWNER: u32 = 0o077;

/// Makes every file and folder that this process creates from now on its user's alone.
pub fn create_private() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Takes from others what earlier versions let them read. A folder that is the operator's own stays as it is; what the
/// node keeps in it does not.
pub fn tighten(config: &Config) {
    for path in kept(config) {
        match tighten_one(&path) {
            Ok(true) => tracing::info!(path = %path.display(), "others could read this; now only the node's user can"),
            Ok(false) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(path = %path.display(), %error, "others may be able to read this"),
        }
    }
}

fn kept(config: &Config) -> Vec<PathBuf> {
    let in_folder = ["admin-token", "impressions", "objects", "objects-credentials", "objects-port", "scratch"];
    let mut paths: Vec<PathBuf> = in_folder.map(|name| config.data_dir.join(name)).to_vec();
    if let LedgerConfig::Sqlite { path, .. } = &config.ledger {
        paths.extend(["", "-wal", "-shm", ".lock"].map(|suffix| {
            let mut name = path.clone().into_os_string();
            name.push(suffix);
            PathBuf::from(name)
        }));
    }
    paths
}

/// Whether there was something to take.
fn tighten_one(path: &Path) -> io::Result<bool> {
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & NOT_ITS_OWNER == 0 {
        return Ok(false);
    }
    fs::set_permissions(path, Permissions::from_mode(mode & !NOT_ITS_OWNER))?;
    Ok(true)
}
