//! Inboxes.

use crate::StoreResult;
use async_trait::async_trait;
use tessera_domain::{
    NotificationId, Timestamp, UserId,
    notification::{Notification, Signal},
};

/// Where a page of notifications continues: they are ordered by (`updated_at`, `id`), newest first.
pub type NotificationPosition = (Timestamp, NotificationId);

/// Notifications, coalesced as they are written.
#[async_trait]
pub trait NotificationLedger: Send + Sync + 'static {
    /// Adds signals to a user's inbox, each with the id that a notification newly opened for it gets.
    ///
    /// A signal that was recorded before for this user is ignored, so redelivery is harmless. A new one joins the
    /// unread notification of its kind and post, or opens one. Returns which notifications changed.
    async fn record_signals(
        &self,
        user_id: UserId,
        signals: &[(Signal, NotificationId)],
        now: Timestamp,
    ) -> StoreResult<Vec<NotificationId>>;

    /// A user's notifications, newest first, after `after`, each with what of it stands. Those of which nothing does
    /// ([`Notification::is_shown`]) come along, so that a reader gets behind them however many there are.
    async fn notifications(
        &self,
        user_id: UserId,
        after: Option<NotificationPosition>,
        limit: usize,
    ) -> StoreResult<Vec<Notification>>;

    /// Marks as read `up_to` and all that come after it in the list (those that changed no later than it did), shown or
    /// not; returns how many changed. Nothing where `up_to` is not this user's.
    async fn mark_read(&self, user_id: UserId, up_to: NotificationId) -> StoreResult<u64>;

    /// How many of the newest [`MAX_PAGE`](super::MAX_PAGE) unread notifications are shown.
    async fn unread_count(&self, user_id: UserId) -> StoreResult<u64>;
}
