//! Log-out.

use super::TokenHash;
use crate::{App, AppResult};
use tessera_actors::broadcast::Outdated;

impl App {
    /// Ends a session. Its token is refused from then on; by a node that cannot be reached, within seconds.
    ///
    /// # Errors
    /// Those of the ledger.
    pub async fn end_session(&self, token: TokenHash) -> AppResult<()> {
        self.ledger.delete_session(token).await?;
        self.outdate(Outdated::session(token)).await;
        Ok(())
    }
}
