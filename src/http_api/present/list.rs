//! Lists.

use crate::extract::CursorKind;
use serde::Serialize;
use tessera_app::Page;
use utoipa::ToSchema;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListBody<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Send it as `cursor` to get the next page; null at the end of the list.
    pub next_cursor: Option<String>,
}

impl<T> ListBody<T> {
    /// A page of a list that continues after a position, with its entries made by `show`.
    pub fn from_page<U>(page: Page<U, i64>, kind: CursorKind, show: impl FnMut(U) -> T) -> Self {
        Self {
            items: page.items.into_iter().map(show).collect(),
            next_cursor: page.next.map(|position| kind.encode(&[position])),
        }
    }
}
