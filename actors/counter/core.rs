//! Which posts are hot, in constant memory.
//!
//! A count-min sketch (Cormode and Muthukrishnan, 2005) over two one-second windows. Its estimate is never
//! too low; where it is too high, a post is spread over shards without need, which costs a commit and no
//! correctness. All cells are atomics, so that noting an operation takes no lock.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};
use tessera_domain::{PostId, hash::stable_hash_u64};

const ROWS: usize = 4;
const CELLS_BITS: usize = 11;
const CELLS: usize = 1 << CELLS_BITS;
const WINDOW_MS: u64 = 1_000;

/// Operations in one second, by post.
struct Window(Box<[AtomicU32]>);

/// Estimates operations per second by post. 64 KiB, whatever the number of posts.
pub(super) struct HeatSketch {
    /// The windows of even and odd seconds.
    windows: [Window; 2],
    /// The second that operations are noted in now.
    second: AtomicU64,
}

impl Default for HeatSketch {
    fn default() -> Self {
        let window = || Window((0..ROWS * CELLS).map(|_| AtomicU32::new(0)).collect());
        Self { windows: [window(), window()], second: AtomicU64::new(0) }
    }
}

impl HeatSketch {
    /// Notes one operation on `post_id` at `elapsed` after the sketch's start, and returns the estimate of
    /// its operations during the last second, this one included.
    pub fn note(&self, post_id: PostId, elapsed: Duration) -> u32 {
        let elapsed_ms = elapsed.as_millis() as u64;
        let second = elapsed_ms / WINDOW_MS;
        self.turn_to(second);
        let cells = Window::cells(post_id);
        let current = self.windows[(second % 2) as usize].add(cells);
        let previous = self.windows[((second + 1) % 2) as usize].read(cells);
        // The sliding second covers what is left of the previous window, taken as evenly spread.
        let left_ms = WINDOW_MS - elapsed_ms % WINDOW_MS;
        current.saturating_add((u64::from(previous) * left_ms / WINDOW_MS) as u32)
    }

    /// Clears windows that a new second made stale. Racing callers may lose a few counts at the turn.
    fn turn_to(&self, second: u64) {
        let before = self.second.load(Ordering::Relaxed);
        if second <= before
            || self.second.compare_exchange(before, second, Ordering::AcqRel, Ordering::Relaxed).is_err()
        {
            return;
        }
        self.windows[(second % 2) as usize].clear();
        if second > before + 1 {
            self.windows[((second + 1) % 2) as usize].clear();
        }
    }
}

impl Window {
    /// One cell in each row, from disjoint bits of one hash.
    fn cells(post_id: PostId) -> [usize; ROWS] {
        let hash = stable_hash_u64(post_id.0, 0x4EA7);
        std::array::from_fn(|row| row * CELLS + (hash >> (row * CELLS_BITS)) as usize % CELLS)
    }

    fn add(&self, cells: [usize; ROWS]) -> u32 {
        cells.into_iter().map(|cell| self.0[cell].fetch_add(1, Ordering::Relaxed) + 1).min().unwrap_or(0)
    }

    fn read(&self, cells: [usize; ROWS]) -> u32 {
        cells.into_iter().map(|cell| self.0[cell].load(Ordering::Relaxed)).min().unwrap_or(0)
    }

    fn clear(&self) {
        self.0.iter().for_each(|cell| cell.store(0, Ordering::Relaxed));
    }
}
