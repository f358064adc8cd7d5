//! What others did that concerns the caller.

use super::{NotificationPosition, Notifications};
use crate::{AppResult, Page, hydrate::Shown, page::PageFill};
use std::{collections::HashMap, sync::Arc};
use tessera_domain::{UserId, notification::Notification, user::User};

/// A notification as its owner sees it.
#[derive(Debug, Clone)]
pub struct NotificationView {
    /// The notification, with what of it stands.
    pub notification: Notification,
    /// The latest actors, newest first.
    pub actors: Vec<Arc<Shown<User>>>,
    /// The sentence to show, e.g. `ada and 41 others liked your post`.
    pub text: String,
}

/// A page of notifications.
#[derive(Debug, Clone)]
pub struct NotificationPage {
    /// The notifications and where the next page begins.
    pub page: Page<NotificationView, NotificationPosition>,
    /// How many are unread in all.
    pub unread_count: u64,
}

impl Notifications {
    /// The caller's notifications, newest first, after the position `after`.
    ///
    /// Neither is shown nor counted what was taken back or deleted, nor who is blocked either way; see
    /// [`Notification`].
    ///
    /// # Errors
    /// Those of the ledger.
    pub async fn list_notifications(
        &self,
        user_id: UserId,
        after: Option<NotificationPosition>,
        limit: usize,
    ) -> AppResult<NotificationPage> {
        let (page, unread_count) = tokio::try_join!(self.notification_page(user_id, after, limit), async {
            Ok(self.ledger.unread_count(user_id).await?)
        })?;
        Ok(NotificationPage { page, unread_count })
    }

    async fn notification_page(
        &self,
        user_id: UserId,
        after: Option<NotificationPosition>,
        limit: usize,
    ) -> AppResult<Page<NotificationView, NotificationPosition>> {
        let mut page = PageFill::new(limit, after);
        while let Some((after, count)) = page.wanted() {
            let rows = self.ledger.notifications(user_id, after, count).await?;
            let actors: Vec<UserId> = rows.iter().flat_map(|row| row.actor_ids.iter().copied()).collect();
            let users = self.hydrator.users(&actors).await?;
            page.add(rows.into_iter().map(|row| ((row.updated_at, row.id), view(row, &users))).collect());
        }
        Ok(page.finish())
    }
}

fn view(notification: Notification, users: &HashMap<UserId, Arc<Shown<User>>>) -> Option<NotificationView> {
    let actors: Vec<Arc<Shown<User>>> = notification.actor_ids.iter().filter_map(|id| users.get(id).cloned()).collect();
    let text = notification.sentence(actors.first()?.username.as_str());
    Some(NotificationView { notification, actors, text })
}
