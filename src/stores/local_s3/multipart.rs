//! Uploads in parts, each in a folder of its own below the root: `upload.json` says of what, `{number}-{SHA-256}` is a
//! part.
//!
//! `s3s-fs` 0.14 has such uploads too, but forgets one before its object stands, syncs nothing and lists no entity
//! tags.

use super::blocking::blocking;
use super::files::sync_folders;
use futures::{StreamExt, stream};
use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::AsyncWriteExt;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_util::io::ReaderStream;
use uuid::Uuid;

/// Below the root; no bucket can be called so.
pub(super) const MULTIPART_FOLDER: &str = ".multipart";
const DESCRIPTION: &str = "upload.json";
/// What is being written ends so; it is worth nothing once its writer is gone.
const UNFINISHED: &str = ".tmp";
/// Uploads at a time.
const MAX_UPLOADS: usize = 10_000;
const MAX_PART_NUMBER: i32 = 10_000;
const MIN_PART_BYTES: u64 = 5 << 20;
const MAX_LISTED: usize = 1_000;
const LOCKS: usize = 64;
const READ_CHUNK_BYTES: usize = 128 * 1024;

/// All uploads in parts that are under way.
pub(super) struct Multiparts {
    folder: PathBuf,
    max_object_bytes: u64,
    body_idle_timeout: Duration,
    /// Uploads share this many locks. Whoever holds one may take the lock of a key, never the other way round.
    locks: Vec<Arc<Mutex<()>>>,
    hasher: RandomState,
}

/// What an upload will be.
#[derive(Serialize, Deserialize)]
struct Description {
    bucket: String,
    key: String,
    content_type: Option<String>,
    began_at_ms: u64,
}

/// A part that is stored.
pub(super) struct PartFile {
    number: i32,
    size_bytes: u64,
    /// Its SHA-256 in hexadecimal digits.
    etag: String,
    path: PathBuf,
}

impl PartFile {
    pub(super) fn describe(self) -> Part {
        Part {
            part_number: Some(self.number),
            size: i64::try_from(self.size_bytes).ok(),
            e_tag: Some(ETag::Strong(self.etag)),
            ..Default::default()
        }
    }
}

/// An object to be.
pub(super) struct Whole {
    pub(super) content_type: Option<String>,
    pub(super) size_bytes: u64,
    pub(super) body: StreamingBlob,
}

impl Multiparts {
    /// Opens the folder and removes what a killed process left unfinished.
    pub(super) fn open(folder: PathBuf, max_object_bytes: u64, body_idle_timeout: Duration) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        for upload in fs::read_dir(&folder)? {
            let upload = upload?.path();
            if !upload.join(DESCRIPTION).exists() {
                // Cut off while it began or went.
                fs::remove_dir_all(&upload)?;
                continue;
            }
            for file in fs::read_dir(&upload)? {
                let path = file?.path();
                if path.to_string_lossy().ends_with(UNFINISHED) {
                    fs::remove_file(path)?;
                }
            }
        }
        let locks = (0..LOCKS).map(|_| Arc::default()).collect();
        Ok(Self { folder, max_object_bytes, body_idle_timeout, locks, hasher: RandomState::new() })
    }

    /// Excludes all other changes of an upload.
    pub(super) async fn lock(&self, upload_id: &str) -> OwnedMutexGuard<()> {
        let index = self.hasher.hash_one(upload_id) % LOCKS as u64;
        self.locks[index as usize].clone().lock_owned().await
    }

    /// Begins an upload; its folder is synced.
    pub(super) async fn begin(&self, bucket: &str, key: &str, content_type: Option<String>) -> S3Result<String> {
        let upload_id = Uuid::now_v7().to_string();
        let began_at_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let description = Description { bucket: bucket.to_owned(), key: key.to_owned(), content_type, began_at_ms };
        let (all, folder) = (self.folder.clone(), self.folder.join(&upload_id));
        let has_room = blocking(move || {
            if fs::read_dir(&all)?.count() >= MAX_UPLOADS {
                return Ok(false);
            }
            fs::create_dir(&folder)?;
            let mut file = fs::File::create_new(folder.join(DESCRIPTION))?;
            file.write_all(&serde_json::to_vec(&description)?)?;
            file.sync_all()?;
            sync_folders([folder, all]).map(|()| true)
        })
        .await?;
        if has_room { Ok(upload_id) } else { Err(s3_error!(SlowDown, "too many uploads in parts are under way")) }
    }

    /// Stores a part, over an earlier one of its number. It is there as a whole and synced, or not at all.
    pub(super) async fn receive_part(&self, input: UploadPartInput) -> S3Result<S3Response<UploadPartOutput>> {
        let UploadPartInput { bucket, key, upload_id, part_number, content_length, body, .. } = input;
        if !(1..=MAX_PART_NUMBER).contains(&part_number) {
            return Err(s3_error!(InvalidArgument, "part numbers are 1 to {MAX_PART_NUMBER}"));
        }
        let size = content_length.and_then(|length| u64::try_from(length).ok());
        let size = size.ok_or_else(|| s3_error!(MissingContentLength))?;
        let body = body.ok_or_else(|| s3_error!(IncompleteBody))?;
        let others = self.parts(&bucket, &key, &upload_id).await?.into_iter().filter(|part| part.number != part_number);
        let total = others.map(|part| part.size_bytes).sum::<u64>().saturating_add(size);
        if total > self.max_object_bytes {
            return Err(s3_error!(EntityTooLarge));
        }
        let folder = self.folder.join(&upload_id);
        let unfinished = folder.join(format!("{}{UNFINISHED}", Uuid::now_v7()));
        let written = self.write(&unfinished, size, body).await;
        let placed = match written {
            Ok(etag) => {
                let _guard = self.lock(&upload_id).await;
                let (from, placed) = (unfinished.clone(), etag.clone());
                blocking(move || place(&folder, &from, part_number, &placed)).await.map(|()| etag)
            }
            Err(error) => Err(error),
        };
        if placed.is_err() {
            // Where it is gone with its folder there is nothing to remove.
            let _ = tokio::fs::remove_file(&unfinished).await;
        }
        let e_tag = Some(ETag::Strong(placed?));
        Ok(S3Response::new(UploadPartOutput { e_tag, ..Default::default() }))
    }

    /// Writes and syncs a body of exactly `size` bytes; gives its SHA-256.
    async fn write(&self, path: &Path, size: u64, mut body: StreamingBlob) -> S3Result<String> {
        let internal = |error: io::Error| match error.kind() {
            ErrorKind::NotFound => s3_error!(NoSuchUpload),
            _ => s3_error!(error, InternalError),
        };
        let mut file = tokio::fs::File::create_new(path).await.map_err(internal)?;
        let (mut hash, mut received) = (Sha256::new(), 0_u64);
        loop {
            let next = tokio::time::timeout(self.body_idle_timeout, body.next()).await;
            let Some(bytes) = next.map_err(|_| s3_error!(RequestTimeout))? else { break };
            let bytes = bytes.map_err(|_| s3_error!(IncompleteBody))?;
            received += bytes.len() as u64;
            if received > size {
                return Err(s3_error!(IncompleteBody));
            }
            hash.update(&bytes);
            file.write_all(&bytes).await.map_err(internal)?;
        }
        if received < size {
            return Err(s3_error!(IncompleteBody));
        }
        file.flush().await.map_err(internal)?;
        file.sync_all().await.map_err(internal)?;
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The parts of an upload by their numbers.
    pub(super) async fn parts(&self, bucket: &str, key: &str, upload_id: &str) -> S3Result<Vec<PartFile>> {
        self.describe(bucket, key, upload_id).await?;
        let folder = self.folder.join(upload_id);
        blocking(move || read_parts(&folder)).await
    }

    /// The object that these parts make, to be read while the upload is locked.
    pub(super) async fn assemble(
        &self,
        bucket: &str,
        key: &str,
        upload_id: &str,
        wanted: &[CompletedPart],
    ) -> S3Result<Whole> {
        let description = self.describe(bucket, key, upload_id).await?;
        let stored = self.parts(bucket, key, upload_id).await?;
        if !wanted.is_sorted_by(|one, next| one.part_number < next.part_number) {
            return Err(s3_error!(InvalidPartOrder));
        }
        let mut paths = Vec::with_capacity(wanted.len());
        let mut size_bytes = 0;
        for (index, part) in wanted.iter().enumerate() {
            let etag = part.e_tag.as_ref().map(ETag::value);
            let found = stored.iter().find(|stored| Some(stored.number) == part.part_number);
            let found = found.filter(|stored| Some(stored.etag.as_str()) == etag);
            let found = found.ok_or_else(|| s3_error!(InvalidPart))?;
            if found.size_bytes < MIN_PART_BYTES && index + 1 < wanted.len() {
                return Err(s3_error!(EntityTooSmall));
            }
            size_bytes += found.size_bytes;
            paths.push(found.path.clone());
        }
        if paths.is_empty() {
            return Err(s3_error!(MalformedXML, "no parts"));
        }
        Ok(Whole { content_type: description.content_type, size_bytes, body: read_one_by_one(paths) })
    }

    /// Throws an upload away.
    pub(super) async fn abort(&self, bucket: &str, key: &str, upload_id: &str) -> S3Result<()> {
        let _guard = self.lock(upload_id).await;
        self.describe(bucket, key, upload_id).await?;
        self.remove(upload_id).await
    }

    /// Removes an upload that is locked.
    pub(super) async fn remove(&self, upload_id: &str) -> S3Result<()> {
        let (all, folder) = (self.folder.clone(), self.folder.join(upload_id));
        blocking(move || {
            // The description goes first: what is left of a removal that was cut off is no upload any more.
            fs::remove_file(folder.join(DESCRIPTION))?;
            fs::remove_dir_all(&folder)?;
            sync_folders([all])
        })
        .await
    }

    /// The uploads of a bucket, by key and name, after the markers.
    pub(super) async fn list(&self, input: ListMultipartUploadsInput) -> S3Result<ListMultipartUploadsOutput> {
        let folder = self.folder.clone();
        let uploads = blocking(move || read_uploads(&folder)).await?;
        let ListMultipartUploadsInput { bucket, prefix, key_marker, upload_id_marker, .. } = input;
        let after = key_marker.map(|key| (key, upload_id_marker));
        let is_wanted = |upload_id: &String, description: &Description| {
            let is_after = after.as_ref().is_none_or(|(key, id)| match id {
                Some(id) => (&description.key, upload_id) > (key, id),
                None => description.key > *key,
            });
            description.bucket == bucket && is_after && prefix.as_ref().is_none_or(|it| description.key.starts_with(it))
        };
        let mut found: Vec<_> = uploads.into_iter().filter(|(id, upload)| is_wanted(id, upload)).collect();
        found.sort_by(|(one_id, one), (other_id, other)| (&one.key, one_id).cmp(&(&other.key, other_id)));
        let is_truncated = found.len() > MAX_LISTED;
        found.truncate(MAX_LISTED);
        let last = found.last().filter(|_| is_truncated);
        let (next_key_marker, next_upload_id_marker) = last.map(|(id, it)| (it.key.clone(), id.clone())).unzip();
        let uploads = found.into_iter().map(|(upload_id, description)| MultipartUpload {
            key: Some(description.key),
            upload_id: Some(upload_id),
            initiated: Some(Timestamp::from(UNIX_EPOCH + Duration::from_millis(description.began_at_ms))),
            ..Default::default()
        });
        Ok(ListMultipartUploadsOutput {
            uploads: Some(uploads.collect()),
            bucket: Some(bucket),
            is_truncated: Some(is_truncated),
            next_key_marker,
            next_upload_id_marker,
            ..Default::default()
        })
    }

    /// What an upload will be, where there is one of this name, bucket and key.
    async fn describe(&self, bucket: &str, key: &str, upload_id: &str) -> S3Result<Description> {
        // A name that is a UUID is no path.
        let name = Uuid::parse_str(upload_id).map_err(|_| s3_error!(NoSuchUpload))?;
        if name.to_string() != upload_id {
            return Err(s3_error!(NoSuchUpload));
        }
        let folder = self.folder.join(upload_id);
        let description = blocking(move || read_description(&folder)).await?;
        let is_it = |description: &Description| description.bucket == bucket && description.key == key;
        description.filter(is_it).ok_or_else(|| s3_error!(NoSuchUpload))
    }
}

/// Moves a part into place, removes what it replaces, syncs the folder.
fn place(folder: &Path, unfinished: &Path, number: i32, etag: &str) -> io::Result<()> {
    let replaced = read_parts(folder)?.into_iter().filter(|part| part.number == number && part.etag != etag);
    fs::rename(unfinished, folder.join(format!("{number}-{etag}")))?;
    for part in replaced {
        fs::remove_file(part.path)?;
    }
    sync_folders([folder.to_owned()])
}

fn read_description(folder: &Path) -> io::Result<Option<Description>> {
    match fs::read(folder.join(DESCRIPTION)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_parts(folder: &Path) -> io::Result<Vec<PartFile>> {
    let mut parts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((number, etag)) = name.split_once('-').filter(|_| !name.ends_with(UNFINISHED)) else { continue };
        let Ok(number) = number.parse() else { continue };
        parts.push(PartFile { number, size_bytes: entry.metadata()?.len(), etag: etag.to_owned(), path: entry.path() });
    }
    parts.sort_by_key(|part| part.number);
    Ok(parts)
}

fn read_uploads(folder: &Path) -> io::Result<Vec<(String, Description)>> {
    let mut uploads = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(description) = read_description(&entry.path())? {
            uploads.push((entry.file_name().to_string_lossy().into_owned(), description));
        }
    }
    Ok(uploads)
}

fn read_one_by_one(paths: Vec<PathBuf>) -> StreamingBlob {
    type Open = Option<ReaderStream<tokio::fs::File>>;
    let state: (std::vec::IntoIter<PathBuf>, Open) = (paths.into_iter(), None);
    let stream = stream::try_unfold(state, |(mut paths, mut open)| async move {
        loop {
            if let Some(reader) = &mut open
                && let Some(bytes) = reader.next().await
            {
                return Ok::<_, io::Error>(Some((bytes?, (paths, open))));
            }
            let Some(path) = paths.next() else { return Ok(None) };
            open = Some(ReaderStream::with_capacity(tokio::fs::File::open(path).await?, READ_CHUNK_BYTES));
        }
    });
    StreamingBlob::wrap(stream)
}
