//! Log-out.

use super::TokenHash;
use crate::{App, AppResult};

impl App {
    /// Ends a session. On this node its token is refused from then on, on others within seconds.
    ///
    /// # Errors
    /// Those of the ledger.
    pub async fn end_session(&self, token: TokenHash) -> AppResult<()> {
        self.ledger.delete_session(token).await?;
        self.sessions.invalidate(&token).await;
        Ok(())
    }
}
