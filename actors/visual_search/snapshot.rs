//! Snapshots of shards in the object store: one object for each shard and model, and one that lists them.
//!
//! They only spare work: what cannot be read is left out, and the comparison with the ledger makes up for it.

use super::{
    events::Loaded,
    settings::{VisualShardArgs, VisualShardKey},
};
use crate::limited::limited;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tessera_domain::hash::stable_hash;
use tessera_ports::StoreResult;
use tessera_visual::index::{IndexSettings, IndexSnapshot, VectorIndex};

/// The largest list of a shard's snapshots, in bytes.
const MAX_LIST_BYTES: u64 = 64 * 1024;
/// The largest snapshot, in bytes.
const MAX_SNAPSHOT_BYTES: u64 = 2 * 1024 * 1024 * 1024;
const CONTENT_TYPE: &str = "application/octet-stream";

/// What a shard's list says of one snapshot.
#[derive(Serialize, Deserialize)]
struct Entry {
    model: String,
    key: String,
    checksum: u64,
}

fn folder(VisualShardKey { shard, of }: VisualShardKey) -> String {
    format!("index/visual/{shard}-of-{of}")
}

/// The keys of the lists that `shards` shards begin with; without them they begin with the ledger.
pub fn lists(shards: u16) -> Vec<String> {
    (0..shards).map(|shard| list_key(VisualShardKey { shard, of: shards })).collect()
}

fn list_key(key: VisualShardKey) -> String {
    format!("{}/list", folder(key))
}

/// Reads the indexes of a shard's last snapshot; those that cannot be read are left out.
pub(super) async fn load(args: &VisualShardArgs, key: VisualShardKey) -> Vec<Loaded> {
    let entries = match list(args, key).await {
        Ok(entries) => entries,
        Err(error) => {
            tracing::warn!(%error, ?key, "a shard of the visual index begins without its snapshot");
            return Vec::new();
        }
    };
    let mut loaded = Vec::new();
    for Entry { model, key, checksum } in entries {
        let read = limited("object store", args.settings.snapshot_limit, args.objects.get(&key, MAX_SNAPSHOT_BYTES));
        let bytes = match read.await {
            Ok(Some(bytes)) if stable_hash(&bytes) == checksum => bytes,
            // Another node may be writing a newer one this moment.
            Ok(_) => {
                tracing::warn!(key, "a snapshot of the visual index is missing or is not the one that was listed");
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, key, "a snapshot of the visual index cannot be read");
                continue;
            }
        };
        let settings = IndexSettings::of(args.settings.engine);
        match tokio::task::spawn_blocking(move || VectorIndex::from_snapshot(&bytes, settings)).await {
            Ok(Ok(index)) => loaded.push(Loaded { model, index }),
            Ok(Err(error)) => tracing::warn!(%error, key, "a snapshot of the visual index is of no use"),
            Err(error) => tracing::error!(%error, key, "reading a snapshot of the visual index failed"),
        }
    }
    loaded
}

async fn list(args: &VisualShardArgs, key: VisualShardKey) -> StoreResult<Vec<Entry>> {
    let name = list_key(key);
    let work = args.objects.get(&name, MAX_LIST_BYTES);
    let Some(bytes) = limited("object store", args.settings.call_limit, work).await? else { return Ok(Vec::new()) };
    Ok(serde_json::from_slice(&bytes).unwrap_or_else(|error| {
        tracing::warn!(%error, name, "the list of a shard's snapshots cannot be read");
        Vec::new()
    }))
}

/// Writes a snapshot: the indexes first, then the list that names them.
pub(super) async fn save(
    args: &VisualShardArgs,
    key: VisualShardKey,
    snapshots: Vec<(String, IndexSnapshot)>,
) -> StoreResult<()> {
    let folder = folder(key);
    let mut entries = Vec::new();
    for (model, snapshot) in snapshots {
        let encoded = tokio::task::spawn_blocking(move || snapshot.encode()).await;
        let Ok(Ok(bytes)) = encoded else {
            tracing::error!(?key, "a snapshot of the visual index cannot be encoded");
            continue;
        };
        let key = format!("{folder}/{:016x}", stable_hash(model.as_bytes()));
        let checksum = stable_hash(&bytes);
        let put = args.objects.put(&key, CONTENT_TYPE, Bytes::from(bytes));
        limited("object store", args.settings.snapshot_limit, put).await?;
        entries.push(Entry { model, key, checksum });
    }
    let list = serde_json::to_vec(&entries).unwrap_or_default();
    let name = list_key(key);
    let put = args.objects.put(&name, CONTENT_TYPE, Bytes::from(list));
    limited("object store", args.settings.call_limit, put).await
}
