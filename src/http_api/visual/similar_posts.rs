//! `GET /v1/posts/{id}/similar`

use super::SimilarPostsBody;
use crate::{
    EdgeResult, EdgeState, Problem,
    extract::{Caller, CursorKind, Json, PageQuery, Path, Query},
};
use axum::extract::State;
use tessera_domain::PostId;

const CURSOR: CursorKind = CursorKind("similar_posts");

/// Posts whose pictures look like this post's, by likeness and engagement.
///
/// Near-duplicates are one result, the best of them. The list is made of the 100 nearest posts that the caller may see,
/// and made anew for every page. Posts of private accounts are never in it, nor is the post itself.
#[utoipa::path(get, path = "/v1/posts/{id}/similar", tag = "discovery",
    params(("id" = String, Path, description = "The post's id"), PageQuery),
    responses((status = 200, description = "A page of similar posts", body = SimilarPostsBody)))]
pub(super) async fn similar_posts(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<PostId>,
    Query(query): Query<PageQuery>,
) -> EdgeResult<Json<SimilarPostsBody>> {
    let offset = match CURSOR.decode::<2>(query.cursor.as_ref())? {
        None => 0,
        Some([post_id, offset]) if PostId::from_i64(post_id) == id && (0..10_000).contains(&offset) => offset as usize,
        Some(_) => return Err(Problem::invalid("cursor", "must be the next_cursor of an earlier page of this list")),
    };
    let page = state.app.visual.similar_posts(caller.user_id, id, offset, query.limit.0).await?;
    let next_cursor = page.next.map(|next| CURSOR.encode(&[id.to_i64(), next as i64]));
    Ok(Json(SimilarPostsBody::new(&state, &page.items, next_cursor, page.degraded)))
}
