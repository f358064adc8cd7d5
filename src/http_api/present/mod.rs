//! How values look in JSON.

mod list;
mod post;
mod rfc3339;
mod user;

pub use list::ListBody;
pub use post::{AuthorBody, MediaBody, PostBody};
pub use rfc3339::Rfc3339;
pub use user::{ProfileBody, RelationshipBody, UserBody};
