//! Posts, one by one and by author.

mod delete_post;
mod edit_post;
mod get_post;
mod list_user_posts;
mod service;

pub use crate::hydrate::HydratedPost;
pub use edit_post::PostChange;
pub use service::Posts;
