//! What is new, for where little is popular.

use super::Recommendations;
use crate::{AppError, AppResult};
use std::sync::Arc;
use tessera_domain::{PostId, post::PostRef};

/// Newest public posts that are looked at.
const NEWEST_PUBLIC: usize = 200;

impl Recommendations {
    /// The newest public posts, at most two seconds old.
    pub(super) async fn newest_public_posts(&self) -> AppResult<Arc<[PostRef]>> {
        let read = async { Ok(self.ledger.public_posts(PostId(0), NEWEST_PUBLIC).await?.into()) };
        let found = self.memory.newest_public.try_get_with((), read).await;
        found.map_err(|error: Arc<AppError>| (*error).clone())
    }
}
