//! Log-out.

use super::{Accounts, TokenHash};
use crate::{AppResult, outdate::outdate};
use tessera_actors::broadcast::Outdated;

impl Accounts {
    /// Ends a session. Its token is refused from then on; by a node that cannot be reached, within seconds.
    ///
    /// # Errors
    /// Those of the ledger.
    pub async fn end_session(&self, token: TokenHash) -> AppResult<()> {
        self.ledger.delete_session(token).await?;
        outdate(&self.invalidation, Outdated::session(token)).await;
        Ok(())
    }
}
