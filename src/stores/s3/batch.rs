//! Deletion of many objects: `DeleteObjects` by the thousand, single deletes where the server lacks it. What lies in a
//! folder is listed by `ListObjectsV2`.

use super::S3ObjectStore;
use super::error::{Effect, classify, has_code, is_missing, refused, status, unavailable};
use super::retry::with_retries;
use aws_sdk_s3::operation::delete_objects::DeleteObjectsError;
use aws_sdk_s3::types::{Delete, Error as KeyError, ObjectIdentifier};
use futures::{StreamExt, TryStreamExt, stream};
use std::sync::atomic::Ordering;
use tessera_ports::{Determinacy, StoreResult};

/// What one `DeleteObjects` takes (S3 API reference).
const KEYS_PER_REQUEST: usize = 1_000;
/// Listings of a folder before it is called too large; one names as many keys as are deleted at once.
const MAX_LISTINGS: usize = 10;
/// Single deletes in flight.
const PARALLEL_DELETES: usize = 8;

type SdkError = aws_sdk_s3::error::SdkError<DeleteObjectsError>;

impl S3ObjectStore {
    /// Deletes every key, in requests of at most a thousand.
    pub(super) async fn delete_all(&self, keys: &[String]) -> StoreResult<()> {
        for batch in keys.chunks(KEYS_PER_REQUEST) {
            if !self.single_deletes.load(Ordering::Relaxed) && self.delete_batch(batch).await? {
                continue;
            }
            self.single_deletes.store(true, Ordering::Relaxed);
            // Owned keys: a closure over borrowed ones is not general enough to be `Send` here.
            stream::iter(batch.to_vec())
                .map(|key| async move { self.delete_one(&key).await })
                .buffer_unordered(PARALLEL_DELETES)
                .try_collect::<()>()
                .await?;
        }
        Ok(())
    }

    /// Deletes what is listed below a folder until nothing is.
    pub(super) async fn delete_below(&self, folder: &str) -> StoreResult<()> {
        let prefix = format!("{folder}/");
        for _ in 0..MAX_LISTINGS {
            let page = with_retries(self.max_attempts, || async {
                let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(&prefix);
                request.send().await.map_err(|error| classify(&error, Effect::Read))
            })
            .await?;
            let keys: Vec<String> =
                page.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect();
            self.delete_all(&keys).await?;
            if page.is_truncated() != Some(true) {
                return Ok(());
            }
        }
        Err(refused(format!("there are too many objects below {folder}")))
    }

    /// Deletes a batch in one request; `false` where the server has no such operation.
    async fn delete_batch(&self, keys: &[String]) -> StoreResult<bool> {
        let objects: Result<Vec<_>, _> = keys.iter().map(|key| ObjectIdentifier::builder().key(key).build()).collect();
        let delete = objects.and_then(|objects| Delete::builder().set_objects(Some(objects)).quiet(true).build());
        let delete = delete.map_err(|error| refused(error.to_string()))?;
        with_retries(self.max_attempts, || async {
            match self.client.delete_objects().bucket(&self.bucket).delete(delete.clone()).send().await {
                Ok(output) => outcome_of_keys(output.errors()).map(|()| true),
                Err(error) if is_unsupported(&error) => Ok(false),
                Err(error) => Err(classify(&error, Effect::Write)),
            }
        })
        .await
    }

    async fn delete_one(&self, key: &str) -> StoreResult<()> {
        with_retries(self.max_attempts, || async {
            match self.client.delete_object().bucket(&self.bucket).key(key).send().await {
                Ok(_) => Ok(()),
                Err(error) if is_missing(&error) => Ok(()),
                Err(error) => Err(classify(&error, Effect::Write)),
            }
        })
        .await
    }
}

/// Whether the server lacks the operation, or wants the MD5 header that this SDK no longer sends with it.
fn is_unsupported(error: &SdkError) -> bool {
    matches!(status(error), Some(405 | 501))
        || ["NotImplemented", "MethodNotAllowed", "MissingContentMD5"].iter().any(|code| has_code(error, code))
}

/// A 200 may still list keys that failed.
fn outcome_of_keys(errors: &[KeyError]) -> StoreResult<()> {
    match errors.iter().find(|error| error.code() != Some("NoSuchKey")) {
        None => Ok(()),
        Some(error) => {
            let key = error.key().unwrap_or_default();
            let detail = format!("{key}: {}", error.message().or(error.code()).unwrap_or("not deleted"));
            match error.code() {
                Some("AccessDenied") => Err(refused(detail)),
                _ => Err(unavailable(Determinacy::Unknown, detail)),
            }
        }
    }
}
