//! Whether an original is the file that its client announced.

use super::failure::Failure;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::{fs::File, io, path::Path};
use tessera_domain::upload::Upload;

const DIFFERS: &str = "The file that arrived is not the one that was announced: its checksum differs.";

/// Checks bytes against the SHA-256 of their upload, where it was announced, off the async threads.
pub(super) async fn check_bytes(upload: &Upload, bytes: &Bytes) -> Result<(), Failure> {
    let Some(announced) = &upload.checksum_sha256 else { return Ok(()) };
    let bytes = bytes.clone();
    let hash = tokio::task::spawn_blocking(move || Ok(Sha256::digest(&bytes)));
    judge(upload, announced, hash.await.map_err(io::Error::from).flatten())
}

/// Checks a file, reading it piece by piece off the async threads.
pub(super) async fn check_file(upload: &Upload, path: &Path) -> Result<(), Failure> {
    let Some(announced) = &upload.checksum_sha256 else { return Ok(()) };
    let path = path.to_owned();
    let hash = tokio::task::spawn_blocking(move || {
        let mut hash = Sha256::new();
        io::copy(&mut File::open(path)?, &mut hash).map(|_| hash.finalize())
    });
    judge(upload, announced, hash.await.map_err(io::Error::from).flatten())
}

fn judge<Hash: AsRef<[u8]>>(upload: &Upload, announced: &str, hash: io::Result<Hash>) -> Result<(), Failure> {
    match hash {
        Ok(hash) if BASE64_STANDARD.encode(&hash) == announced => Ok(()),
        Ok(_) => Err(Failure::Final(DIFFERS.to_owned())),
        Err(error) => {
            tracing::warn!(upload_id = %upload.id, %error, "a downloaded original cannot be read");
            Err(Failure::Passing("The uploaded file could not be read."))
        }
    }
}
