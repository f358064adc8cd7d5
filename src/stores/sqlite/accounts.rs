//! Accounts, sessions and saved replies.

use super::{SqliteLedger, discovery::write_words, rows::*};
use async_trait::async_trait;
use tessera_domain::{
    Timestamp, UserId,
    event::Event,
    time::DAY_MS,
    user::{User, Username},
};
use tessera_ports::{
    StoreResult,
    ledger::{AccountLedger, CreateUserOutcome, NewUser, ProfileChange, SavedReply, TokenHash},
};

/// How long a saved reply answers repetitions.
const SAVED_REPLY_MS: i64 = DAY_MS;

#[async_trait]
impl AccountLedger for SqliteLedger {
    async fn create_user(&self, user: NewUser) -> StoreResult<CreateUserOutcome> {
        self.write(move |scope| {
            Box::pin(async move {
                let insert = sqlx::query(
                    "INSERT INTO users (id, username, display_name, password_hash, created_at)
                     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (username) DO NOTHING",
                );
                let insert = insert
                    .bind(user.id.to_i64())
                    .bind(user.username.as_str())
                    .bind(&user.display_name)
                    .bind(&user.password_hash)
                    .bind(user.created_at.0);
                if scope.execute(insert).await? == 1 {
                    write_words(scope, user.id, user.username.as_str(), &user.display_name).await?;
                    return Ok(CreateUserOutcome::Created);
                }
                // The same account sent again, after an unknown outcome, is not a second one.
                let same = sqlx::query_scalar("SELECT count(*) FROM users WHERE id = ?1 AND username = ?2");
                let same = scope.count(same.bind(user.id.to_i64()).bind(user.username.as_str())).await?;
                Ok(if same == 1 { CreateUserOutcome::Created } else { CreateUserOutcome::UsernameTaken })
            })
        })
        .await
    }

    async fn credentials(&self, username: &Username) -> StoreResult<Option<(UserId, String)>> {
        let query = sqlx::query_as("SELECT id, password_hash FROM users WHERE username = ?1 AND deleted_at IS NULL");
        let row: Option<(i64, String)> = self.fetch_optional(query.bind(username.as_str())).await?;
        Ok(row.map(|(id, password_hash)| (UserId::from_i64(id), password_hash)))
    }

    async fn create_session(
        &self,
        token_hash: TokenHash,
        user_id: UserId,
        created_at: Timestamp,
        expires_at: Timestamp,
    ) -> StoreResult<()> {
        self.write(move |scope| {
            Box::pin(async move {
                let insert = sqlx::query(
                    "INSERT INTO sessions (token_hash, user_id, created_at, expires_at)
                     VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                );
                let insert = insert.bind(&token_hash[..]).bind(user_id.to_i64()).bind(created_at.0).bind(expires_at.0);
                scope.execute(insert).await.map(|_| ())
            })
        })
        .await
    }

    async fn session_user(&self, token_hash: TokenHash, now: Timestamp) -> StoreResult<Option<UserId>> {
        let query = sqlx::query_as(
            "SELECT s.user_id FROM sessions s JOIN users u ON u.id = s.user_id
             WHERE s.token_hash = ?1 AND s.expires_at > ?2 AND u.deleted_at IS NULL",
        );
        let row: Option<(i64,)> = self.fetch_optional(query.bind(&token_hash[..]).bind(now.0)).await?;
        Ok(row.map(|(id,)| UserId::from_i64(id)))
    }

    async fn delete_session(&self, token_hash: TokenHash) -> StoreResult<bool> {
        self.write(move |scope| {
            Box::pin(async move {
                let delete = sqlx::query("DELETE FROM sessions WHERE token_hash = ?1");
                Ok(scope.execute(delete.bind(&token_hash[..])).await? > 0)
            })
        })
        .await
    }

    async fn users(&self, ids: &[UserId]) -> StoreResult<Vec<User>> {
        let query = sqlx::query_as::<_, UserRow>("SELECT * FROM users WHERE id IN (SELECT value FROM json_each(?1))");
        let rows = self.fetch_all(query.bind(json_list(ids.iter().map(|id| id.to_i64())))).await?;
        Ok(rows.into_iter().map(User::from).collect())
    }

    async fn user_by_name(&self, username: &Username) -> StoreResult<Option<User>> {
        let query = sqlx::query_as::<_, UserRow>("SELECT * FROM users WHERE username = ?1 AND deleted_at IS NULL");
        Ok(self.fetch_optional(query.bind(username.as_str())).await?.map(User::from))
    }

    async fn update_profile(&self, user_id: UserId, change: ProfileChange) -> StoreResult<Option<User>> {
        self.write(move |scope| {
            Box::pin(async move {
                let update = sqlx::query_as::<_, UserRow>(
                    "UPDATE users SET display_name = coalesce(?2, display_name), bio = coalesce(?3, bio),
                     private = coalesce(?4, private)
                     WHERE id = ?1 AND deleted_at IS NULL RETURNING *",
                );
                let update =
                    update.bind(user_id.to_i64()).bind(&change.display_name).bind(&change.bio).bind(change.private);
                let Some(row) = scope.fetch_optional(update).await? else { return Ok(None) };
                scope.record(&Event::UserChanged { user_id }).await?;
                let user = User::from(row);
                if change.display_name.is_some() {
                    write_words(scope, user_id, user.username.as_str(), &user.display_name).await?;
                }
                Ok(Some(user))
            })
        })
        .await
    }

    async fn saved_reply(&self, scope: &str, key: &str, now: Timestamp) -> StoreResult<Option<SavedReply>> {
        let query = sqlx::query_as(
            "SELECT fingerprint, status, body FROM saved_replies
             WHERE scope = ?1 AND idempotency_key = ?2 AND created_at > ?3",
        );
        let query = query.bind(scope).bind(key).bind(now.plus_ms(-SAVED_REPLY_MS).0);
        let row: Option<(Vec<u8>, u16, Vec<u8>)> = self.fetch_optional(query).await?;
        row.map(|(fingerprint, status, body)| {
            let fingerprint = fingerprint
                .try_into()
                .map_err(|_| super::errors::corrupt("a saved reply's fingerprint is not 32 bytes long"))?;
            Ok(SavedReply { fingerprint, status, body })
        })
        .transpose()
    }

    async fn save_reply(&self, scope: &str, key: &str, reply: SavedReply, now: Timestamp) -> StoreResult<()> {
        let (reply_scope, key) = (scope.to_owned(), key.to_owned());
        self.write(move |scope| {
            Box::pin(async move {
                // One that is too old to be given out makes room.
                let insert = sqlx::query(
                    "INSERT INTO saved_replies (scope, idempotency_key, fingerprint, status, body, created_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT (scope, idempotency_key) DO UPDATE SET fingerprint = excluded.fingerprint,
                     status = excluded.status, body = excluded.body, created_at = excluded.created_at
                     WHERE saved_replies.created_at <= ?7",
                );
                let insert = insert
                    .bind(&reply_scope)
                    .bind(&key)
                    .bind(&reply.fingerprint[..])
                    .bind(reply.status)
                    .bind(&reply.body)
                    .bind(now.0)
                    .bind(now.plus_ms(-SAVED_REPLY_MS).0);
                scope.execute(insert).await.map(|_| ())
            })
        })
        .await
    }
}
