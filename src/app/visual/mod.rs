//! Posts by what their pictures look like (docs/functions.md, section 8).

mod candidates;
mod ranking;
mod search_by_picture;
mod service;
mod similar_posts;

pub use search_by_picture::QueryPicture;
pub use service::VisualSearch;
pub use tessera_actors::visual_search::{Crop, QueryPlace};

use crate::hydrate::HydratedPost;

/// A post that looks alike.
#[derive(Debug, Clone)]
pub struct SimilarPost {
    pub post: HydratedPost,
    /// How much it looks alike: 1 for the same picture, 0 for nothing in common.
    pub similarity: f32,
    /// What the list is ordered by: 0.7 similarity and 0.3 engagement, each 0 to 1.
    pub score: f64,
    /// How many further posts show nearly the same picture; they are not listed.
    pub duplicates: usize,
}

/// A page of posts that look alike.
#[derive(Debug, Clone, Default)]
pub struct SimilarPage {
    /// The posts, best first.
    pub items: Vec<SimilarPost>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<usize>,
    /// A part of the index did not answer, or all of it: then these are popular posts.
    pub degraded: bool,
}
