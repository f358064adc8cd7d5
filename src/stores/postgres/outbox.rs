//! The transactional outbox. Rows are written in the transactions of what they tell of.

use super::{PostgresLedger, lane::Effect, rows::*};
use async_trait::async_trait;
use tessera_domain::{Timestamp, event::Event};
use tessera_ports::{
    StoreResult,
    ledger::{DeadEvent, MAX_EVENT_ATTEMPTS, OutboxCounts, OutboxEvent, OutboxLedger},
};

/// One pass over the oldest due events that nobody else is claiming: leases those that have attempts left and
/// buries the others.
const CLAIM: &str = "WITH due AS (
         SELECT id FROM outbox WHERE NOT is_dead AND due_at <= $1 ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)
     UPDATE outbox SET is_dead = attempts >= $4, attempts = least(attempts + 1, $4), due_at = $2,
         lease_token = CASE WHEN attempts < $4 THEN $5 + floor(random() * 281474976710656)::bigint END
     WHERE id = ANY(ARRAY(TABLE due)) RETURNING id, attempts, lease_token, event";

#[async_trait]
impl OutboxLedger for PostgresLedger {
    async fn claim_events(&self, page: usize, lease_ms: i64, now: Timestamp) -> StoreResult<Vec<OutboxEvent>> {
        let mut claimed = Vec::new();
        loop {
            let pass = sqlx::query_as(CLAIM)
                .bind(now.0)
                .bind(now.plus_ms(lease_ms).0)
                .bind(limit(page - claimed.len()))
                .bind(i64::from(MAX_EVENT_ATTEMPTS))
                .bind(self.lease_prefix());
            let rows: Vec<(i64, i64, Option<i64>, String)> = match self.back.fetch_all(Effect::Write, pass).await {
                Ok(rows) => rows,
                // What an earlier pass has leased is not held back until the lease runs out.
                Err(error) if claimed.is_empty() => return Err(error),
                Err(_) => return Ok(claimed),
            };
            let buried_any = rows.iter().any(|(_, _, token, _)| token.is_none());
            claimed.extend(rows.into_iter().filter_map(leased));
            if !buried_any {
                claimed.sort_unstable_by_key(|event| event.id);
                return Ok(claimed);
            }
        }
    }

    async fn acknowledge_events(&self, handled: &[(i64, u64)]) -> StoreResult<()> {
        let delete = sqlx::query(
            "DELETE FROM outbox USING unnest($1::bigint[], $2::bigint[]) AS handled (id, token)
             WHERE outbox.id = handled.id AND outbox.lease_token = handled.token",
        );
        let (ids, tokens): (Vec<i64>, Vec<i64>) = handled.iter().map(|(id, token)| (*id, *token as i64)).unzip();
        self.back.execute(delete.bind(ids).bind(tokens)).await.map(|_| ())
    }

    async fn retry_event(&self, id: i64, lease_token: u64, retry_at: Timestamp, error: &str) -> StoreResult<()> {
        let update = sqlx::query(
            "UPDATE outbox SET due_at = $3, last_error = $4, lease_token = NULL
             WHERE id = $1 AND lease_token = $2",
        );
        let update = update.bind(id).bind(lease_token as i64).bind(retry_at.0).bind(error);
        self.back.execute(update).await.map(|_| ())
    }

    async fn outbox_counts(&self) -> StoreResult<OutboxCounts> {
        let query = sqlx::query_as(
            "SELECT (SELECT count(*) FROM outbox WHERE NOT is_dead), (SELECT count(*) FROM outbox WHERE is_dead)",
        );
        let (pending, dead): (i64, i64) = self.fetch_optional(query).await?.unwrap_or_default();
        Ok(OutboxCounts { pending: unsigned(pending), dead: unsigned(dead) })
    }

    async fn dead_events(&self, page: usize) -> StoreResult<Vec<DeadEvent>> {
        let query =
            sqlx::query_as("SELECT id, event, attempts, last_error FROM outbox WHERE is_dead ORDER BY id LIMIT $1");
        let rows: Vec<(i64, String, i64, Option<String>)> = self.fetch_all(query.bind(limit(page))).await?;
        let dead = |(id, event, attempts, last_error)| DeadEvent { id, event, attempts: small(attempts), last_error };
        Ok(rows.into_iter().map(dead).collect())
    }

    async fn revive_event(&self, id: i64) -> StoreResult<bool> {
        let update =
            sqlx::query("UPDATE outbox SET is_dead = false, attempts = 0, due_at = 0 WHERE id = $1 AND is_dead");
        let revived = self.back.execute(update.bind(id)).await? == 1;
        self.announcer.announce(revived, false);
        Ok(revived)
    }
}

/// The event of a row that was leased, if it can be read.
fn leased((id, attempt, token, event): (i64, i64, Option<i64>, String)) -> Option<OutboxEvent> {
    let lease_token = token? as u64;
    match serde_json::from_str::<Event>(&event) {
        Ok(event) => Some(OutboxEvent { id, attempt: small(attempt), lease_token, event }),
        Err(error) => {
            // It keeps its lease, so its attempts run out and it ends with the dead, holding up nobody.
            tracing::error!(id, attempt, %error, "an outbox event is unreadable");
            None
        }
    }
}
