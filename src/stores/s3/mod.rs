//! The object store behind any S3 endpoint, through `aws-sdk-s3`.
//!
//! Two clients share one configuration: one talks to the endpoint, the other only signs, for the
//! address that clients reach. The SDK's own retries are off: transient failures are
//! repeated here, because it must be remembered whether an earlier attempt may have taken effect.

mod batch;
mod client;
mod error;
mod multipart;
mod options;
mod presign;
mod retry;
#[cfg(test)]
mod tests;

pub use options::S3Options;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Config, timeout::TimeoutConfig};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use bytes::{Bytes, BytesMut};
use error::{Effect, STORE, classify, is_missing, refused, unavailable};
use futures::{StreamExt, stream};
use retry::with_retries;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tessera_domain::Timestamp;
use tessera_ports::object_store::{ObjectBody, ObjectInfo, ObjectStore, PresignedPut, StoredPart};
use tessera_ports::{Determinacy, StoreError, StoreResult};

/// Objects under these keys never change once written, so every cache may keep them.
const IMMUTABLE_PREFIX: &str = "media/";
const IMMUTABLE_CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// A file that is sent slower than this is given up.
const SLOWEST_BYTES_PER_SECOND: u64 = 1_000_000;

/// One bucket of an S3 endpoint. Cheap to share behind an `Arc`; connections are pooled.
pub struct S3ObjectStore {
    client: Client,
    presigner: Client,
    bucket: String,
    region: String,
    max_attempts: u32,
    attempt_timeout: Duration,
    /// The server has no `DeleteObjects`; found out once.
    single_deletes: AtomicBool,
}

impl S3ObjectStore {
    /// Prepares the clients. Nothing is sent; [`ObjectStore::check`] asks whether the store answers.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where an option makes no sense (an endpoint that is no URL, a bound of zero).
    pub fn new(options: S3Options) -> StoreResult<Self> {
        options.validate().map_err(refused)?;
        let public_endpoint = options.public_endpoint.as_deref().unwrap_or(&options.endpoint);
        Ok(S3ObjectStore {
            client: client::build(&options, &options.endpoint),
            attempt_timeout: options.attempt_timeout,
            presigner: client::build(&options, public_endpoint),
            bucket: options.bucket,
            region: options.region,
            max_attempts: options.max_attempts,
            single_deletes: AtomicBool::new(false),
        })
    }

    /// Creates the bucket where it is missing. Safe to call at every start and by many nodes at once.
    ///
    /// # Errors
    /// As the store fails; a bucket of that name owned by somebody else is [`StoreError::Refused`].
    pub async fn ensure_bucket(&self) -> StoreResult<()> {
        // us-east-1 is the one region that must not be named (S3 API reference, CreateBucket).
        let configuration = (self.region != "us-east-1").then(|| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(self.region.as_str()))
                .build()
        });
        with_retries(self.max_attempts, || async {
            match self.client.head_bucket().bucket(&self.bucket).send().await {
                Ok(_) => return Ok(()),
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(classify(&error, Effect::Read)),
            }
            let request = self.client.create_bucket().bucket(&self.bucket);
            match request.set_create_bucket_configuration(configuration.clone()).send().await {
                Ok(_) => Ok(()),
                Err(error) if error::has_code(&error, "BucketAlreadyOwnedByYou") => Ok(()),
                Err(error) => Err(classify(&error, Effect::Write)),
            }
        })
        .await
    }

    /// Sends a GetObject; `None` where the object does not exist.
    async fn fetch(&self, key: &str, range: Option<&RangeInclusive<u64>>) -> StoreResult<Option<GetObjectOutput>> {
        let range = range.map(|range| format!("bytes={}-{}", range.start(), range.end()));
        match self.client.get_object().bucket(&self.bucket).key(key).set_range(range).send().await {
            Ok(output) => Ok(Some(output)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(classify(&error, Effect::Read)),
        }
    }
}

#[async_trait]
impl ObjectStore for S3ObjectStore {
    async fn presign_put(
        &self,
        key: &str,
        content_type: &str,
        size_bytes: u64,
        valid_seconds: u64,
    ) -> StoreResult<PresignedPut> {
        self.sign_put(key, content_type, size_bytes, None, valid_seconds).await
    }

    async fn presign_checked_put(
        &self,
        key: &str,
        content_type: &str,
        size_bytes: u64,
        checksum_sha256: &str,
        valid_seconds: u64,
    ) -> StoreResult<PresignedPut> {
        self.sign_put(key, content_type, size_bytes, Some(checksum_sha256), valid_seconds).await
    }

    async fn begin_multipart(&self, key: &str, content_type: &str) -> StoreResult<String> {
        self.begin_parts(key, content_type).await
    }

    async fn presign_part(
        &self,
        key: &str,
        multipart_id: &str,
        part_number: u32,
        size_bytes: u64,
        valid_seconds: u64,
    ) -> StoreResult<PresignedPut> {
        self.sign_part(key, multipart_id, part_number, size_bytes, valid_seconds).await
    }

    async fn stored_parts(&self, key: &str, multipart_id: &str) -> StoreResult<Option<Vec<StoredPart>>> {
        with_retries(self.max_attempts, || self.list_parts(key, multipart_id)).await
    }

    async fn finish_multipart(&self, key: &str, multipart_id: &str, parts: &[StoredPart]) -> StoreResult<bool> {
        self.finish_parts(key, multipart_id, parts).await
    }

    async fn abort_multipart(&self, key: &str, multipart_id: &str) -> StoreResult<()> {
        self.abort_parts(key, multipart_id).await
    }

    async fn abort_old_multiparts(&self, key_prefix: &str, began_before: Timestamp) -> StoreResult<usize> {
        self.abort_old(key_prefix, began_before).await
    }

    async fn head(&self, key: &str) -> StoreResult<Option<ObjectInfo>> {
        with_retries(self.max_attempts, || async {
            match self.client.head_object().bucket(&self.bucket).key(key).send().await {
                Ok(output) => Ok(Some(ObjectInfo {
                    size_bytes: length(output.content_length)?,
                    content_type: output.content_type,
                    etag: output.e_tag,
                })),
                Err(error) if is_missing(&error) => Ok(None),
                Err(error) => Err(classify(&error, Effect::Read)),
            }
        })
        .await
    }

    async fn get(&self, key: &str, max_bytes: u64) -> StoreResult<Option<Bytes>> {
        with_retries(self.max_attempts, || async {
            match self.fetch(key, None).await? {
                Some(output) => read_all(key, output, max_bytes).await.map(Some),
                None => Ok(None),
            }
        })
        .await
    }

    async fn open(&self, key: &str, range: Option<RangeInclusive<u64>>) -> StoreResult<Option<ObjectBody>> {
        if range.as_ref().is_some_and(RangeInclusive::is_empty) {
            return Err(refused("the byte range is empty"));
        }
        let output = with_retries(self.max_attempts, || self.fetch(key, range.as_ref())).await?;
        let Some(output) = output else { return Ok(None) };
        let size_bytes = match &range {
            None => length(output.content_length)?,
            Some(range) => whole_size(output.content_range.as_deref(), range)?,
        };
        let info = ObjectInfo { size_bytes, content_type: output.content_type, etag: output.e_tag };
        let stream = stream::try_unfold(output.body, |mut body| async {
            let next = body.try_next().await.map_err(std::io::Error::other)?;
            Ok(next.map(|bytes| (bytes, body)))
        });
        Ok(Some(ObjectBody { info, stream: stream.boxed() }))
    }

    async fn put(&self, key: &str, content_type: &str, bytes: Bytes) -> StoreResult<()> {
        let cache_control = key.starts_with(IMMUTABLE_PREFIX).then(|| IMMUTABLE_CACHE_CONTROL.to_owned());
        with_retries(self.max_attempts, || async {
            let request = self.client.put_object().bucket(&self.bucket).key(key).content_type(content_type);
            let request = request.set_cache_control(cache_control.clone()).body(ByteStream::from(bytes.clone()));
            request.send().await.map(|_| ()).map_err(|error| classify(&error, Effect::Write))
        })
        .await
    }

    async fn put_file(&self, key: &str, content_type: &str, path: &Path) -> StoreResult<()> {
        let size_bytes = tokio::fs::metadata(path).await.map_err(|error| refused(error.to_string()))?.len();
        let timeout = self.attempt_timeout + Duration::from_secs(size_bytes / SLOWEST_BYTES_PER_SECOND);
        let cache_control = key.starts_with(IMMUTABLE_PREFIX).then(|| IMMUTABLE_CACHE_CONTROL.to_owned());
        with_retries(self.max_attempts, || async {
            let body = ByteStream::from_path(path).await.map_err(|error| refused(error.to_string()))?;
            let request = self.client.put_object().bucket(&self.bucket).key(key).content_type(content_type);
            let request = request.set_cache_control(cache_control.clone()).body(body);
            let longer = Config::builder().timeout_config(TimeoutConfig::builder().operation_timeout(timeout).build());
            request
                .customize()
                .config_override(longer)
                .send()
                .await
                .map(|_| ())
                .map_err(|error| classify(&error, Effect::Write))
        })
        .await
    }

    async fn delete(&self, keys: &[String]) -> StoreResult<()> {
        self.delete_all(keys).await
    }

    async fn delete_folder(&self, folder: &str) -> StoreResult<()> {
        self.delete_below(folder).await
    }

    async fn check(&self) -> StoreResult<()> {
        let answer = self.client.head_bucket().bucket(&self.bucket).send().await;
        answer.map(|_| ()).map_err(|error| classify(&error, Effect::Read))
    }
}

/// Reads a body to its end, giving up as soon as it is known to exceed `max_bytes`.
async fn read_all(key: &str, mut output: GetObjectOutput, max_bytes: u64) -> StoreResult<Bytes> {
    let too_large = || refused(format!("{key} is larger than {max_bytes} bytes"));
    let size_bytes = length(output.content_length)?;
    if size_bytes > max_bytes {
        return Err(too_large());
    }
    let mut whole = BytesMut::with_capacity(usize::try_from(size_bytes).map_err(|_| too_large())?);
    loop {
        let next = output.body.try_next().await;
        match next.map_err(|error| unavailable(Determinacy::NotDone, error.to_string()))? {
            // The length was only announced: what arrives is counted as well.
            Some(bytes) if (whole.len() + bytes.len()) as u64 > max_bytes => return Err(too_large()),
            Some(bytes) => whole.extend_from_slice(&bytes),
            None => return Ok(whole.freeze()),
        }
    }
}

/// The whole object's size from a `Content-Range` (RFC 9110, 14.4), which must be the range asked for.
fn whole_size(content_range: Option<&str>, asked: &RangeInclusive<u64>) -> StoreResult<u64> {
    let answered = content_range.and_then(|value| {
        let (range, whole) = value.strip_prefix("bytes ")?.split_once('/')?;
        let (start, end) = range.split_once('-')?;
        Some((start.parse::<u64>().ok()?..=end.parse::<u64>().ok()?, whole.parse::<u64>().ok()?))
    });
    match answered {
        Some((range, whole)) if range == *asked => Ok(whole),
        Some((_, whole)) => Err(refused(format!("the byte range {asked:?} leaves the object of {whole} bytes"))),
        None => Err(refused("the server does not serve byte ranges")),
    }
}

/// A length that the server must have stated.
fn length(content_length: Option<i64>) -> StoreResult<u64> {
    content_length
        .and_then(|length| u64::try_from(length).ok())
        .ok_or_else(|| StoreError::Corrupt { store: STORE, detail: "a reply without content-length".to_owned() })
}
