//! Pages of lists.

/// A page of a list and where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, P> {
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

    /// The same page with its position in another form.
    pub fn map_position<Q>(self, change: impl FnOnce(P) -> Q) -> Page<T, Q> {
        Page { items: self.items, next: self.next.map(change) }
    }

    /// The same page with other entries in it.
    pub fn map_items<U>(self, change: impl FnOnce(Vec<T>) -> Vec<U>) -> Page<U, P> {
        Page { items: change(self.items), next: self.next }
    }
}

/// Reads made for one page at the most; past it a page is short and its cursor leads on.
const MAX_READS: usize = 5;
/// Rows looked at behind a full page to find out whether anything follows.
const ROWS_BEHIND: usize = 20;

/// Fills a page from rows of which some are not shown, so that hidden rows neither make it short nor leave
/// an empty page behind it.
#[derive(Debug)]
pub(crate) struct PageFill<T, P> {
    limit: usize,
    items: Vec<T>,
    position: Option<P>,
    asked: usize,
    /// Whether there is something to show after `position`, once that is known.
    more: Option<bool>,
    reads_left: usize,
}

impl<T, P: Copy> PageFill<T, P> {
    /// An empty page of at most `limit` entries that begins after `after`.
    pub(crate) fn new(limit: usize, after: Option<P>) -> Self {
        Self { limit, items: Vec::with_capacity(limit), position: after, asked: 0, more: None, reads_left: MAX_READS }
    }

    /// Where to read on and how many rows to ask for; `None` when the page is done.
    pub(crate) fn wanted(&mut self) -> Option<(Option<P>, usize)> {
        if self.more.is_some() || self.reads_left == 0 {
            return None;
        }
        self.reads_left -= 1;
        // Beyond a full page it is only asked whether anything shown follows.
        let missing = self.limit - self.items.len();
        self.asked = if missing == 0 { ROWS_BEHIND } else { missing + 1 };
        Some((self.position, self.asked))
    }

    /// Adds the rows that were read, each with its position and, where it is shown, its entry.
    pub(crate) fn add(&mut self, rows: Vec<(P, Option<T>)>) {
        let at_end = rows.len() < self.asked;
        for (position, item) in rows {
            if item.is_some() && self.items.len() == self.limit {
                self.more = Some(true);
                return;
            }
            self.position = Some(position);
            self.items.extend(item);
        }
        if at_end {
            self.more = Some(false);
        }
    }

    pub(crate) fn finish(self) -> Page<T, P> {
        Page { items: self.items, next: self.position.filter(|_| self.more != Some(false)) }
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

    /// Reads pages of a list of numbers of which only those that `shown` picks are shown.
    fn read_all(rows: &[u32], limit: usize, shown: impl Fn(u32) -> bool) -> Vec<Vec<u32>> {
        let mut pages = Vec::new();
        let mut after = None;
        loop {
            let mut page = PageFill::new(limit, after);
            while let Some((after, count)) = page.wanted() {
                let rest = rows.iter().copied().filter(|n| after.is_none_or(|after| *n > after));
                page.add(rest.take(count).map(|n| (n, Some(n).filter(|n| shown(*n)))).collect());
            }
            let page = page.finish();
            pages.push(page.items);
            after = page.next;
            if after.is_none() {
                return pages;
            }
        }
    }

    #[test]
    fn hidden_rows_do_not_shorten_a_page() {
        let rows: Vec<u32> = (0..10).collect();
        assert_eq!(read_all(&rows, 4, |_| true), [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]]);
        assert_eq!(read_all(&rows, 3, |n| n % 2 == 0), [vec![0, 2, 4], vec![6, 8]]);
        assert_eq!(read_all(&rows, 5, |n| n < 5), [vec![0, 1, 2, 3, 4]], "no empty page at the end");
        assert_eq!(read_all(&rows, 10, |_| true), std::slice::from_ref(&rows));
        assert_eq!(read_all(&[], 3, |_| true), [Vec::<u32>::new()]);
        let all: Vec<u32> = read_all(&(0..500).collect::<Vec<_>>(), 2, |n| n > 490).concat();
        assert_eq!(all, (491..500).collect::<Vec<_>>(), "long hidden stretches are walked by the cursor");
    }
}
