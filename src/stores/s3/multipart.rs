//! Uploads in parts (S3 API reference, "Multipart upload").

use super::error::{Effect, STORE, classify, is_missing, refused, status};
use super::retry::with_retries;
use super::{S3ObjectStore, SLOWEST_BYTES_PER_SECOND};
use aws_sdk_s3::config::{Config, timeout::TimeoutConfig};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, MultipartUpload, Part};
use std::time::Duration;
use tessera_domain::Timestamp;
use tessera_ports::object_store::StoredPart;
use tessera_ports::{StoreError, StoreResult};

/// Replies read of one listing; a reply names a thousand parts or uploads at most.
const MAX_PAGES: usize = 12;

impl S3ObjectStore {
    /// Begins an upload. A repetition after an unknown outcome leaves one behind, which is thrown away as an old one.
    pub(super) async fn begin_parts(&self, key: &str, content_type: &str) -> StoreResult<String> {
        with_retries(self.max_attempts, || async {
            let request = self.client.create_multipart_upload().bucket(&self.bucket).key(key);
            match request.content_type(content_type).send().await {
                Ok(output) => output.upload_id.ok_or_else(|| corrupt("a multipart upload without a name")),
                Err(error) => Err(classify(&error, Effect::Write)),
            }
        })
        .await
    }

    /// Reads all pages of an upload's parts.
    pub(super) async fn list_parts(&self, key: &str, multipart_id: &str) -> StoreResult<Option<Vec<StoredPart>>> {
        let mut parts = Vec::new();
        let mut marker = None;
        for _ in 0..MAX_PAGES {
            let request = self.client.list_parts().bucket(&self.bucket).key(key).upload_id(multipart_id);
            let page = match request.set_part_number_marker(marker).send().await {
                Ok(page) => page,
                Err(error) if is_missing(&error) => return Ok(None),
                Err(error) => return Err(classify(&error, Effect::Read)),
            };
            for part in page.parts() {
                parts.push(stored_part(part)?);
            }
            if page.is_truncated() != Some(true) {
                parts.sort_by_key(|part: &StoredPart| part.part_number);
                return Ok(Some(parts));
            }
            marker = page.next_part_number_marker().map(str::to_owned);
        }
        Err(refused("a multipart upload has too many parts"))
    }

    /// Finishes an upload. It may take the store about as long as copying the object does.
    pub(super) async fn finish_parts(&self, key: &str, multipart_id: &str, parts: &[StoredPart]) -> StoreResult<bool> {
        let size_bytes: u64 = parts.iter().map(|part| part.size_bytes).sum();
        let timeout = self.attempt_timeout + Duration::from_secs(size_bytes / SLOWEST_BYTES_PER_SECOND);
        let parts = parts.iter().map(|part| {
            CompletedPart::builder().part_number(part.part_number as i32).e_tag(part.etag.as_str()).build()
        });
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        with_retries(self.max_attempts, || async {
            let request = self.client.complete_multipart_upload().bucket(&self.bucket).key(key);
            let request = request.upload_id(multipart_id).multipart_upload(parts.clone());
            let longer = Config::builder().timeout_config(TimeoutConfig::builder().operation_timeout(timeout).build());
            match request.customize().config_override(longer).send().await {
                Ok(_) => Ok(true),
                Err(error) if is_missing(&error) => Ok(false),
                Err(error) => Err(classify(&error, Effect::Write)),
            }
        })
        .await
    }

    pub(super) async fn abort_parts(&self, key: &str, multipart_id: &str) -> StoreResult<()> {
        with_retries(self.max_attempts, || async {
            let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(key);
            match request.upload_id(multipart_id).send().await {
                Ok(_) => Ok(()),
                Err(error) if is_missing(&error) => Ok(()),
                Err(error) => Err(classify(&error, Effect::Write)),
            }
        })
        .await
    }

    /// Aborts what began long ago. A server without such a list has nothing to throw away that is known of.
    pub(super) async fn abort_old(&self, key_prefix: &str, began_before: Timestamp) -> StoreResult<usize> {
        let mut aborted = 0;
        let (mut key_marker, mut id_marker) = (None, None);
        for _ in 0..MAX_PAGES {
            let request = self.client.list_multipart_uploads().bucket(&self.bucket).prefix(key_prefix);
            let page = match request.set_key_marker(key_marker).set_upload_id_marker(id_marker).send().await {
                Ok(page) => page,
                Err(error) if matches!(status(&error), Some(405 | 501)) => return Ok(aborted),
                Err(error) => return Err(classify(&error, Effect::Read)),
            };
            for upload in page.uploads() {
                if let Some((key, multipart_id)) = old_one(upload, began_before) {
                    self.abort_parts(key, multipart_id).await?;
                    aborted += 1;
                }
            }
            if page.is_truncated() != Some(true) {
                break;
            }
            key_marker = page.next_key_marker().map(str::to_owned);
            id_marker = page.next_upload_id_marker().map(str::to_owned);
        }
        Ok(aborted)
    }
}

fn old_one(upload: &MultipartUpload, began_before: Timestamp) -> Option<(&str, &str)> {
    let began_at_ms = upload.initiated()?.to_millis().ok()?;
    (began_at_ms < began_before.0).then_some((upload.key()?, upload.upload_id()?))
}

fn stored_part(part: &Part) -> StoreResult<StoredPart> {
    let number = part.part_number().and_then(|number| u32::try_from(number).ok());
    let size = part.size().and_then(|size| u64::try_from(size).ok());
    match (number, size, part.e_tag()) {
        (Some(part_number), Some(size_bytes), Some(etag)) => {
            Ok(StoredPart { part_number, size_bytes, etag: etag.to_owned() })
        }
        _ => Err(corrupt("a part without number, size or entity tag")),
    }
}

fn corrupt(detail: &str) -> StoreError {
    StoreError::Corrupt { store: STORE, detail: detail.to_owned() }
}
