//! The S3 operations that the product uses, on `s3s-fs`, with the guarantees that the parent module states.

use super::blocking::blocking;
use super::files::{ObjectFiles, sync_folders};
use super::listing;
use super::multipart::{MULTIPART_FOLDER, Multiparts};
use super::receive::{Reception, checksum_of, receive};
use async_trait::async_trait;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::RwLock;
use tokio_util::io::ReaderStream;

/// `s3s-fs` names a sidecar file by bucket and key in base64: `.bucket-` 8, a bucket of 63 bytes 84, `.object-` 8,
/// this key 140, `.metadata.json` 14: together 254 of the 255 bytes that file systems allow.
pub(super) const MAX_KEY_BYTES: usize = 105;
/// Amazon's bound of one `DeleteObjects`.
const MAX_DELETED_KEYS: usize = 1_000;
/// Keys share this many locks. They are held while files move into place, never while a client sends.
const LOCKS: usize = 64;
const READ_CHUNK_BYTES: usize = 128 * 1024;

/// The handle that `s3s` calls.
#[derive(Clone)]
pub(super) struct Backend {
    shared: Arc<Shared>,
}

struct Shared {
    files: FileSystem,
    root: PathBuf,
    max_object_bytes: u64,
    body_idle_timeout: Duration,
    locks: Vec<Arc<RwLock<()>>>,
    multiparts: Multiparts,
    hasher: RandomState,
}

impl Backend {
    /// Over the folder `root`, which must exist. Temporary files that a killed process left there are removed.
    pub(super) fn new(root: &Path, max_object_bytes: u64, body_idle_timeout: Duration) -> io::Result<Self> {
        let files = FileSystem::new(root).map_err(|error| io::Error::other(format!("{error:?}")))?;
        let root = root.canonicalize()?;
        let shared = Shared {
            files,
            multiparts: Multiparts::open(root.join(MULTIPART_FOLDER), max_object_bytes, body_idle_timeout)?,
            root,
            max_object_bytes,
            body_idle_timeout,
            locks: (0..LOCKS).map(|_| Arc::default()).collect(),
            hasher: RandomState::new(),
        };
        Ok(Backend { shared: Arc::new(shared) })
    }

    /// Runs a change to its end even where the client goes away and its request is dropped half way.
    async fn to_the_end<T, Change>(&self, change: impl FnOnce(Arc<Shared>) -> Change) -> S3Result<T>
    where
        T: Send + 'static,
        Change: Future<Output = S3Result<T>> + Send + 'static,
    {
        tokio::spawn(change(self.shared.clone())).await.map_err(|error| s3_error!(error, InternalError))?
    }
}

impl Shared {
    /// The files of a key, which must be plain names between slashes: nothing that a path could mean otherwise.
    fn locate(&self, bucket: &str, key: &str) -> S3Result<ObjectFiles> {
        if key.len() > MAX_KEY_BYTES {
            return Err(s3_error!(KeyTooLongError));
        }
        let is_plain = |name: &str| !matches!(name, "" | "." | "..");
        if !key.split('/').all(is_plain) || key.contains('\\') || key.contains(char::is_control) {
            return Err(s3_error!(InvalidArgument, "the key is not allowed here"));
        }
        Ok(ObjectFiles::new(&self.root, bucket, key))
    }

    fn lock(&self, bucket: &str, key: &str) -> Arc<RwLock<()>> {
        let index = self.hasher.hash_one((bucket, key)) % LOCKS as u64;
        self.locks[index as usize].clone()
    }

    async fn require_bucket(&self, bucket: &str) -> S3Result<()> {
        match tokio::fs::metadata(self.root.join(bucket)).await {
            Ok(metadata) if metadata.is_dir() => Ok(()),
            _ => Err(s3_error!(NoSuchBucket)),
        }
    }

    /// `s3s-fs` takes folders for objects.
    async fn require_object(&self, bucket: &str, files: &ObjectFiles) -> S3Result<()> {
        match tokio::fs::metadata(&files.object).await {
            Ok(metadata) if metadata.is_file() => Ok(()),
            _ => {
                self.require_bucket(bucket).await?;
                Err(s3_error!(NoSuchKey))
            }
        }
    }

    async fn put(&self, mut request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = &mut request.input;
        let files = self.locate(&input.bucket, &input.key)?;
        let size = input.content_length.and_then(|length| u64::try_from(length).ok());
        let size = size.ok_or_else(|| s3_error!(MissingContentLength))?;
        if size > self.max_object_bytes {
            return Err(s3_error!(EntityTooLarge));
        }
        self.require_bucket(&input.bucket).await?;
        let body = input.body.take().ok_or_else(|| s3_error!(IncompleteBody))?;
        let checksum = checksum_of(input.checksum_sha256.as_deref())?;
        let reception = Reception::new(size, checksum, self.body_idle_timeout, self.lock(&input.bucket, &input.key));
        input.body = Some(receive(body, reception.clone()));

        let outcome = self.files.put_object(request).await;
        // Held until the object is whole and synced.
        let (_guard, response) = reception.finish(outcome)?;
        blocking(move || files.sync()).await?;
        Ok(response)
    }

    /// Makes an object of parts the way a PUT of the whole does; the parts go when it stands.
    async fn finish(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let CompleteMultipartUploadInput { bucket, key, upload_id, multipart_upload, .. } = &request.input;
        let (bucket, key, upload_id) = (bucket.clone(), key.clone(), upload_id.clone());
        let wanted = multipart_upload.clone().and_then(|upload| upload.parts).unwrap_or_default();
        let _guard = self.multiparts.lock(&upload_id).await;
        let whole = self.multiparts.assemble(&bucket, &key, &upload_id, &wanted).await?;
        let put = PutObjectInput::builder()
            .bucket(bucket.clone())
            .key(key.clone())
            .content_type(whole.content_type)
            .content_length(i64::try_from(whole.size_bytes).ok())
            .body(Some(whole.body))
            .build()
            .map_err(|error| s3_error!(error, InternalError))?;
        let stored = self.put(request.map_input(|_| put)).await?.output;
        self.multiparts.remove(&upload_id).await?;
        let (bucket, key, e_tag) = (Some(bucket), Some(key), stored.e_tag);
        Ok(S3Response::new(CompleteMultipartUploadOutput { bucket, key, e_tag, ..Default::default() }))
    }

    /// Removes objects, then syncs the folders that named them.
    async fn remove(&self, bucket: &str, keys: &[String]) -> S3Result<()> {
        self.require_bucket(bucket).await?;
        let objects = keys.iter().map(|key| self.locate(bucket, key)).collect::<S3Result<Vec<_>>>()?;
        for (key, files) in keys.iter().zip(objects.clone()) {
            let lock = self.lock(bucket, key);
            let _guard = lock.write().await;
            blocking(move || files.remove()).await?;
        }
        blocking(move || sync_folders(objects.iter().flat_map(ObjectFiles::folders))).await
    }
}

#[async_trait]
impl S3 for Backend {
    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.shared.files.head_bucket(request).await
    }

    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        self.to_the_end(|shared| async move {
            let response = shared.files.create_bucket(request).await?;
            let root = shared.root.clone();
            blocking(move || sync_folders([root])).await?;
            Ok(response)
        })
        .await
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let (bucket, key) = (&request.input.bucket, &request.input.key);
        let files = self.shared.locate(bucket, key)?;
        let lock = self.shared.lock(bucket, key);
        let _guard = lock.read().await;
        self.shared.require_object(bucket, &files).await?;
        self.shared.files.head_object(request).await
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let (bucket, key, range) = (&request.input.bucket, &request.input.key, request.input.range);
        let files = self.shared.locate(bucket, key)?;
        let lock = self.shared.lock(bucket, key);
        let _guard = lock.read().await;
        self.shared.require_object(bucket, &files).await?;
        let mut response = self.shared.files.get_object(request).await?;
        // The body that came is dropped unread: it reads 4 KiB at a time, each on a thread of its own.
        response.output.body = Some(read(&files.object, range).await?);
        Ok(response)
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        self.to_the_end(|shared| async move { shared.put(request).await }).await
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.to_the_end(|shared| async move {
            let CreateMultipartUploadInput { bucket, key, content_type, .. } = request.input;
            shared.locate(&bucket, &key)?;
            shared.require_bucket(&bucket).await?;
            let upload_id = shared.multiparts.begin(&bucket, &key, content_type).await?;
            let (bucket, key, upload_id) = (Some(bucket), Some(key), Some(upload_id));
            Ok(S3Response::new(CreateMultipartUploadOutput { bucket, key, upload_id, ..Default::default() }))
        })
        .await
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        self.to_the_end(|shared| async move { shared.multiparts.receive_part(request.input).await }).await
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let ListPartsInput { bucket, key, upload_id, .. } = request.input;
        let parts = self.shared.multiparts.parts(&bucket, &key, &upload_id).await?;
        let parts = Some(parts.into_iter().map(|part| part.describe()).collect());
        let (bucket, key, upload_id) = (Some(bucket), Some(key), Some(upload_id));
        let is_truncated = Some(false);
        Ok(S3Response::new(ListPartsOutput { bucket, key, upload_id, parts, is_truncated, ..Default::default() }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        self.to_the_end(|shared| async move { shared.finish(request).await }).await
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let AbortMultipartUploadInput { bucket, key, upload_id, .. } = request.input;
        self.to_the_end(|shared| async move { shared.multiparts.abort(&bucket, &key, &upload_id).await }).await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        self.shared.require_bucket(&request.input.bucket).await?;
        self.shared.multiparts.list(request.input).await.map(S3Response::new)
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        self.shared.require_bucket(&input.bucket).await?;
        let folder = input.prefix.as_deref().and_then(|prefix| prefix.strip_suffix('/'));
        let folder = folder.ok_or_else(|| s3_error!(NotImplemented, "only what lies in a folder is listed"))?;
        let folder = self.shared.locate(&input.bucket, folder)?;
        listing::list(folder, input).await.map(S3Response::new)
    }

    async fn post_object(&self, _: S3Request<PostObjectInput>) -> S3Result<S3Response<PostObjectOutput>> {
        Err(s3_error!(NotImplemented, "form uploads are not implemented"))
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let DeleteObjectInput { bucket, key, .. } = request.input;
        self.to_the_end(|shared| async move { shared.remove(&bucket, &[key]).await }).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let DeleteObjectsInput { bucket, delete, .. } = request.input;
        if delete.objects.len() > MAX_DELETED_KEYS {
            return Err(s3_error!(MalformedXML, "at most {MAX_DELETED_KEYS} keys"));
        }
        let keys: Vec<String> = delete.objects.into_iter().map(|object| object.key).collect();
        let deleted = (!delete.quiet.unwrap_or(false)).then(|| {
            let deleted = |key: &String| DeletedObject { key: Some(key.clone()), ..Default::default() };
            keys.iter().map(deleted).collect()
        });
        self.to_the_end(|shared| async move { shared.remove(&bucket, &keys).await }).await?;
        Ok(S3Response::new(DeleteObjectsOutput { deleted, ..Default::default() }))
    }
}

/// An object, or a range of it that was found to be satisfiable, as a stream.
async fn read(path: &Path, range: Option<Range>) -> S3Result<StreamingBlob> {
    let internal = |error: io::Error| s3_error!(error, InternalError);
    let mut file = tokio::fs::File::open(path).await.map_err(internal)?;
    let size = file.metadata().await.map_err(internal)?.len();
    let range = match range {
        Some(range) => range.check(size)?,
        None => 0..size,
    };
    file.seek(SeekFrom::Start(range.start)).await.map_err(internal)?;
    Ok(StreamingBlob::wrap(ReaderStream::with_capacity(file.take(range.end - range.start), READ_CHUNK_BYTES)))
}
