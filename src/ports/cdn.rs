//! The content delivery network in front of the public media: told what it must forget.

use crate::StoreResult;
use async_trait::async_trait;

/// A cache between the product and its readers.
#[async_trait]
pub trait Cdn: Send + Sync + 'static {
    /// Makes the cache forget these paths (`/media/…`, as readers ask for them), whatever host they were asked of.
    /// Idempotent. `Ok` only once every path is forgotten, with how many purges took place: what failed is asked for
    /// again as a whole.
    async fn purge(&self, paths: &[String]) -> StoreResult<u64>;
}

/// Where there is no such cache.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCdn;

#[async_trait]
impl Cdn for NoCdn {
    async fn purge(&self, _: &[String]) -> StoreResult<u64> {
        Ok(0)
    }
}
