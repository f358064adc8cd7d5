//! The object store: uploaded originals and the variants made of them, behind the S3 protocol.

use crate::StoreResult;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use std::ops::RangeInclusive;
use tessera_domain::Timestamp;

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

/// What is known of a stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Size in bytes.
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

    /// What is stored under `key`; `None` where nothing is.
    async fn head(&self, key: &str) -> StoreResult<Option<ObjectInfo>>;

    /// The whole object, refused (`StoreError::Refused`) where it is larger than `max_bytes`.
    async fn get(&self, key: &str, max_bytes: u64) -> StoreResult<Option<Bytes>>;

    /// The object (or an inclusive byte range of it, which must lie inside) as a stream.
    async fn open(&self, key: &str, range: Option<RangeInclusive<u64>>) -> StoreResult<Option<ObjectBody>>;

    /// Stores an object under `key`, over whatever was there. Once it returns the object can be read.
    async fn put(&self, key: &str, content_type: &str, bytes: Bytes) -> StoreResult<()>;

    /// Deletes objects; those that do not exist are no error.
    async fn delete(&self, keys: &[String]) -> StoreResult<()>;

    /// Whether the store answers and the bucket exists.
    async fn check(&self) -> StoreResult<()>;
}
