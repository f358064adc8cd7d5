//! The posts of many authors merged, newest first, reading little more than what is given out.
//!
//! SQLite: a recursive query whose queue is ordered is a priority queue: it holds each author's newest post that was
//! not given out yet, takes the newest of all and puts that author's next one in. Cost: one index seek per author and
//! one per row of the answer, however many posts there are.
//!
//! Postgres orders no recursion, so there is no priority queue to write. Instead two rounds of short index scans: the
//! first takes a few newest posts of every author, four times as many over all as are asked for. The oldest of the
//! newest asked-for ones among these is a floor: whatever is given out is no older. The second round takes each
//! author's posts from the floor on. It reads too much only where few of many authors are active, and even then no
//! more than the limit from each.

use super::Statement;

/// `$1` is what `authors` needs, `$2` the post to stop at, `$3` the limit, `$4` the post to begin below.
macro_rules! merge_posts {
    ($($authors:tt)+) => {
        sql!(
            {sqlite: "WITH RECURSIVE authors AS (", postgres: "WITH authors AS MATERIALIZED ("}
            $($authors)+
            {sqlite: "), merged (post_id, author_id) AS (
                 SELECT (SELECT max(p.id) FROM posts p INDEXED BY posts_by_author
                         WHERE p.author_id = authors.author_id AND p.id > $2 AND p.id < $4),
                        author_id
                 FROM authors
                 UNION ALL
                 SELECT (SELECT max(p.id) FROM posts p INDEXED BY posts_by_author
                         WHERE p.author_id = merged.author_id AND p.id > $2 AND p.id < merged.post_id),
                        author_id
                 FROM merged WHERE post_id IS NOT NULL
                 ORDER BY 1 DESC LIMIT $3)
             SELECT post_id, author_id FROM merged WHERE post_id IS NOT NULL",
             postgres: "), newest AS (
                 SELECT post.id FROM authors CROSS JOIN LATERAL (
                     SELECT id FROM posts WHERE author_id = authors.author_id AND id > $2 AND id < $4
                     ORDER BY id DESC LIMIT 1 + 4 * $3 / (SELECT greatest(count(*), 1) FROM authors)) AS post),
             floor AS MATERIALIZED (
                 SELECT coalesce((SELECT id FROM newest ORDER BY id DESC OFFSET $3 - 1 LIMIT 1), $2 + 1) AS id)
             SELECT post.id, authors.author_id FROM authors CROSS JOIN LATERAL (
                 SELECT id FROM posts WHERE author_id = authors.author_id AND id >= (SELECT id FROM floor) AND id < $4
                 ORDER BY id DESC LIMIT $3) AS post
             ORDER BY post.id DESC LIMIT $3"}
        )
    };
}

/// The newest posts of the authors in `$1`.
pub(super) fn of_authors() -> Statement {
    merge_posts!("SELECT DISTINCT value AS author_id FROM " [list "$1" as "given"])
}

/// The newest posts by the reader `$1` and those it follows who are not celebrities.
pub(super) fn of_reader() -> Statement {
    merge_posts!(
        "SELECT $1 AS author_id UNION ALL
         SELECT f.followee_id FROM follows f " [join] " users u ON u.id = f.followee_id
         WHERE f.follower_id = $1 AND NOT u.celebrity"
    )
}
