//! Accounts, sessions and saved replies.

use super::{Dialect, Pool, Scope, SqlLedger, discovery::write_words, rows::*};
use async_trait::async_trait;
use tessera_domain::{
    Timestamp, UserId,
    event::Event,
    time::DAY_MS,
    user::{User, Username},
};
use tessera_ports::{
    StoreResult,
    ledger::{AccountLedger, CreateUserOutcome, NewUser, ProfileChange, ReplyLedger, SavedReply, TokenHash},
};

/// How long a saved reply answers repetitions.
const SAVED_REPLY_MS: i64 = DAY_MS;

#[async_trait]
impl<D: Dialect> AccountLedger for SqlLedger<D> {
    async fn create_user(&self, user: NewUser) -> StoreResult<CreateUserOutcome> {
        self.requests.transact(user, |scope, user| Box::pin(create_user(scope, user))).await
    }

    async fn credentials(&self, username: &Username) -> StoreResult<Option<(UserId, String)>> {
        let query = sql!("SELECT id, password_hash FROM users WHERE username = $1 AND deleted_at IS NULL");
        let credentials = |(id, password_hash): (i64, String)| (UserId::from_i64(id), password_hash);
        self.requests.fetch_optional(query.bind(username.as_str()), credentials).await
    }

    async fn create_session(
        &self,
        token_hash: TokenHash,
        user_id: UserId,
        created_at: Timestamp,
        expires_at: Timestamp,
    ) -> StoreResult<()> {
        let insert = sql!(
            "INSERT INTO sessions (token_hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING"
        );
        self.requests.execute(insert.bind(token_hash).bind(user_id).bind(created_at).bind(expires_at)).await.map(drop)
    }

    async fn session_user(&self, token_hash: TokenHash, now: Timestamp) -> StoreResult<Option<UserId>> {
        let query = sql!(
            "SELECT s.user_id FROM sessions s JOIN users u ON u.id = s.user_id
             WHERE s.token_hash = $1 AND s.expires_at > $2 AND u.deleted_at IS NULL"
        );
        self.requests.fetch_optional(query.bind(token_hash).bind(now), user_id).await
    }

    async fn delete_session(&self, token_hash: TokenHash) -> StoreResult<bool> {
        let delete = sql!("DELETE FROM sessions WHERE token_hash = $1");
        Ok(self.requests.execute(delete.bind(token_hash)).await? > 0)
    }

    async fn users(&self, ids: &[UserId]) -> StoreResult<Vec<User>> {
        let query = sql!("SELECT * FROM users WHERE id " [any "$1"]);
        self.requests.fetch_all(query.bind(ids), UserRow::into_user).await
    }

    async fn user_by_name(&self, username: &Username) -> StoreResult<Option<User>> {
        let query = sql!("SELECT * FROM users WHERE username = $1 AND deleted_at IS NULL");
        self.requests.fetch_optional(query.bind(username.as_str()), UserRow::into_user).await
    }

    async fn account_ids(&self, after: Option<UserId>, limit: usize) -> StoreResult<Vec<UserId>> {
        let query = sql!("SELECT id FROM users WHERE id > $1 ORDER BY id LIMIT $2");
        self.requests.fetch_all(query.bind(after.unwrap_or(UserId(0))).bind(limit), user_id).await
    }

    async fn update_profile(&self, user_id: UserId, change: ProfileChange) -> StoreResult<Option<User>> {
        self.requests
            .transact((user_id, change), |scope, (id, change)| Box::pin(update_profile(scope, *id, change)))
            .await
    }
}

#[async_trait]
impl<D: Dialect> ReplyLedger for SqlLedger<D> {
    async fn saved_reply(&self, scope: &str, key: &str, now: Timestamp) -> StoreResult<Option<SavedReply>> {
        let query = sql!(
            "SELECT fingerprint, status, body FROM saved_replies
             WHERE scope = $1 AND idempotency_key = $2 AND created_at > $3"
        );
        let query = query.bind(scope).bind(key).bind(now.plus_ms(-SAVED_REPLY_MS));
        self.requests.fetch_optional(query, SavedReplyRow::into_reply).await
    }

    async fn save_reply(&self, scope: &str, key: &str, reply: SavedReply, now: Timestamp) -> StoreResult<()> {
        // One that is too old to be given out makes room.
        let insert = sql!(
            "INSERT INTO saved_replies (scope, idempotency_key, fingerprint, status, body, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (scope, idempotency_key) DO UPDATE SET fingerprint = excluded.fingerprint,
                 status = excluded.status, body = excluded.body, created_at = excluded.created_at
             WHERE saved_replies.created_at <= $7"
        );
        let insert = insert.bind(scope).bind(key).bind(reply.fingerprint).bind(reply.label).bind(reply.body);
        self.requests.execute(insert.bind(now).bind(now.plus_ms(-SAVED_REPLY_MS))).await.map(drop)
    }
}

async fn create_user<S: Scope>(scope: &mut S, user: &NewUser) -> StoreResult<CreateUserOutcome> {
    let insert = sql!(
        "INSERT INTO users (id, username, display_name, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (username) DO NOTHING"
    );
    let insert = insert.bind(user.id).bind(user.username.as_str()).bind(&user.display_name);
    if scope.execute(insert.bind(&user.password_hash).bind(user.created_at)).await? == 1 {
        write_words(scope, user.id, user.username.as_str(), &user.display_name).await?;
        return Ok(CreateUserOutcome::Created);
    }
    // The same account sent again, after an unknown outcome, is not a second one.
    let same = sql!("SELECT count(*) FROM users WHERE id = $1 AND username = $2");
    let (same,): (i64,) = scope.fetch_one(same.bind(user.id).bind(user.username.as_str())).await?;
    Ok(if same == 1 { CreateUserOutcome::Created } else { CreateUserOutcome::UsernameTaken })
}

async fn update_profile<S: Scope>(scope: &mut S, user_id: UserId, change: &ProfileChange) -> StoreResult<Option<User>> {
    let update = sql!(
        "UPDATE users SET display_name = coalesce($2, display_name), bio = coalesce($3, bio),
             private = coalesce($4, private)
         WHERE id = $1 AND deleted_at IS NULL RETURNING *"
    );
    let update = update.bind(user_id).bind(&change.display_name).bind(&change.bio).bind(change.private);
    let Some(user) = scope.fetch_optional(update).await?.map(UserRow::into_user) else { return Ok(None) };
    if change.display_name.is_some() {
        write_words(scope, user_id, user.username.as_str(), &user.display_name).await?;
    }
    scope.record(&Event::UserChanged { user_id }).await?;
    Ok(Some(user))
}
