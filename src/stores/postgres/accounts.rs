//! Accounts, sessions and saved replies.

use super::{
    PostgresLedger,
    errors::corrupt,
    lane::Effect,
    rows::*,
    transaction::{Scope, stored_event},
};
use async_trait::async_trait;
use tessera_domain::{
    Timestamp, UserId,
    event::Event,
    text::search_words,
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
impl AccountLedger for PostgresLedger {
    async fn create_user(&self, user: NewUser) -> StoreResult<CreateUserOutcome> {
        let insert = sqlx::query_as(
            "WITH created AS (
                 INSERT INTO users (id, username, display_name, password_hash, created_at)
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (username) DO NOTHING RETURNING id),
             named AS (
                 INSERT INTO user_words (word, user_id) SELECT word, id FROM created, unnest($6::text[]) AS word)
             SELECT count(*) FROM created",
        );
        let insert = insert
            .bind(user.id.to_i64())
            .bind(user.username.as_str())
            .bind(&user.display_name)
            .bind(&user.password_hash)
            .bind(user.created_at.0)
            .bind(search_words(user.username.as_str(), &user.display_name));
        let (created,): (i64,) = self.front.fetch_one(Effect::Write, insert).await?;
        if created == 1 {
            return Ok(CreateUserOutcome::Created);
        }
        // The same account sent again, after an unknown outcome, is not a second one.
        let same = sqlx::query_as("SELECT count(*) FROM users WHERE id = $1 AND username = $2");
        let same = same.bind(user.id.to_i64()).bind(user.username.as_str());
        let same: Option<(i64,)> = self.fetch_optional(same).await?;
        Ok(if same == Some((1,)) { CreateUserOutcome::Created } else { CreateUserOutcome::UsernameTaken })
    }

    async fn credentials(&self, username: &Username) -> StoreResult<Option<(UserId, String)>> {
        let query = sqlx::query_as("SELECT id, password_hash FROM users WHERE username = $1 AND deleted_at IS NULL");
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
        let insert = sqlx::query(
            "INSERT INTO sessions (token_hash, user_id, created_at, expires_at)
             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        );
        let insert = insert.bind(&token_hash[..]).bind(user_id.to_i64()).bind(created_at.0).bind(expires_at.0);
        self.front.execute(insert).await.map(|_| ())
    }

    async fn session_user(&self, token_hash: TokenHash, now: Timestamp) -> StoreResult<Option<UserId>> {
        let query = sqlx::query_as(
            "SELECT s.user_id FROM sessions s JOIN users u ON u.id = s.user_id
             WHERE s.token_hash = $1 AND s.expires_at > $2 AND u.deleted_at IS NULL",
        );
        let row: Option<(i64,)> = self.fetch_optional(query.bind(&token_hash[..]).bind(now.0)).await?;
        Ok(row.map(|(id,)| UserId::from_i64(id)))
    }

    async fn delete_session(&self, token_hash: TokenHash) -> StoreResult<bool> {
        let delete = sqlx::query("DELETE FROM sessions WHERE token_hash = $1");
        Ok(self.front.execute(delete.bind(&token_hash[..])).await? > 0)
    }

    async fn users(&self, ids: &[UserId]) -> StoreResult<Vec<User>> {
        let query = sqlx::query_as::<_, UserRow>("SELECT * FROM users WHERE id = ANY($1)");
        let ids: Vec<i64> = ids.iter().map(|id| id.to_i64()).collect();
        Ok(self.fetch_all(query.bind(ids)).await?.into_iter().map(User::from).collect())
    }

    async fn user_by_name(&self, username: &Username) -> StoreResult<Option<User>> {
        let query = sqlx::query_as::<_, UserRow>("SELECT * FROM users WHERE username = $1 AND deleted_at IS NULL");
        Ok(self.fetch_optional(query.bind(username.as_str())).await?.map(User::from))
    }

    async fn update_profile(&self, user_id: UserId, change: ProfileChange) -> StoreResult<Option<User>> {
        if change.display_name.is_some() {
            let change = (user_id, change);
            return self
                .transact(&self.front, change, |scope, (id, change)| Box::pin(rename(scope, *id, change)))
                .await;
        }
        let update = sqlx::query_as::<_, UserRow>(
            "WITH changed AS (
                 UPDATE users SET display_name = coalesce($2, display_name), bio = coalesce($3, bio),
                 private = coalesce($4, private)
                 WHERE id = $1 AND deleted_at IS NULL RETURNING *),
             told AS (INSERT INTO outbox (event) SELECT $5 FROM changed)
             SELECT * FROM changed",
        );
        let update = update
            .bind(user_id.to_i64())
            .bind(change.display_name)
            .bind(change.bio)
            .bind(change.private)
            .bind(stored_event(&Event::UserChanged { user_id })?);
        let row = self.front.fetch_optional(Effect::Write, update).await?;
        self.announcer.announce(row.is_some(), false);
        Ok(row.map(User::from))
    }

    async fn saved_reply(&self, scope: &str, key: &str, now: Timestamp) -> StoreResult<Option<SavedReply>> {
        let query = sqlx::query_as(
            "SELECT fingerprint, status, body FROM saved_replies
             WHERE scope = $1 AND idempotency_key = $2 AND created_at > $3",
        );
        let query = query.bind(scope).bind(key).bind(now.plus_ms(-SAVED_REPLY_MS).0);
        let row: Option<(Vec<u8>, i32, Vec<u8>)> = self.fetch_optional(query).await?;
        row.map(|(fingerprint, status, body)| {
            let fingerprint =
                fingerprint.try_into().map_err(|_| corrupt("a saved reply's fingerprint is not 32 bytes long"))?;
            let status = u16::try_from(status).map_err(|_| corrupt("a saved reply's status is no status"))?;
            Ok(SavedReply { fingerprint, status, body })
        })
        .transpose()
    }

    async fn save_reply(&self, scope: &str, key: &str, reply: SavedReply, now: Timestamp) -> StoreResult<()> {
        // One that is too old to be given out makes room.
        let insert = sqlx::query(
            "INSERT INTO saved_replies (scope, idempotency_key, fingerprint, status, body, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (scope, idempotency_key) DO UPDATE SET fingerprint = excluded.fingerprint,
             status = excluded.status, body = excluded.body, created_at = excluded.created_at
             WHERE saved_replies.created_at <= $7",
        );
        let insert = insert
            .bind(scope)
            .bind(key)
            .bind(&reply.fingerprint[..])
            .bind(i32::from(reply.status))
            .bind(&reply.body)
            .bind(now.0)
            .bind(now.plus_ms(-SAVED_REPLY_MS).0);
        self.front.execute(insert).await.map(|_| ())
    }
}

/// Changes a profile with its display name, and the words that it is found by.
async fn rename(scope: &mut Scope, user_id: UserId, change: &ProfileChange) -> StoreResult<Option<User>> {
    let update = sqlx::query_as::<_, UserRow>(
        "UPDATE users SET display_name = coalesce($2, display_name), bio = coalesce($3, bio),
         private = coalesce($4, private) WHERE id = $1 AND deleted_at IS NULL RETURNING *",
    );
    let update = update.bind(user_id.to_i64()).bind(&change.display_name).bind(&change.bio).bind(change.private);
    let Some(user) = scope.fetch_optional(update).await?.map(User::from) else { return Ok(None) };
    scope.execute(sqlx::query("DELETE FROM user_words WHERE user_id = $1").bind(user_id.to_i64())).await?;
    let insert = sqlx::query("INSERT INTO user_words (word, user_id) SELECT word, $1 FROM unnest($2::text[]) AS word");
    let words = search_words(user.username.as_str(), &user.display_name);
    scope.execute(insert.bind(user_id.to_i64()).bind(words)).await?;
    scope.record(&[Event::UserChanged { user_id }]).await?;
    Ok(Some(user))
}
