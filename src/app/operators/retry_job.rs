//! Gives a dead media job another life.

use super::Operators;
use crate::{AppError, AppResult, clock};
use tessera_domain::UploadId;

impl Operators {
    /// Queues a dead job anew with all its attempts.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where no dead job has this id.
    pub async fn retry_job(&self, id: UploadId) -> AppResult<()> {
        if self.ledger.retry_job(id, clock::now()).await? { Ok(()) } else { Err(AppError::NotFound("dead job")) }
    }
}
