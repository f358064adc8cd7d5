//! The object store: uploaded originals and the variants made of them, behind the S3 protocol.

use crate::{Determinacy, StoreError, StoreResult};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use std::{ops::RangeInclusive, path::Path};
use tessera_domain::Timestamp;
use tokio::io::AsyncWriteExt;

const STORE: &str = "object store";

/// What a client needs for its PUT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresignedPut {
    /// The URL, signature included.
    pub url: String,
    /// Headers that are signed and must be sent as they are.
    pub headers: Vec<(String, String)>,
    /// When the signature runs out.
    pub expires_at: Timestamp,
}

/// A part of a multipart upload that the store has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPart {
    /// Its number, counted from 1.
    pub part_number: u32,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its entity tag, as the store writes it.
    pub etag: String,
}

/// What is known of a stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    pub size_bytes: u64,
    /// The content type it was stored with.
    pub content_type: Option<String>,
    /// The entity tag, quotes included.
    pub etag: Option<String>,
}

/// An object that is being read.
pub struct ObjectBody {
    /// About the whole object, whatever range is read.
    pub info: ObjectInfo,
    /// The bytes of the range that was asked for.
    pub stream: BoxStream<'static, std::io::Result<Bytes>>,
}

/// Objects by key. Keys are the product's own (`domain::media`), never a client's.
#[async_trait]
pub trait ObjectStore: Send + Sync + 'static {
    /// Signs a PUT of exactly `size_bytes` bytes of `content_type` to `key`, valid for `valid_seconds`.
    ///
    /// Size and type are part of the signature, so that the store itself refuses anything else.
    async fn presign_put(
        &self,
        key: &str,
        content_type: &str,
        size_bytes: u64,
        valid_seconds: u64,
    ) -> StoreResult<PresignedPut>;

    /// As [`ObjectStore::presign_put`], of the one file whose SHA-256 in base64 is `checksum_sha256`.
    async fn presign_checked_put(
        &self,
        key: &str,
        content_type: &str,
        size_bytes: u64,
        checksum_sha256: &str,
        valid_seconds: u64,
    ) -> StoreResult<PresignedPut>;

    /// Begins an upload in parts to `key` and gives its name. Nothing is stored under `key` before it is finished.
    async fn begin_multipart(&self, key: &str, content_type: &str) -> StoreResult<String>;

    /// Signs the PUT of one part (1 to 10,000) of exactly `size_bytes` bytes. A later PUT of a part replaces it.
    async fn presign_part(
        &self,
        key: &str,
        multipart_id: &str,
        part_number: u32,
        size_bytes: u64,
        valid_seconds: u64,
    ) -> StoreResult<PresignedPut>;

    /// The parts that are stored, by their numbers; `None` where there is no such upload (any more).
    async fn stored_parts(&self, key: &str, multipart_id: &str) -> StoreResult<Option<Vec<StoredPart>>>;

    /// Makes the object of exactly these parts, which must be stored as they are described; every part but the last has
    /// at least 5 MiB. False where there is no such upload (any more), which may mean that it was finished before.
    async fn finish_multipart(&self, key: &str, multipart_id: &str, parts: &[StoredPart]) -> StoreResult<bool>;

    /// Throws an upload in parts away, with its parts; one that does not exist is no error.
    async fn abort_multipart(&self, key: &str, multipart_id: &str) -> StoreResult<()>;

    /// Throws away the uploads in parts that began before `began_before` to keys with this prefix, some thousands at
    /// most, and tells how many.
    async fn abort_old_multiparts(&self, key_prefix: &str, began_before: Timestamp) -> StoreResult<usize>;

    /// What is stored under `key`; `None` where nothing is.
    async fn head(&self, key: &str) -> StoreResult<Option<ObjectInfo>>;

    /// The whole object, refused (`StoreError::Refused`) where it is larger than `max_bytes`.
    async fn get(&self, key: &str, max_bytes: u64) -> StoreResult<Option<Bytes>>;

    /// The object (or an inclusive byte range of it, which must lie inside) as a stream.
    async fn open(&self, key: &str, range: Option<RangeInclusive<u64>>) -> StoreResult<Option<ObjectBody>>;

    /// Stores an object under `key`, over whatever was there. Once it returns the object can be read.
    async fn put(&self, key: &str, content_type: &str, bytes: Bytes) -> StoreResult<()>;

    /// Writes the whole object to a new file at `path`, at most `max_bytes` of it, without holding it in memory; false
    /// where nothing is stored. After an error the file may be there in part.
    ///
    /// # Errors
    /// As [`ObjectStore::open`]; [`StoreError::Refused`] where the object is larger or the file cannot be written.
    async fn get_to_file(&self, key: &str, path: &Path, max_bytes: u64) -> StoreResult<bool> {
        let Some(body) = self.open(key, None).await? else { return Ok(false) };
        write_file(key, body, path, max_bytes).await.map(|()| true)
    }

    /// Stores what lies in a file, as [`ObjectStore::put`] does. Adapters that can do so read it piece by piece.
    ///
    /// # Errors
    /// As [`ObjectStore::put`]; [`StoreError::Refused`] where the file cannot be read.
    async fn put_file(&self, key: &str, content_type: &str, path: &Path) -> StoreResult<()> {
        let bytes = tokio::fs::read(path).await.map_err(|error| refused(path, error))?;
        self.put(key, content_type, bytes.into()).await
    }

    /// Deletes objects; those that do not exist are no error.
    async fn delete(&self, keys: &[String]) -> StoreResult<()>;

    /// Deletes all objects whose keys begin with `folder` and a slash, ten thousand at most; more are an error
    /// ([`StoreError::Refused`]) once those are gone. None is no error.
    async fn delete_folder(&self, folder: &str) -> StoreResult<()>;

    /// Whether the store answers and the bucket exists.
    async fn check(&self) -> StoreResult<()>;
}

async fn write_file(key: &str, mut body: ObjectBody, path: &Path, max_bytes: u64) -> StoreResult<()> {
    let too_large = || StoreError::Refused { store: STORE, detail: format!("{key} is larger than {max_bytes} bytes") };
    if body.info.size_bytes > max_bytes {
        return Err(too_large());
    }
    let mut file = tokio::fs::File::create_new(path).await.map_err(|error| refused(path, error))?;
    let mut written: u64 = 0;
    while let Some(piece) = body.stream.next().await {
        let piece = piece.map_err(|error| cut_off(error.to_string()))?;
        written += piece.len() as u64;
        if written > max_bytes {
            return Err(too_large());
        }
        file.write_all(&piece).await.map_err(|error| refused(path, error))?;
    }
    file.flush().await.map_err(|error| refused(path, error))?;
    match written == body.info.size_bytes {
        true => Ok(()),
        false => Err(cut_off(format!("{written} of {} bytes of {key} came", body.info.size_bytes))),
    }
}

fn cut_off(detail: String) -> StoreError {
    StoreError::Unavailable { store: STORE, determinacy: Determinacy::NotDone, detail }
}

fn refused(path: &Path, error: std::io::Error) -> StoreError {
    StoreError::Refused { store: STORE, detail: format!("{}: {error}", path.display()) }
}
