//! What others did that concerns the caller.

use super::NotificationPosition;
use crate::{App, AppResult, Page, page::PageFill};
use std::{collections::HashMap, sync::Arc};
use tessera_domain::{
    UserId,
    notification::{Notification, sentence},
    user::{Relationship, User},
};

/// A notification as its owner sees it.
#[derive(Debug, Clone)]
pub struct NotificationView {
    /// The notification. Its `actor_count` leaves out those who are hidden.
    pub notification: Notification,
    /// The latest actors, newest first.
    pub actors: Vec<Arc<User>>,
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

impl App {
    /// The caller's notifications, newest first, after the position `after`.
    ///
    /// Deleted accounts and those blocked either way are not named; a notification of which nobody is left to
    /// be named is left out.
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
            let actors = rows.iter().flat_map(|row| row.actor_ids.iter().copied()).collect();
            let actors = self.hydrator.users_for(user_id, actors).await?;
            page.add(rows.into_iter().map(|row| ((row.updated_at, row.id), view(row, &actors))).collect());
        }
        Ok(page.finish())
    }
}

fn view(
    mut notification: Notification,
    actors: &HashMap<UserId, (Arc<User>, Relationship)>,
) -> Option<NotificationView> {
    let shown: Vec<Arc<User>> = (notification.actor_ids.iter())
        .filter_map(|id| actors.get(id))
        .filter(|(user, stands)| user.deleted_at.is_none() && !stands.is_blocked())
        .map(|(user, _)| user.clone())
        .collect();
    let hidden = notification.actor_ids.len() - shown.len();
    notification.actor_count = notification.actor_count.saturating_sub(hidden as u64).max(shown.len() as u64);
    let text = sentence(notification.kind, shown.first()?.username.as_str(), notification.actor_count);
    Some(NotificationView { notification, actors: shown, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_domain::{NotificationId, PostId, Timestamp, notification::NotificationKind, user::Username};

    fn user(id: u64, name: &str) -> Arc<User> {
        Arc::new(User {
            id: UserId(id),
            username: Username::from_stored(name.to_owned()),
            display_name: name.to_owned(),
            bio: String::new(),
            private: false,
            celebrity: false,
            celebrity_ended_at: None,
            post_count: 0,
            follower_count: 0,
            following_count: 0,
            created_at: Timestamp(0),
            deleted_at: None,
        })
    }

    fn liked_by(ids: &[u64], actor_count: u64) -> Notification {
        Notification {
            id: NotificationId(1),
            kind: NotificationKind::Like,
            post_id: Some(PostId(9)),
            actor_ids: ids.iter().copied().map(UserId).collect(),
            actor_count,
            read: false,
            updated_at: Timestamp(0),
        }
    }

    #[test]
    fn blocked_actors_are_neither_named_nor_counted() {
        let blocked = Relationship { blocked_by: true, ..Default::default() };
        let actors = HashMap::from([
            (UserId(1), (user(1, "ada"), blocked)),
            (UserId(2), (user(2, "bob"), Relationship::default())),
        ]);
        let seen = view(liked_by(&[1, 2], 42), &actors).expect("bob is left");
        assert_eq!(seen.text, "bob and 40 others liked your post");
        assert_eq!(seen.notification.actor_count, 41);
        assert!(view(liked_by(&[1], 1), &actors).is_none());
    }
}
