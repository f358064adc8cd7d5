//! What handlers take: like axum's extractors, but every refusal is a problem that names the field.

mod caller;
mod cursor;
mod json;
mod limit;
mod path;
mod query;

pub use caller::Caller;
#[cfg(test)]
pub(crate) use cursor::MAX_CURSOR_BYTES;
pub use cursor::{Cursor, CursorKind};
pub use json::{Json, MAX_JSON_BYTES, OptionalJson};
pub use limit::{Limit, PageQuery};
pub use path::Path;
pub use query::Query;
