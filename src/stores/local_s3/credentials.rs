//! The key pair of a data folder: made once, at random, and kept in a file that only its owner can read.

use rand::Rng;
use rand::distr::Alphanumeric;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::{fmt, process};

const OWNER_ONLY: u32 = 0o600;
/// Lengths as Amazon's: 62^40 is more than 2^238.
const ACCESS_KEY_CHARACTERS: usize = 20;
const SECRET_KEY_CHARACTERS: usize = 40;

/// A key pair. The secret is left out of `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalCredentials {
    /// The access key's id.
    pub access_key: String,
    /// The access key's secret.
    pub secret_key: String,
}

impl LocalCredentials {
    /// A new pair from the thread's cryptographically secure generator.
    pub fn random() -> Self {
        let text = |length| rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect();
        LocalCredentials { access_key: text(ACCESS_KEY_CHARACTERS), secret_key: text(SECRET_KEY_CHARACTERS) }
    }
}

impl fmt::Debug for LocalCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LocalCredentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// Reads the key pair in the file at `path`, making and storing one first where there is no file.
///
/// The file has mode 0600; looser permissions are tightened. Of several processes that start at once, all return
/// the pair of the one that came first. The parent folder must exist.
///
/// # Errors
/// What the file system says, and `InvalidData` where the file holds something else: it is never overwritten.
pub fn load_or_create_credentials(path: &Path) -> io::Result<LocalCredentials> {
    match fs::read(path) {
        Ok(text) => {
            tighten(path)?;
            serde_json::from_slice(&text).map_err(|error| {
                let message = format!("{} holds no S3 key pair: {error}", path.display());
                io::Error::new(io::ErrorKind::InvalidData, message)
            })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
        Err(error) => Err(error),
    }
}

/// Writes a new pair under a name of this process's own, then links it into place: the file is never seen half
/// written, and a link, unlike a rename, leaves a file that another process put there.
fn create(path: &Path) -> io::Result<LocalCredentials> {
    let text = serde_json::to_vec(&LocalCredentials::random())?;
    let unfinished = path.with_extension(format!("{}-{:08x}.part", process::id(), rand::random::<u32>()));
    let linked = write_synced(&unfinished, &text).and_then(|()| match fs::hard_link(&unfinished, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    });
    let removed = fs::remove_file(&unfinished);
    linked.and(removed)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    load_or_create_credentials(path)
}

fn write_synced(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

fn tighten(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "others could read the S3 key pair; tightening its permissions");
        fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY))?;
    }
    Ok(())
}
