//! Inboxes. A signal is recorded once for ever; the unread notification of its kind and post grows by it.

use super::{SqliteLedger, rows::*, writer::WriteScope};
use async_trait::async_trait;
use std::collections::HashSet;
use tessera_domain::{
    NotificationId, Timestamp, UserId,
    notification::{NAMED_ACTORS, Notification, NotificationKind, Signal},
};
use tessera_ports::{
    StoreResult,
    ledger::{NotificationLedger, NotificationPosition},
};

#[async_trait]
impl NotificationLedger for SqliteLedger {
    async fn record_signals(
        &self,
        user_id: UserId,
        signals: &[(Signal, NotificationId)],
        now: Timestamp,
    ) -> StoreResult<Vec<Notification>> {
        let signals = signals.to_vec();
        self.write(move |scope| Box::pin(record_signals(scope, user_id, signals, now))).await
    }

    async fn notifications(
        &self,
        user_id: UserId,
        after: Option<NotificationPosition>,
        page: usize,
    ) -> StoreResult<Vec<Notification>> {
        let (updated_at, id) = after.map_or((i64::MAX, i64::MAX), |(time, id)| (time.0, id.to_i64()));
        let query = sqlx::query_as::<_, NotificationRow>(
            "SELECT * FROM notifications INDEXED BY notifications_by_time
             WHERE user_id = ?1 AND (updated_at, id) < (?2, ?3) ORDER BY updated_at DESC, id DESC LIMIT ?4",
        );
        let query = query.bind(user_id.to_i64()).bind(updated_at).bind(id).bind(limit(page));
        self.fetch_all(query).await?.into_iter().map(NotificationRow::into_notification).collect()
    }

    async fn mark_read(&self, user_id: UserId, up_to: NotificationId) -> StoreResult<u64> {
        self.write(move |scope| {
            Box::pin(async move {
                let update = sqlx::query(
                    "UPDATE notifications SET is_read = 1
                     WHERE user_id = ?1 AND is_read = 0 AND (updated_at, id) <=
                         (SELECT updated_at, id FROM notifications WHERE id = ?2 AND user_id = ?1)",
                );
                scope.execute(update.bind(user_id.to_i64()).bind(up_to.to_i64())).await
            })
        })
        .await
    }

    async fn unread_count(&self, user_id: UserId) -> StoreResult<u64> {
        let query = sqlx::query_scalar("SELECT count(*) FROM notifications WHERE user_id = ?1 AND is_read = 0");
        Ok(unsigned(self.count(query.bind(user_id.to_i64())).await?))
    }
}

/// New signals of one kind and post, oldest first.
struct Group {
    kind: NotificationKind,
    post_id: i64,
    id: NotificationId,
    actors: Vec<i64>,
}

fn stored_post(signal: &Signal) -> i64 {
    signal.post_id.map_or(0, |id| id.to_i64())
}

async fn record_signals(
    scope: &mut WriteScope,
    user_id: UserId,
    signals: Vec<(Signal, NotificationId)>,
    now: Timestamp,
) -> StoreResult<Vec<Notification>> {
    let list: Vec<_> = signals
        .iter()
        .map(|(signal, _)| (signal.kind.as_str(), stored_post(signal), signal.actor_id.to_i64()))
        .collect();
    let list = serde_json::to_string(&list).map_err(super::errors::refused)?;
    let insert = sqlx::query_as(
        "INSERT INTO notification_signals (user_id, kind, post_id, actor_id)
         SELECT ?1, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?2) WHERE true
         ON CONFLICT DO NOTHING RETURNING kind, post_id, actor_id",
    );
    let inserted: Vec<(String, i64, i64)> = scope.fetch_all(insert.bind(user_id.to_i64()).bind(list)).await?;
    let mut new: HashSet<(String, i64, i64)> = inserted.into_iter().collect();

    let mut groups: Vec<Group> = Vec::new();
    for (signal, id) in signals {
        let (post_id, actor_id) = (stored_post(&signal), signal.actor_id.to_i64());
        if !new.remove(&(signal.kind.as_str().to_owned(), post_id, actor_id)) {
            continue;
        }
        match groups.iter_mut().find(|group| group.kind == signal.kind && group.post_id == post_id) {
            Some(group) => group.actors.push(actor_id),
            None => groups.push(Group { kind: signal.kind, post_id, id, actors: vec![actor_id] }),
        }
    }
    let mut changed = Vec::with_capacity(groups.len());
    for group in groups {
        changed.push(join_or_open(scope, user_id, group, now).await?);
    }
    Ok(changed)
}

async fn join_or_open(
    scope: &mut WriteScope,
    user_id: UserId,
    group: Group,
    now: Timestamp,
) -> StoreResult<Notification> {
    let newest_first = group.actors.iter().rev().copied().take(NAMED_ACTORS);
    let upsert = sqlx::query_as::<_, NotificationRow>(
        "INSERT INTO notifications (id, user_id, kind, post_id, actor_ids, actor_count, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (user_id, kind, post_id) WHERE is_read = 0 DO UPDATE SET
             actor_count = actor_count + excluded.actor_count,
             updated_at = max(updated_at, excluded.updated_at),
             actor_ids = (SELECT json_group_array(actor ORDER BY place) FROM (
                 SELECT value AS actor, key AS place FROM json_each(excluded.actor_ids)
                 UNION ALL SELECT value, ?8 + key FROM json_each(notifications.actor_ids)
                 ORDER BY 2 LIMIT ?8))
         RETURNING *",
    );
    let upsert = upsert
        .bind(group.id.to_i64())
        .bind(user_id.to_i64())
        .bind(group.kind.as_str())
        .bind(group.post_id)
        .bind(json_list(newest_first))
        .bind(limit(group.actors.len()))
        .bind(now.0)
        .bind(limit(NAMED_ACTORS));
    scope.fetch_one(upsert).await?.into_notification()
}
