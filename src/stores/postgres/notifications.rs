//! Inboxes. A signal is recorded once for ever; the unread notification of its kind and post grows by it.

use super::{PostgresLedger, rows::*, transaction::Scope};
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
impl NotificationLedger for PostgresLedger {
    async fn record_signals(
        &self,
        user_id: UserId,
        signals: &[(Signal, NotificationId)],
        now: Timestamp,
    ) -> StoreResult<Vec<Notification>> {
        self.transact(&self.requests, (user_id, signals, now), |scope, (user_id, signals, now)| {
            Box::pin(record_signals(scope, *user_id, signals, *now))
        })
        .await
    }

    async fn notifications(
        &self,
        user_id: UserId,
        after: Option<NotificationPosition>,
        page: usize,
    ) -> StoreResult<Vec<Notification>> {
        let (updated_at, id) = after.map_or((i64::MAX, i64::MAX), |(time, id)| (time.0, id.to_i64()));
        let query = sqlx::query_as::<_, NotificationRow>(
            "SELECT * FROM notifications
             WHERE user_id = $1 AND (updated_at, id) < ($2, $3) ORDER BY updated_at DESC, id DESC LIMIT $4",
        );
        let query = query.bind(user_id.to_i64()).bind(updated_at).bind(id).bind(limit(page));
        self.fetch_all(query).await?.into_iter().map(NotificationRow::into_notification).collect()
    }

    async fn mark_read(&self, user_id: UserId, up_to: NotificationId) -> StoreResult<u64> {
        let update = sqlx::query(
            "UPDATE notifications SET is_read = true
             WHERE user_id = $1 AND NOT is_read AND (updated_at, id) <=
                 (SELECT updated_at, id FROM notifications WHERE id = $2 AND user_id = $1)",
        );
        self.requests.execute(update.bind(user_id.to_i64()).bind(up_to.to_i64())).await
    }

    async fn unread_count(&self, user_id: UserId) -> StoreResult<u64> {
        let query = sqlx::query_as("SELECT count(*) FROM notifications WHERE user_id = $1 AND NOT is_read");
        let row: Option<(i64,)> = self.fetch_optional(query.bind(user_id.to_i64())).await?;
        Ok(row.map_or(0, |(count,)| unsigned(count)))
    }
}

fn stored_post(signal: &Signal) -> i64 {
    signal.post_id.map_or(0, |id| id.to_i64())
}

async fn record_signals(
    scope: &mut Scope,
    user_id: UserId,
    signals: &[(Signal, NotificationId)],
    now: Timestamp,
) -> StoreResult<Vec<Notification>> {
    let insert = sqlx::query_as(
        "INSERT INTO notification_signals (user_id, kind, post_id, actor_id)
         SELECT $1, kind, post_id, actor_id
         FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS signal (kind, post_id, actor_id)
         ORDER BY kind, post_id, actor_id
         ON CONFLICT DO NOTHING RETURNING kind, post_id, actor_id",
    );
    let insert = insert
        .bind(user_id.to_i64())
        .bind(signals.iter().map(|(signal, _)| signal.kind.as_str()).collect::<Vec<_>>())
        .bind(signals.iter().map(|(signal, _)| stored_post(signal)).collect::<Vec<_>>())
        .bind(signals.iter().map(|(signal, _)| signal.actor_id.to_i64()).collect::<Vec<_>>());
    let inserted: Vec<(String, i64, i64)> = scope.fetch_all(insert).await?;
    let mut new: HashSet<(String, i64, i64)> = inserted.into_iter().collect();

    // New signals by kind and post, the order in which their notifications are locked; the actors oldest first.
    let mut groups = BTreeMap::<(&'static str, i64), (NotificationId, Vec<i64>)>::new();
    for (signal, id) in signals {
        let (kind, post_id, actor_id) = (signal.kind.as_str(), stored_post(signal), signal.actor_id.to_i64());
        if new.remove(&(kind.to_owned(), post_id, actor_id)) {
            groups.entry((kind, post_id)).or_insert((*id, Vec::new())).1.push(actor_id);
        }
    }
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    join_or_open(scope, user_id, &groups, now).await
}

/// Adds each group to the unread notification of its kind and post, or opens one.
async fn join_or_open(
    scope: &mut Scope,
    user_id: UserId,
    groups: &BTreeMap<(&'static str, i64), (NotificationId, Vec<i64>)>,
    now: Timestamp,
) -> StoreResult<Vec<Notification>> {
    // The newest actors of each group, newest first, each beside its group's id.
    let (owners, actors): (Vec<i64>, Vec<i64>) = groups
        .values()
        .flat_map(|(id, actors)| actors.iter().rev().take(NAMED_ACTORS).map(|actor| (id.to_i64(), *actor)))
        .unzip();
    let upsert = sqlx::query_as::<_, NotificationRow>(
        "WITH named AS (
             SELECT owner, array_agg(actor ORDER BY place) AS actor_ids
             FROM unnest($5::bigint[], $6::bigint[]) WITH ORDINALITY AS named (owner, actor, place) GROUP BY owner)
         INSERT INTO notifications AS old (id, user_id, kind, post_id, actor_ids, actor_count, updated_at)
         SELECT new.id, $7, new.kind, new.post_id, named.actor_ids, new.actor_count, $8
         FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[]) AS new (id, kind, post_id, actor_count)
         JOIN named ON named.owner = new.id ORDER BY new.kind, new.post_id
         ON CONFLICT (user_id, kind, post_id) WHERE NOT is_read DO UPDATE SET
             actor_count = old.actor_count + excluded.actor_count,
             updated_at = greatest(old.updated_at, excluded.updated_at),
             actor_ids = (excluded.actor_ids || old.actor_ids)[1:$9]
         RETURNING *",
    );
    let upsert = upsert
        .bind(groups.values().map(|(id, _)| id.to_i64()).collect::<Vec<_>>())
        .bind(groups.keys().map(|(kind, _)| *kind).collect::<Vec<_>>())
        .bind(groups.keys().map(|(_, post_id)| *post_id).collect::<Vec<_>>())
        .bind(groups.values().map(|(_, actors)| limit(actors.len())).collect::<Vec<_>>())
        .bind(owners)
        .bind(actors)
        .bind(user_id.to_i64())
        .bind(now.0)
        .bind(NAMED_ACTORS as i32);
    scope.fetch_all(upsert).await?.into_iter().map(NotificationRow::into_notification).collect()
}
