//! Gives a dead event of the outbox another life.

use super::Operators;
use crate::{AppError, AppResult};

impl Operators {
    /// Makes a dead event due anew with all its attempts.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where no dead event has this id.
    pub async fn retry_event(&self, id: i64) -> AppResult<()> {
        if self.ledger.revive_event(id).await? { Ok(()) } else { Err(AppError::NotFound("dead event")) }
    }
}
