//! How long a page is.

use super::{Cursor, CursorKind};
use crate::EdgeResult;
use serde::{Deserialize, Deserializer, de};
use utoipa::IntoParams;

/// Entries on a page: 1 to 100, by default 50.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub usize);

impl Limit {
    const MOST: usize = 100;
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse() {
            Ok(limit @ 1..=Self::MOST) => Ok(Self(limit)),
            _ => Err(de::Error::custom("must be a whole number from 1 to 100")),
        }
    }
}

/// Where a list continues and how much of it is wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct PageQuery {
    /// Entries on the page.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    pub limit: Limit,
    /// The `next_cursor` of the page before.
    #[param(value_type = Option<String>, max_length = 256)]
    pub cursor: Option<Cursor>,
}

impl PageQuery {
    /// The one number that the cursor holds, in lists that continue after a position.
    ///
    /// # Errors
    /// `validation_failed` for a cursor of another list.
    pub fn after(&self, kind: CursorKind) -> EdgeResult<Option<i64>> {
        Ok(kind.decode::<1>(self.cursor.as_ref())?.map(|[position]| position))
    }
}
