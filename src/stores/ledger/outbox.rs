//! The transactional outbox. Rows are written by [`Scope::record`](super::dialect::Scope::record).

use super::{Dialect, Pool, Scope, SqlLedger, rows::*};
use async_trait::async_trait;
use tessera_domain::{Timestamp, event::Event};
use tessera_ports::{
    StoreResult,
    ledger::{DeadEvent, MAX_COUNTED, MAX_EVENT_ATTEMPTS, OutboxCounts, OutboxEvent, OutboxLedger},
};

#[async_trait]
impl<D: Dialect> OutboxLedger for SqlLedger<D> {
    async fn claim_events(&self, limit: usize, lease_ms: i64, now: Timestamp) -> StoreResult<Vec<OutboxEvent>> {
        let mut claimed = Vec::new();
        loop {
            // One pass over the oldest due events that nobody else is claiming: leases those that have attempts left
            // and buries the others.
            let pass = sql!(
                "WITH due AS (
                     SELECT id FROM outbox WHERE " [not "is_dead"] " AND due_at <= $1 ORDER BY id LIMIT $3"
                     [skip_locked] ")
                 UPDATE outbox SET is_dead = attempts >= $4, attempts = " [least] "(attempts + 1, $4), due_at = $2,
                     lease_token = CASE WHEN attempts < $4 THEN $5 END
                 WHERE id " [in "due"] " RETURNING id, attempts, lease_token, event"
            );
            let pass = pass.bind(now).bind(now.plus_ms(lease_ms)).bind(limit - claimed.len()).bind(MAX_EVENT_ATTEMPTS);
            let rows = match self.background.write_returning(pass.bind(self.new_lease_token())).await {
                Ok(rows) => rows,
                // What an earlier pass has leased is not held back until the lease runs out.
                Err(error) if claimed.is_empty() => return Err(error),
                Err(_) => return Ok(claimed),
            };
            let buried_any = rows.iter().any(|(_, _, token, _): &ClaimedRow| token.is_none());
            claimed.extend(rows.into_iter().filter_map(leased));
            if !buried_any {
                claimed.sort_unstable_by_key(|event| event.id);
                return Ok(claimed);
            }
        }
    }

    async fn acknowledge_events(&self, handled: &[(i64, u64)]) -> StoreResult<()> {
        let delete = sql!(
            "DELETE FROM outbox "
            {sqlite: "WHERE (id, lease_token) IN (SELECT id, token FROM ", postgres: "USING "}
            [rows "$1" "$2" as "handled" ("id" "token")]
            {sqlite: ")", postgres: " WHERE outbox.id = handled.id AND outbox.lease_token = handled.token"}
        );
        let (ids, tokens): (Vec<i64>, Vec<i64>) = handled.iter().map(|(id, token)| (*id, *token as i64)).unzip();
        self.background.execute(delete.bind_rows([ids.into(), tokens.into()])).await.map(drop)
    }

    async fn retry_event(&self, id: i64, lease_token: u64, retry_at: Timestamp, error: &str) -> StoreResult<()> {
        let update = sql!(
            "UPDATE outbox SET due_at = $3, last_error = $4, lease_token = NULL WHERE id = $1 AND lease_token = $2"
        );
        let update = update.bind(id).bind(lease_token as i64).bind(retry_at).bind(error);
        self.background.execute(update).await.map(drop)
    }

    async fn outbox_counts(&self) -> StoreResult<OutboxCounts> {
        let query = sql!(
            "SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE " [not "is_dead"] " LIMIT $1) AS pending),
                    (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE " [is "is_dead"] " LIMIT $1) AS dead)"
        );
        let counts = |(pending, dead)| OutboxCounts { pending: unsigned(pending), dead: unsigned(dead) };
        Ok(self.requests.fetch_optional(query.bind(MAX_COUNTED), counts).await?.unwrap_or_default())
    }

    async fn dead_events(&self, after: Option<i64>, limit: usize) -> StoreResult<Vec<DeadEvent>> {
        let query = sql!(
            "SELECT id, event, attempts, last_error FROM outbox WHERE " [is "is_dead"] " AND id > $1 ORDER BY id LIMIT $2"
        );
        let dead = |(id, event, attempts, last_error)| DeadEvent { id, event, attempts: small(attempts), last_error };
        self.requests.fetch_all(query.bind(after.unwrap_or(0)).bind(limit), dead).await
    }

    async fn revive_event(&self, id: i64) -> StoreResult<bool> {
        self.background.transact(id, |scope, id| Box::pin(revive(scope, *id))).await
    }
}

async fn revive<S: Scope>(scope: &mut S, id: i64) -> StoreResult<bool> {
    let update = sql!("UPDATE outbox SET is_dead = false, attempts = 0, due_at = 0 WHERE id = $1 AND " [is "is_dead"]);
    let revived = scope.execute(update.bind(id)).await? == 1;
    if revived {
        scope.wake_outbox();
    }
    Ok(revived)
}

/// `(id, attempts, lease_token, event)`.
type ClaimedRow = (i64, i64, Option<i64>, String);

/// The event of a row that was leased, if it can be read.
fn leased((id, attempt, token, event): ClaimedRow) -> Option<OutboxEvent> {
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
