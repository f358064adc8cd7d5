//! Likes by the people that gave them.

use super::{PostgresLedger, rows::*};
use crate::rows::standing_like;
use async_trait::async_trait;
use tessera_domain::{PostId, UserId};
use tessera_ports::{
    StoreResult,
    ledger::{StandingLike, TasteLedger},
};

#[async_trait]
impl TasteLedger for PostgresLedger {
    async fn recent_likes(&self, users: &[UserId], per_user: usize) -> StoreResult<Vec<StandingLike>> {
        let query = sqlx::query_as(
            "SELECT wanted.id, l.post_id, p.author_id, l.created_at
             FROM unnest($1::bigint[]) WITH ORDINALITY AS wanted (id, place)
             CROSS JOIN LATERAL (
                 SELECT post_id, created_at FROM likes
                 WHERE user_id = wanted.id ORDER BY created_at DESC, post_id DESC LIMIT $2) AS l
             JOIN posts p ON p.id = l.post_id ORDER BY wanted.place, l.created_at DESC, l.post_id DESC",
        );
        let users: Vec<i64> = users.iter().map(|id| id.to_i64()).collect();
        let rows = self.fetch_all(query.bind(users).bind(limit(per_user))).await?;
        Ok(rows.into_iter().map(standing_like).collect())
    }

    async fn last_likers(&self, posts: &[PostId], per_post: usize) -> StoreResult<Vec<(PostId, UserId)>> {
        let query = sqlx::query_as(
            "SELECT wanted.id, l.user_id
             FROM unnest($1::bigint[]) WITH ORDINALITY AS wanted (id, place)
             CROSS JOIN LATERAL (
                 SELECT user_id, position FROM likes
                 WHERE post_id = wanted.id ORDER BY position DESC LIMIT $2) AS l
             ORDER BY wanted.place, l.position DESC",
        );
        let posts: Vec<i64> = posts.iter().map(|id| id.to_i64()).collect();
        let rows: Vec<(i64, i64)> = self.fetch_all(query.bind(posts).bind(limit(per_post))).await?;
        Ok(rows.into_iter().map(|(post, user)| (PostId::from_i64(post), UserId::from_i64(user))).collect())
    }
}
