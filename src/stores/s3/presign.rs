//! Requests that are signed here and sent by clients (SigV4, "Authenticating Requests: Using Query Parameters").

use super::S3ObjectStore;
use super::error::{Effect, classify, refused};
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tessera_domain::Timestamp;
use tessera_ports::StoreResult;
use tessera_ports::object_store::PresignedPut;

/// Headers of a presigned request that every HTTP client (browsers forbid scripts to) sets by itself.
const IMPLIED_HEADERS: [&str; 2] = ["host", "content-length"];

impl S3ObjectStore {
    /// Signs the PUT of a whole object. A checksum becomes a signed header, by which the store refuses other bytes.
    pub(super) async fn sign_put(
        &self,
        key: &str,
        content_type: &str,
        size_bytes: u64,
        checksum_sha256: Option<&str>,
        valid_seconds: u64,
    ) -> StoreResult<PresignedPut> {
        let validity = Validity::of(valid_seconds)?;
        let request = self.presigner.put_object().bucket(&self.bucket).key(key).content_type(content_type);
        let request = request.content_length(content_length(size_bytes)?);
        let request = request.set_checksum_sha256(checksum_sha256.map(str::to_owned));
        let signed = request.presigned(validity.config).await.map_err(|error| classify(&error, Effect::Read))?;
        Ok(presigned(&signed, validity.expires_at))
    }

    /// Signs the PUT of one part.
    pub(super) async fn sign_part(
        &self,
        key: &str,
        multipart_id: &str,
        part_number: u32,
        size_bytes: u64,
        valid_seconds: u64,
    ) -> StoreResult<PresignedPut> {
        let validity = Validity::of(valid_seconds)?;
        let number = i32::try_from(part_number).map_err(|_| refused("no part has such a number"))?;
        let request = self.presigner.upload_part().bucket(&self.bucket).key(key).upload_id(multipart_id);
        let request = request.part_number(number).content_length(content_length(size_bytes)?);
        let signed = request.presigned(validity.config).await.map_err(|error| classify(&error, Effect::Read))?;
        Ok(presigned(&signed, validity.expires_at))
    }
}

/// From when to when a signature counts.
struct Validity {
    config: PresigningConfig,
    expires_at: Timestamp,
}

impl Validity {
    fn of(valid_seconds: u64) -> StoreResult<Self> {
        // SigV4 counts in whole seconds; starting on one makes `expires_at` exact.
        let started_at_seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let config = PresigningConfig::builder()
            .start_time(UNIX_EPOCH + Duration::from_secs(started_at_seconds))
            .expires_in(Duration::from_secs(valid_seconds))
            .build()
            .map_err(|error| refused(error.to_string()))?;
        let expires_at_ms = started_at_seconds.saturating_add(valid_seconds).saturating_mul(1_000);
        Ok(Self { config, expires_at: Timestamp(i64::try_from(expires_at_ms).unwrap_or(i64::MAX)) })
    }
}

fn content_length(size_bytes: u64) -> StoreResult<i64> {
    i64::try_from(size_bytes).map_err(|_| refused("the size does not fit S3's content-length"))
}

fn presigned(signed: &PresignedRequest, expires_at: Timestamp) -> PresignedPut {
    let by_hand = |name: &str| !IMPLIED_HEADERS.contains(&name.to_ascii_lowercase().as_str());
    let headers = signed.headers().filter(|(name, _)| by_hand(name));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    PresignedPut { url: signed.uri().to_owned(), headers, expires_at }
}
