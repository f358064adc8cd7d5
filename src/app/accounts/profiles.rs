//! Several accounts as somebody sees them.

use super::{Accounts, Profile};
use crate::AppResult;
use std::collections::HashMap;
use tessera_domain::UserId;

impl Accounts {
    /// The accounts with these ids, in this order, as `viewer` sees them; without those that were deleted
    /// or are blocked either way.
    pub(crate) async fn profiles(&self, viewer: UserId, ids: &[UserId]) -> AppResult<Vec<Profile>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let (users, relationships) = tokio::try_join!(self.ledger.users(ids), self.ledger.relationships(viewer, ids))?;
        let mut users: HashMap<UserId, _> = users.into_iter().map(|user| (user.id, user)).collect();
        let pairs = ids.iter().zip(relationships);
        let profiles = pairs.filter_map(|(id, relationship)| Some(Profile { user: users.remove(id)?, relationship }));
        Ok(profiles.filter(|p| p.user.deleted_at.is_none() && !p.relationship.is_blocked()).collect())
    }
}
