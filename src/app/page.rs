//! Pages of lists.

/// A page of a list and where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, P> {
    /// The entries.
    pub items: Vec<T>,
    /// The position to continue after; `None` at the end of the list.
    pub next: Option<P>,
}

impl<T, P> Page<T, P> {
    /// Makes a page from up to `limit + 1` rows that were read: the extra row only tells that there is more.
    pub fn from_rows(mut rows: Vec<T>, limit: usize, position: impl Fn(&T) -> P) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(position) } else { None };
        Self { items: rows, next }
    }

    /// The same page with other entries in it.
    pub fn map_items<U>(self, change: impl FnOnce(Vec<T>) -> Vec<U>) -> Page<U, P> {
        Page { items: change(self.items), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extra_row_tells_that_there_is_more() {
        assert_eq!(Page::from_rows(vec![9, 8, 7], 2, |n| *n), Page { items: vec![9, 8], next: Some(8) });
        assert_eq!(Page::from_rows(vec![9, 8], 2, |n| *n), Page { items: vec![9, 8], next: None });
    }
}
