//! Likes by the people that gave them.

use super::{SqliteLedger, rows::*};
use crate::rows::standing_like;
use async_trait::async_trait;
use tessera_domain::{PostId, UserId};
use tessera_ports::{
    StoreResult,
    ledger::{StandingLike, TasteLedger},
};

#[async_trait]
impl TasteLedger for SqliteLedger {
    async fn recent_likes(&self, users: &[UserId], per_user: usize) -> StoreResult<Vec<StandingLike>> {
        let query = sqlx::query_as(
            "SELECT l.user_id, l.post_id, p.author_id, l.created_at
             FROM json_each(?1) AS wanted
             CROSS JOIN likes l ON l.user_id = wanted.value AND l.post_id IN (
                 SELECT post_id FROM likes INDEXED BY likes_by_user
                 WHERE user_id = wanted.value ORDER BY created_at DESC, post_id DESC LIMIT ?2)
             CROSS JOIN posts p ON p.id = l.post_id
             ORDER BY wanted.key, l.created_at DESC, l.post_id DESC",
        );
        let query = query.bind(json_list(users.iter().map(|id| id.to_i64()))).bind(limit(per_user));
        Ok(self.fetch_all(query).await?.into_iter().map(standing_like).collect())
    }

    async fn last_likers(&self, posts: &[PostId], per_post: usize) -> StoreResult<Vec<(PostId, UserId)>> {
        let query = sqlx::query_as(
            "SELECT l.post_id, l.user_id
             FROM json_each(?1) AS wanted
             CROSS JOIN likes l ON l.post_id = wanted.value AND l.position IN (
                 SELECT position FROM likes INDEXED BY likes_by_position
                 WHERE post_id = wanted.value ORDER BY position DESC LIMIT ?2)
             ORDER BY wanted.key, l.position DESC",
        );
        let query = query.bind(json_list(posts.iter().map(|id| id.to_i64()))).bind(limit(per_post));
        let rows: Vec<(i64, i64)> = self.fetch_all(query).await?;
        Ok(rows.into_iter().map(|(post, user)| (PostId::from_i64(post), UserId::from_i64(user))).collect())
    }
}
