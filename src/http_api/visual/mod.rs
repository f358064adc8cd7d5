//! Posts by what their pictures look like.

mod search_by_picture;
mod similar_posts;

use crate::{EdgeState, present::PostBody};
use serde::Serialize;
use tessera_app::visual::SimilarPost;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What is named where an answer lacks results of the visual index.
const DEGRADED: &str = "visual_search";

/// The area's routes.
pub(crate) fn routes() -> OpenApiRouter<EdgeState> {
    OpenApiRouter::default()
        .routes(routes!(similar_posts::similar_posts))
        .routes(routes!(search_by_picture::search_by_picture))
}

/// A post that looks alike.
#[derive(Serialize, ToSchema)]
#[schema(as = SimilarPost)]
pub(super) struct SimilarPostBody {
    #[serde(flatten)]
    post: PostBody,
    /// How much it looks alike: 1 for the same picture, about 0 for nothing in common.
    #[schema(example = 0.93)]
    similarity: f32,
    /// What the list is ordered by: 0.7 similarity and 0.3 engagement, each 0 to 1.
    #[schema(example = 0.71)]
    score: f64,
    /// Further posts that show nearly the same picture; they are not listed.
    duplicates: usize,
}

impl SimilarPostBody {
    fn new(state: &EdgeState, similar: &SimilarPost) -> Self {
        Self {
            post: PostBody::new(&state.settings, &similar.post),
            similarity: similar.similarity,
            score: similar.score,
            duplicates: similar.duplicates,
        }
    }
}

/// Posts that look alike.
#[derive(Serialize, ToSchema)]
#[schema(as = SimilarPosts)]
pub(super) struct SimilarPostsBody {
    /// The posts, best first; of near-duplicates the best one.
    items: Vec<SimilarPostBody>,
    /// Send it as `cursor` to get the next page; null at the end of the list.
    next_cursor: Option<String>,
    /// `visual_search` where a part of the index did not answer or is still loading. Where none of it answers, similar
    /// posts are popular ones.
    #[schema(value_type = Vec<String>)]
    degraded: Vec<&'static str>,
}

impl SimilarPostsBody {
    fn new(state: &EdgeState, items: &[SimilarPost], next_cursor: Option<String>, degraded: bool) -> Self {
        let items = items.iter().map(|similar| SimilarPostBody::new(state, similar)).collect();
        Self { items, next_cursor, degraded: if degraded { vec![DEGRADED] } else { Vec::new() } }
    }
}
