//! How a timeline is written down: a version byte, then `bincode` (ADR 0008).
//!
//! Where else `bincode` is used stands in ADR 0008; each place can be replaced by itself. What cannot
//! be read is treated as missing, never as an error: a timeline rebuilds from the ledger.

use super::core::{OpenedFeed, TimelineCore};
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tessera_domain::{PostId, Timestamp, feed::PassedPosts, post::PostRef, seen_filter::SeenFilter};

/// Written in front of snapshots; other versions are ignored. From 2 on places carry reasons and campaigns.
const SNAPSHOT_VERSION: u8 = 2;
/// Written in front of what was seen; other versions are ignored. It has its own: what was seen is not to be forgotten
/// because snapshots changed.
const SEEN_VERSION: u8 = 1;
/// Nothing larger is read (a full timeline with three full feeds is about 200 kB).
const MAX_BYTES: usize = 4 << 20;

/// The hot store's copy of a timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TimelineSnapshot {
    /// Of whom it holds posts; after a change of the graph it is of no use.
    pub(super) followees_hash: u64,
    pub(super) saved_at: Timestamp,
    /// Posts older than this one may be missing among the entries.
    pub(super) floor: PostId,
    /// Older posts of which nothing is left to show.
    pub(super) passed: Option<PassedPosts>,
    pub(super) entries: Vec<PostRef>,
    pub(super) feeds: Vec<OpenedFeed>,
}

pub(super) fn encode_snapshot(core: &TimelineCore, followees_hash: u64, saved_at: Timestamp) -> Bytes {
    let entries = core.entries().copied().collect();
    let (floor, passed, feeds) = (core.floor(), core.passed(saved_at), core.feeds().to_vec());
    encode(SNAPSHOT_VERSION, &TimelineSnapshot { followees_hash, saved_at, floor, passed, entries, feeds }).into()
}

pub(super) fn decode_snapshot(bytes: &[u8]) -> Option<TimelineSnapshot> {
    decode(SNAPSHOT_VERSION, bytes)
}

pub(super) fn encode_seen(seen: &SeenFilter) -> Vec<u8> {
    encode(SEEN_VERSION, seen)
}

pub(super) fn decode_seen(bytes: &[u8]) -> Option<SeenFilter> {
    decode(SEEN_VERSION, bytes).filter(SeenFilter::is_sound)
}

fn encode<T: Serialize>(version: u8, value: &T) -> Vec<u8> {
    let mut bytes = vec![version];
    let config = bincode::config::standard();
    match bincode::serde::encode_into_std_write(value, &mut bytes, config) {
        Ok(_) => bytes,
        Err(error) => {
            // Only a type that serde cannot describe fails here; an empty text reads back as missing.
            tracing::error!(%error, "cannot encode a timeline");
            Vec::new()
        }
    }
}

fn decode<T: DeserializeOwned>(version: u8, bytes: &[u8]) -> Option<T> {
    let (written, body) = bytes.split_first()?;
    if *written != version || body.len() > MAX_BYTES {
        return None;
    }
    let config = bincode::config::standard().with_limit::<MAX_BYTES>();
    let (value, read) = bincode::serde::decode_from_slice(body, config).ok()?;
    (read == body.len()).then_some(value)
}
