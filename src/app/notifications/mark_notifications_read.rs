//! The caller has read their notifications.

use super::Notifications;
use crate::AppResult;
use tessera_domain::{NotificationId, UserId};

impl Notifications {
    /// Marks as read all notifications up to and including `up_to`, as the list shows them; returns how many
    /// are unread now. An id that is none of the caller's changes nothing.
    ///
    /// # Errors
    /// Those of the ledger.
    pub async fn mark_notifications_read(&self, user_id: UserId, up_to: NotificationId) -> AppResult<u64> {
        self.ledger.mark_read(user_id, up_to).await?;
        Ok(self.ledger.unread_count(user_id).await?)
    }
}
