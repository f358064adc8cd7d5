//! Inboxes. A signal is recorded once for ever; the unread notification of its kind and post grows by it.
//!
//! What of a notification stands is decided when it is read, from the likes, comments, follows, posts and blocks as
//! they are then: so nothing need be taken back when one of those goes, and what is shown and what is counted agree.

use super::{Dialect, Pool, Scope, SqlLedger, Statement, rows::*};
use async_trait::async_trait;
use std::collections::{BTreeMap, HashSet};
use tessera_domain::{
    CommentId, NotificationId, Timestamp, UserId,
    notification::{KNOWN_SIGNALS, Notification, Signal},
};
use tessera_ports::{
    StoreResult,
    ledger::{MAX_PAGE, NotificationLedger, NotificationPosition},
};

/// A query around the one condition on what stands: of the notification `n`, whose post, if it is there, is `p`, those
/// known actors (`told.actor_id`, the latest with the smallest `told.place`) of whom something does.
///
/// Each question has one row at the most and is asked in a way in which Postgres cannot answer it for all rows at once.
macro_rules! around_standing {
    ([$($before:tt)+] [$($after:tt)+]) => {
        sql!(
            $($before)+ "
             FROM (SELECT known.value AS actor_id, known.key AS place FROM " [list "n.actor_ids" as "known"] "
                   WHERE n.kind <> 'comment' OR n.comment_ids = " {sqlite: "'[]'", postgres: "'{}'"} "
                   UNION ALL
                   SELECT c.author_id, known.key FROM " [list "n.comment_ids" as "known"] "
                   " [join] " comments c ON c.id = known.value) AS told
             " [join] " users u ON u.id = told.actor_id
             WHERE u.deleted_at IS NULL
             AND (SELECT true FROM blocks WHERE blocker_id = n.user_id AND blocked_id = u.id) IS NULL
             AND (SELECT true FROM blocks WHERE blocker_id = u.id AND blocked_id = n.user_id) IS NULL
             AND CASE n.kind
                 WHEN 'follow' THEN
                     (SELECT true FROM follows WHERE follower_id = u.id AND followee_id = n.user_id) IS NOT NULL
                 ELSE p.id IS NOT NULL
                     AND (n.kind <> 'like'
                          OR (SELECT true FROM likes WHERE post_id = n.post_id AND user_id = u.id) IS NOT NULL)
                     AND (p.author_id = n.user_id OR NOT u.private OR
                          (SELECT true FROM follows WHERE follower_id = n.user_id AND followee_id = u.id) IS NOT NULL)
                 END" $($after)+
        )
    };
}

#[async_trait]
impl<D: Dialect> NotificationLedger for SqlLedger<D> {
    async fn record_signals(
        &self,
        user_id: UserId,
        signals: &[(Signal, NotificationId)],
        now: Timestamp,
    ) -> StoreResult<Vec<NotificationId>> {
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
        self.requests.fetch_all(listed(user_id, after, limit), NotificationRow::into_notification).await
    }

    async fn mark_read(&self, user_id: UserId, up_to: NotificationId) -> StoreResult<u64> {
        let mut changed = 0;
        loop {
            // The newest first: once `up_to` is read it keeps its place.
            let update = sql!(
                "UPDATE notifications SET is_read = true WHERE " [not "is_read"] " AND id IN (
                     SELECT id FROM notifications" [index "notifications_unread_by_time"] "
                     WHERE user_id = $1 AND " [not "is_read"] " AND (updated_at, id) <=
                         (SELECT updated_at, id FROM notifications WHERE id = $2 AND user_id = $1)
                     ORDER BY updated_at DESC, id DESC LIMIT $3)"
            );
            let step = self.requests.execute(update.bind(user_id).bind(up_to).bind(MAX_PAGE)).await?;
            changed += step;
            if step < MAX_PAGE as u64 {
                return Ok(changed);
            }
        }
    }

    async fn unread_count(&self, user_id: UserId) -> StoreResult<u64> {
        let count = self.requests.fetch_optional(unread(user_id), |(count,): (i64,)| unsigned(count)).await?;
        Ok(count.unwrap_or(0))
    }
}

/// A page of an inbox, with what stands.
pub(super) fn listed(user_id: UserId, after: Option<NotificationPosition>, limit: usize) -> Statement {
    let query = around_standing!(
        [
            "SELECT n.id, n.kind, n.post_id, n.actor_ids, n.actor_count, n.is_read, n.updated_at,
             coalesce(p.author_id = n.user_id, false) AS own_post,
             coalesce((SELECT " {sqlite: "json_group_array", postgres: "array_agg"} "(actor_id ORDER BY place)
              FROM (SELECT told.actor_id, min(told.place) AS place"
        ] [
            " GROUP BY told.actor_id) AS standing), " {sqlite: "'[]'", postgres: "'{}'"} ") AS standing_ids
             FROM (SELECT * FROM notifications" [index "notifications_by_time"] "
                   WHERE user_id = $1 AND (updated_at, id) < ($2, $3)
                   ORDER BY updated_at DESC, id DESC LIMIT $4) AS n LEFT JOIN posts p ON p.id = n.post_id
             ORDER BY n.updated_at DESC, n.id DESC"
        ]
    );
    let (updated_at, id) = after.map_or((i64::MAX, i64::MAX), |(time, id)| (time.0, id.to_i64()));
    query.bind(user_id).bind(updated_at).bind(id).bind(limit)
}

/// How many of the newest that are unread have anything that stands.
pub(super) fn unread(user_id: UserId) -> Statement {
    let query = around_standing!(
        [
            "SELECT count(*) FROM (
                 SELECT * FROM notifications" [index "notifications_unread_by_time"] "
                 WHERE user_id = $1 AND " [not "is_read"] " ORDER BY updated_at DESC, id DESC LIMIT $2) AS n
             LEFT JOIN posts p ON p.id = n.post_id
             WHERE EXISTS (SELECT 1"
        ] [")"]
    );
    query.bind(user_id).bind(MAX_PAGE)
}

/// New signals of one kind and post.
struct Group {
    /// The notification that they open if none is unread.
    id: NotificationId,
    /// Each once, the latest first.
    actors: Vec<UserId>,
    /// Those that the signals tell of, the latest first.
    comments: Vec<CommentId>,
}

impl Group {
    /// Of signals of one kind and post, oldest first.
    fn new(signals: &[(Signal, NotificationId)]) -> Self {
        let latest = || signals.iter().rev().map(|(signal, _)| signal);
        let mut seen = HashSet::new();
        Self {
            id: signals[0].1,
            actors: latest().map(|signal| signal.actor_id).filter(|actor_id| seen.insert(*actor_id)).collect(),
            comments: latest().filter_map(|signal| signal.comment_id).collect(),
        }
    }
}

/// A signal's kind, post, actor and comment as they are stored.
type StoredSignal = (String, i64, i64, i64);

fn stored(signal: &Signal) -> StoredSignal {
    let post_id = signal.post_id.map_or(0, |id| id.to_i64());
    let comment_id = signal.comment_id.map_or(0, |id| id.to_i64());
    (signal.kind.as_str().to_owned(), post_id, signal.actor_id.to_i64(), comment_id)
}

async fn record_signals<S: Scope>(
    scope: &mut S,
    user_id: UserId,
    signals: &[(Signal, NotificationId)],
    now: Timestamp,
) -> StoreResult<Vec<NotificationId>> {
    let mut new = insert_signals(scope, user_id, signals).await?;
    // By kind and post, the order in which their notifications are locked.
    let mut groups = BTreeMap::<(&'static str, i64), Vec<(Signal, NotificationId)>>::new();
    for (signal, id) in signals {
        let stored = stored(signal);
        if new.remove(&stored) {
            groups.entry((signal.kind.as_str(), stored.1)).or_default().push((*signal, *id));
        }
    }
    let mut changed = Vec::with_capacity(groups.len());
    for ((kind, post_id), signals) in groups {
        changed.push(join_or_open(scope, user_id, kind, post_id, Group::new(&signals), now).await?);
    }
    Ok(changed)
}

/// Writes those signals that are new; gives them.
async fn insert_signals<S: Scope>(
    scope: &mut S,
    user_id: UserId,
    signals: &[(Signal, NotificationId)],
) -> StoreResult<HashSet<StoredSignal>> {
    let insert = sql!(
        "INSERT INTO notification_signals (user_id, kind, post_id, actor_id, comment_id)
         SELECT $1, kind, post_id, actor_id, comment_id
         FROM " [rows "$2" "$3" "$4" "$5" as "signal" ("kind" "post_id" "actor_id" "comment_id")] " WHERE true
         ORDER BY kind, post_id, actor_id, comment_id
         ON CONFLICT DO NOTHING RETURNING kind, post_id, actor_id, comment_id"
    );
    let stored: Vec<StoredSignal> = signals.iter().map(|(signal, _)| stored(signal)).collect();
    let kinds: Vec<&str> = stored.iter().map(|(kind, ..)| kind.as_str()).collect();
    let posts: Vec<i64> = stored.iter().map(|(_, post_id, ..)| *post_id).collect();
    let actors: Vec<i64> = stored.iter().map(|(_, _, actor_id, _)| *actor_id).collect();
    let comments: Vec<i64> = stored.iter().map(|(.., comment_id)| *comment_id).collect();
    let rows = [kinds.into(), posts.into(), actors.into(), comments.into()];
    Ok(scope.fetch_all(insert.bind(user_id).bind_rows(rows)).await?.into_iter().collect())
}

/// Adds a group to the unread notification of its kind and post, or opens one; gives which.
async fn join_or_open<S: Scope>(
    scope: &mut S,
    user_id: UserId,
    kind: &str,
    post_id: i64,
    group: Group,
    now: Timestamp,
) -> StoreResult<NotificationId> {
    let upsert = sql!(
        "INSERT INTO notifications AS old
             (id, user_id, kind, post_id, actor_ids, comment_ids, actor_count, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (user_id, kind, post_id) WHERE " [not "is_read"] " DO UPDATE SET
             actor_count = old.actor_count + excluded.actor_count - (
                 SELECT count(*) FROM " [list "old.actor_ids" as "known"] " WHERE known.value " [any "$9"] "),
             updated_at = " [greatest] "(old.updated_at, excluded.updated_at),
             actor_ids = "
             {sqlite: "
             (SELECT json_group_array(actor ORDER BY place) FROM (
                 SELECT value AS actor, key AS place FROM json_each(excluded.actor_ids)
                 UNION ALL SELECT value, $10 + key FROM json_each(old.actor_ids)
                     WHERE value NOT IN (SELECT value FROM json_each($9))
                 ORDER BY 2 LIMIT $10)),
             comment_ids = (SELECT json_group_array(comment ORDER BY place) FROM (
                 SELECT value AS comment, key AS place FROM json_each(excluded.comment_ids)
                 UNION ALL SELECT value, $10 + key FROM json_each(old.comment_ids)
                 ORDER BY 2 LIMIT $10))",
             postgres: "(excluded.actor_ids || ARRAY(
                 SELECT value FROM unnest(old.actor_ids) WITH ORDINALITY AS known (value, key)
                 WHERE value <> ALL($9) ORDER BY key))[1:$10],
             comment_ids = (excluded.comment_ids || old.comment_ids)[1:$10]"} "
         RETURNING id"
    );
    let known_actors = &group.actors[..group.actors.len().min(KNOWN_SIGNALS)];
    let known_comments = &group.comments[..group.comments.len().min(KNOWN_SIGNALS)];
    let upsert = upsert.bind(group.id).bind(user_id).bind(kind).bind(post_id).bind(known_actors).bind(known_comments);
    let upsert = upsert.bind(group.actors.len()).bind(now).bind(group.actors).bind(KNOWN_SIGNALS);
    let (id,): (i64,) = scope.fetch_one(upsert).await?;
    Ok(NotificationId::from_i64(id))
}
