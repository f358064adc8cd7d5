//! Vectors side by side in memory, each beginning at a cache line: a scan runs through them, and a walk can ask for one
//! before it needs it.

use serde::{Deserialize, Serialize};

/// Numbers of a cache line.
pub(super) const LANES: usize = 16;

/// A cache line of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[repr(align(64))]
pub(super) struct Line(pub [f32; LANES]);

/// Vectors of one length, filled up with zeros to whole lines: an inner product has no rest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Rows {
    lines_per_row: u32,
    lines: Vec<Line>,
}

/// A vector as lines.
pub(super) fn pad(vector: &[f32]) -> Vec<Line> {
    let lines = vector.chunks(LANES).map(|part| {
        let mut line = [0.0; LANES];
        line[..part.len()].copy_from_slice(part);
        Line(line)
    });
    lines.collect()
}

impl Rows {
    /// No vectors, of so many dimensions.
    pub fn new(dimensions: usize) -> Self {
        Self { lines_per_row: Self::lines_per_row(dimensions) as u32, lines: Vec::new() }
    }

    /// Lines of a vector of so many dimensions.
    pub fn lines_per_row(dimensions: usize) -> usize {
        dimensions.div_ceil(LANES).max(1)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lines.len() / self.lines_per_row as usize
    }

    pub fn row(&self, row: u32) -> &[Line] {
        let lines = self.lines_per_row as usize;
        &self.lines[row as usize * lines..][..lines]
    }

    /// All of them in their order.
    pub fn iter(&self) -> impl Iterator<Item = &[Line]> {
        self.lines.chunks_exact(self.lines_per_row as usize)
    }

    /// Appends one of the same length.
    pub fn push(&mut self, row: &[Line]) {
        debug_assert_eq!(row.len(), self.lines_per_row as usize, "of one length");
        self.lines.extend_from_slice(row);
    }

    /// A copy with room for more.
    pub fn with_room(&self, rows: usize) -> Self {
        let mut lines = Vec::with_capacity(self.lines.len() + rows * self.lines_per_row as usize);
        lines.extend_from_slice(&self.lines);
        Self { lines_per_row: self.lines_per_row, lines }
    }

    /// Puts the last one in the place of this one.
    pub fn swap_remove(&mut self, row: u32) {
        let lines = self.lines_per_row as usize;
        let last = self.lines.len() - lines;
        self.lines.copy_within(last.., row as usize * lines);
        self.lines.truncate(last);
    }

    /// Keeps the first of them.
    pub fn truncate(&mut self, rows: usize) {
        self.lines.truncate(rows * self.lines_per_row as usize);
    }

    /// Whether these are whole vectors of so many dimensions.
    pub fn fit(&self, dimensions: usize) -> bool {
        let lines = Self::lines_per_row(dimensions);
        self.lines_per_row as usize == lines && self.lines.len().is_multiple_of(lines)
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.lines.capacity() * size_of::<Line>()
    }
}
