//! What benches of feeds measure.

use super::{child::ChildProcess, seed::Person};
use std::sync::Arc;
use tempfile::TempDir;

pub struct FeedWorld {
    /// Dropped before its folder.
    pub node: ChildProcess,
    pub people: Arc<[Person]>,
    pub(super) folder: TempDir,
}
