//! Gives a dead media job another life.

use crate::{App, AppError, AppResult};
use tessera_domain::UploadId;

impl App {
    /// Queues a dead job anew with all its attempts.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where no dead job has this id.
    pub async fn retry_job(&self, id: UploadId) -> AppResult<()> {
        if self.ledger.retry_job(id, self.now()).await? { Ok(()) } else { Err(AppError::NotFound("dead job")) }
    }
}
