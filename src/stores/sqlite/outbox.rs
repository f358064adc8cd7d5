//! The transactional outbox. Rows are written by `WriteScope::record`.

use super::{SqliteLedger, rows::*, writer::WriteScope};
use async_trait::async_trait;
use tessera_domain::{Timestamp, event::Event};
use tessera_ports::{
    StoreResult,
    ledger::{DeadEvent, MAX_EVENT_ATTEMPTS, OutboxCounts, OutboxEvent, OutboxLedger},
};

#[async_trait]
impl OutboxLedger for SqliteLedger {
    async fn claim_events(&self, limit: usize, lease_ms: i64, now: Timestamp) -> StoreResult<Vec<OutboxEvent>> {
        self.write(move |scope| Box::pin(claim(scope, limit, lease_ms, now))).await
    }

    async fn acknowledge_events(&self, handled: &[(i64, u64)]) -> StoreResult<()> {
        let handled: Vec<(i64, i64)> = handled.iter().map(|(id, token)| (*id, *token as i64)).collect();
        let handled = serde_json::to_string(&handled).map_err(super::errors::refused)?;
        self.write(move |scope| {
            Box::pin(async move {
                let delete = sqlx::query(
                    "DELETE FROM outbox WHERE (id, lease_token) IN (
                         SELECT value ->> 0, value ->> 1 FROM json_each(?1))",
                );
                scope.execute(delete.bind(handled)).await.map(|_| ())
            })
        })
        .await
    }

    async fn retry_event(&self, id: i64, lease_token: u64, retry_at: Timestamp, error: &str) -> StoreResult<()> {
        let error = error.to_owned();
        self.write(move |scope| {
            Box::pin(async move {
                let update = sqlx::query(
                    "UPDATE outbox SET due_at = ?3, last_error = ?4, lease_token = NULL
                     WHERE id = ?1 AND lease_token = ?2",
                );
                let update = update.bind(id).bind(lease_token as i64).bind(retry_at.0).bind(&error);
                scope.execute(update).await.map(|_| ())
            })
        })
        .await
    }

    async fn outbox_counts(&self) -> StoreResult<OutboxCounts> {
        let query = sqlx::query_as(
            "SELECT (SELECT count(*) FROM outbox WHERE is_dead = 0), (SELECT count(*) FROM outbox WHERE is_dead = 1)",
        );
        let (pending, dead) = self.fetch_optional::<(i64, i64)>(query).await?.unwrap_or_default();
        Ok(OutboxCounts { pending: unsigned(pending), dead: unsigned(dead) })
    }

    async fn dead_events(&self, page: usize) -> StoreResult<Vec<DeadEvent>> {
        let query =
            sqlx::query_as("SELECT id, event, attempts, last_error FROM outbox WHERE is_dead = 1 ORDER BY id LIMIT ?1");
        let rows: Vec<(i64, String, u32, Option<String>)> = self.fetch_all(query.bind(limit(page))).await?;
        Ok(rows
            .into_iter()
            .map(|(id, event, attempts, last_error)| DeadEvent { id, event, attempts, last_error })
            .collect())
    }

    async fn revive_event(&self, id: i64) -> StoreResult<bool> {
        self.write(move |scope| {
            Box::pin(async move {
                let update = sqlx::query(
                    "UPDATE outbox SET is_dead = 0, attempts = 0, due_at = 0 WHERE id = ?1 AND is_dead = 1",
                );
                let revived = scope.execute(update.bind(id)).await? == 1;
                if revived {
                    scope.wake_outbox();
                }
                Ok(revived)
            })
        })
        .await
    }
}

async fn claim(scope: &mut WriteScope, page: usize, lease_ms: i64, now: Timestamp) -> StoreResult<Vec<OutboxEvent>> {
    let mut claimed = Vec::new();
    loop {
        // One pass over the oldest due events leases those that have attempts left and buries the others.
        let pass = sqlx::query_as(
            "UPDATE outbox SET is_dead = attempts >= ?4, attempts = min(attempts + 1, ?4),
                 lease_token = iif(attempts >= ?4, NULL, random()), due_at = ?2
             WHERE id IN (SELECT id FROM outbox WHERE is_dead = 0 AND due_at <= ?1 ORDER BY id LIMIT ?3)
             RETURNING id, attempts, lease_token, event",
        );
        let pass =
            pass.bind(now.0).bind(now.plus_ms(lease_ms).0).bind(limit(page - claimed.len())).bind(MAX_EVENT_ATTEMPTS);
        let rows: Vec<(i64, u32, Option<i64>, String)> = scope.fetch_all(pass).await?;
        let buried_any = rows.iter().any(|(_, _, token, _)| token.is_none());
        for (id, attempt, token, event) in rows {
            let Some(token) = token else { continue };
            let event: Event = match serde_json::from_str(&event) {
                Ok(event) => event,
                Err(error) => {
                    // It keeps its lease, so its attempts run out and it ends with the dead, holding up nobody.
                    tracing::error!(id, attempt, %error, "an outbox event is unreadable");
                    continue;
                }
            };
            claimed.push(OutboxEvent { id, attempt, lease_token: token as u64, event });
        }
        if !buried_any {
            claimed.sort_unstable_by_key(|event| event.id);
            return Ok(claimed);
        }
    }
}
