//! Likes by the people that gave them.

use super::{Dialect, Pool, SqlLedger, rows::*};
use async_trait::async_trait;
use tessera_domain::{PostId, UserId};
use tessera_ports::{
    StoreResult,
    ledger::{StandingLike, TasteLedger},
};

#[async_trait]
impl<D: Dialect> TasteLedger for SqlLedger<D> {
    async fn recent_likes(&self, users: &[UserId], per_user: usize) -> StoreResult<Vec<StandingLike>> {
        // Likes of deleted posts are passed over, one by one: with a join Postgres might read all posts.
        let query = sql!(
            "SELECT wanted.value, l.post_id, p.author_id, l.created_at FROM " [list "$1" as "wanted"] {
                sqlite: "
                 CROSS JOIN likes l ON l.user_id = wanted.value AND l.post_id IN (
                     SELECT post_id FROM likes INDEXED BY likes_by_user
                     WHERE user_id = wanted.value AND (SELECT id FROM posts WHERE id = likes.post_id) IS NOT NULL
                     ORDER BY created_at DESC, post_id DESC LIMIT $2) ",
                postgres: "
                 CROSS JOIN LATERAL (
                     SELECT post_id, created_at FROM likes
                     WHERE user_id = wanted.value AND (SELECT id FROM posts WHERE id = likes.post_id) IS NOT NULL
                     ORDER BY created_at DESC, post_id DESC LIMIT $2) AS l "
            } [join] " posts p ON p.id = l.post_id ORDER BY wanted.key, l.created_at DESC, l.post_id DESC"
        );
        self.requests.fetch_all(query.bind(users).bind(per_user), standing_like).await
    }

    async fn last_likers(&self, posts: &[PostId], per_post: usize) -> StoreResult<Vec<(PostId, UserId)>> {
        let query = sql!(
            "SELECT wanted.value, l.user_id
             FROM " [list "$1" as "wanted"] " " [join] " posts p ON p.id = wanted.value" {
                sqlite: "
                 CROSS JOIN likes l ON l.post_id = wanted.value AND l.position IN (
                     SELECT position FROM likes INDEXED BY likes_by_position
                     WHERE post_id = wanted.value ORDER BY position DESC LIMIT $2)",
                postgres: "
                 CROSS JOIN LATERAL (
                     SELECT user_id, position FROM likes
                     WHERE post_id = wanted.value ORDER BY position DESC LIMIT $2) AS l"
            } " ORDER BY wanted.key, l.position DESC"
        );
        let liker = |(post, user): (i64, i64)| (PostId::from_i64(post), UserId::from_i64(user));
        self.requests.fetch_all(query.bind(posts).bind(per_post), liker).await
    }
}
