//! `POST /v1/posts/{id}/comments`

use super::comment_body::CommentBody;
use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Json, Path},
};
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tessera_app::engagement::CommentRequest;
use tessera_domain::PostId;
use utoipa::ToSchema;

/// What to say.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewComment {
    /// 1 to 1,000 characters.
    #[schema(min_length = 1, max_length = 1_000)]
    text: String,
}

/// A new comment, and how many the post has now.
#[derive(Serialize, ToSchema)]
#[schema(as = AddedComment)]
pub(super) struct AddedCommentBody {
    /// The comment.
    #[serde(flatten)]
    comment: CommentBody,
    /// All comments of the post.
    comment_count: u64,
}

/// Comments on a post. The answer comes once the comment is durable; with an `Idempotency-Key` it is made once
/// however often it is sent.
#[utoipa::path(post, path = "/v1/posts/{id}/comments", tag = "engagement", request_body = NewComment,
    params(("id" = String, Path, description = "The post's id")),
    responses((status = 201, description = "The comment", body = AddedCommentBody)))]
pub(super) async fn add_comment(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<PostId>,
    Json(body): Json<NewComment>,
) -> EdgeResult<(StatusCode, Json<AddedCommentBody>)> {
    let request = CommentRequest { text: body.text, idempotency_key: caller.idempotency_key };
    let added = state.app.engagement.add_comment(caller.user_id, id, request).await?;
    let body = AddedCommentBody { comment: added.view.into(), comment_count: added.comment_count };
    Ok((StatusCode::CREATED, Json(body)))
}
