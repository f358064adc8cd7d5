//! How values look in JSON.

mod list;
mod post;
mod post_bytes;
mod rfc3339;
mod user;

pub use list::ListBody;
pub use post::{AuthorBody, MediaBody, PostBody};
#[cfg(test)]
pub(crate) use post_bytes::tests as post_bytes_tests;
pub(crate) use post_bytes::{ObjectBytes, list_of_posts, no_json, room_for, write_post};
pub use rfc3339::Rfc3339;
pub use user::{ProfileBody, RelationshipBody, UserBody};
