//! Inboxes. A signal is recorded once for ever; the unread notification of its kind and post grows by it.

use super::{Dialect, Pool, Scope, SqlLedger, rows::*};
use async_trait::async_trait;
use std::collections::{BTreeMap, HashSet};
use tessera_domain::{
    NotificationId, Timestamp, UserId,
    notification::{NAMED_ACTORS, Notification, Signal},
};
use tessera_ports::{
    StoreResult,
    ledger::{NotificationLedger, NotificationPosition},
};

#[async_trait]
impl<D: Dialect> NotificationLedger for SqlLedger<D> {
    async fn record_signals(
        &self,
        user_id: UserId,
        signals: &[(Signal, NotificationId)],
        now: Timestamp,
    ) -> StoreResult<Vec<Notification>> {
        self.requests
            .transact((user_id, signals.to_vec(), now), |scope, (user_id, signals, now)| {
                Box::pin(record_signals(scope, *user_id, signals, *now))
            })
            .await
    }

    async fn notifications(
        &self,
        user_id: UserId,
        after: Option<NotificationPosition>,
        limit: usize,
    ) -> StoreResult<Vec<Notification>> {
        let query = sql!(
            "SELECT * FROM notifications" [index "notifications_by_time"] "
             WHERE user_id = $1 AND (updated_at, id) < ($2, $3) ORDER BY updated_at DESC, id DESC LIMIT $4"
        );
        let (updated_at, id) = after.map_or((i64::MAX, i64::MAX), |(time, id)| (time.0, id.to_i64()));
        let query = query.bind(user_id).bind(updated_at).bind(id).bind(limit);
        self.requests.fetch_all(query, NotificationRow::into_notification).await
    }

    async fn mark_read(&self, user_id: UserId, up_to: NotificationId) -> StoreResult<u64> {
        let update = sql!(
            "UPDATE notifications SET is_read = true
             WHERE user_id = $1 AND " [not "is_read"] " AND (updated_at, id) <=
                 (SELECT updated_at, id FROM notifications WHERE id = $2 AND user_id = $1)"
        );
        self.requests.execute(update.bind(user_id).bind(up_to)).await
    }

    async fn unread_count(&self, user_id: UserId) -> StoreResult<u64> {
        let query = sql!("SELECT count(*) FROM notifications WHERE user_id = $1 AND " [not "is_read"]);
        let count = self.requests.fetch_optional(query.bind(user_id), |(count,): (i64,)| unsigned(count)).await?;
        Ok(count.unwrap_or(0))
    }
}

/// New signals of one kind and post: the notification that they open if none is unread, and the actors, oldest first.
type Group = (NotificationId, Vec<UserId>);

fn stored_post(signal: &Signal) -> i64 {
    signal.post_id.map_or(0, |id| id.to_i64())
}

async fn record_signals<S: Scope>(
    scope: &mut S,
    user_id: UserId,
    signals: &[(Signal, NotificationId)],
    now: Timestamp,
) -> StoreResult<Vec<Notification>> {
    let insert = sql!(
        "INSERT INTO notification_signals (user_id, kind, post_id, actor_id)
         SELECT $1, kind, post_id, actor_id
         FROM " [rows "$2" "$3" "$4" as "signal" ("kind" "post_id" "actor_id")] " WHERE true
         ORDER BY kind, post_id, actor_id
         ON CONFLICT DO NOTHING RETURNING kind, post_id, actor_id"
    );
    let kinds: Vec<&str> = signals.iter().map(|(signal, _)| signal.kind.as_str()).collect();
    let posts: Vec<i64> = signals.iter().map(|(signal, _)| stored_post(signal)).collect();
    let actors: Vec<UserId> = signals.iter().map(|(signal, _)| signal.actor_id).collect();
    let insert = insert.bind(user_id).bind_rows([kinds.into(), posts.into(), actors.into()]);
    let mut new: HashSet<(String, i64, i64)> = scope.fetch_all(insert).await?.into_iter().collect();

    // By kind and post, the order in which their notifications are locked.
    let mut groups = BTreeMap::<(&'static str, i64), Group>::new();
    for (signal, id) in signals {
        let (kind, post_id) = (signal.kind.as_str(), stored_post(signal));
        if new.remove(&(kind.to_owned(), post_id, signal.actor_id.to_i64())) {
            groups.entry((kind, post_id)).or_insert((*id, Vec::new())).1.push(signal.actor_id);
        }
    }
    let mut changed = Vec::with_capacity(groups.len());
    for ((kind, post_id), group) in groups {
        changed.push(join_or_open(scope, user_id, kind, post_id, group, now).await?);
    }
    Ok(changed)
}

/// Adds a group to the unread notification of its kind and post, or opens one.
async fn join_or_open<S: Scope>(
    scope: &mut S,
    user_id: UserId,
    kind: &str,
    post_id: i64,
    (id, actors): Group,
    now: Timestamp,
) -> StoreResult<Notification> {
    let upsert = sql!(
        "INSERT INTO notifications AS old (id, user_id, kind, post_id, actor_ids, actor_count, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (user_id, kind, post_id) WHERE " [not "is_read"] " DO UPDATE SET
             actor_count = old.actor_count + excluded.actor_count,
             updated_at = " [greatest] "(old.updated_at, excluded.updated_at),
             actor_ids = "
             {sqlite: "
             (SELECT json_group_array(actor ORDER BY place) FROM (
                 SELECT value AS actor, key AS place FROM json_each(excluded.actor_ids)
                 UNION ALL SELECT value, $8 + key FROM json_each(old.actor_ids)
                 ORDER BY 2 LIMIT $8))",
             postgres: "(excluded.actor_ids || old.actor_ids)[1:$8]"} "
         RETURNING *"
    );
    let newest_first: Vec<UserId> = actors.iter().rev().take(NAMED_ACTORS).copied().collect();
    let upsert = upsert.bind(id).bind(user_id).bind(kind).bind(post_id).bind(newest_first).bind(actors.len());
    Ok(NotificationRow::into_notification(scope.fetch_one(upsert.bind(now).bind(NAMED_ACTORS)).await?))
}
