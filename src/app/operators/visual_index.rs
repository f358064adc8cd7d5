//! What the visual index is doing.

use super::Operators;
use crate::AppResult;
use std::time::Duration;
use tessera_actors::{Deadline, visual_search::ShardStats};

/// How long the shards may take to answer.
const TIMEOUT: Duration = Duration::from_secs(2);

impl Operators {
    /// The shards of the visual index, on whichever node they live; those that do not answer are left out.
    pub async fn visual_index(&self) -> Vec<ShardStats> {
        self.visual.describe(Deadline::after(TIMEOUT)).await.into_iter().flatten().collect()
    }

    /// Makes every shard of the visual index begin anew from the ledger. Searches lack posts until it has.
    ///
    /// # Errors
    /// [`crate::AppError::Unavailable`] where a shard was not reached; the others have begun.
    pub async fn rebuild_visual_index(&self) -> AppResult<()> {
        Ok(self.visual.rebuild(Deadline::after(TIMEOUT)).await?)
    }
}
