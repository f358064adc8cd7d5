//! A shard's indexes and how they are kept equal to the ledger: no I/O, no clock.

use super::requests::{ModelStats, ShardHits, VisualHit, VisualQuery};
use std::collections::{BTreeMap, HashMap, HashSet};
use tessera_domain::{PostId, post::PostRef};
use tessera_ports::ledger::{EMBEDDING_SLOTS, Embedding, PostEmbedding, embedding_slot};
use tessera_visual::index::{Engine, IndexSettings, IndexSnapshot, Maintained, Maintenance, VectorIndex};

/// The shard of `of` that holds a post.
pub(super) fn shard_of(post_id: PostId, of: u16) -> u16 {
    embedding_slot(post_id) % of
}

/// The slots of a shard.
pub(super) fn slots_of(shard: u16, of: u16) -> impl Iterator<Item = u16> {
    (0..EMBEDDING_SLOTS).filter(move |slot| slot % of == shard)
}

/// The index of one model, and which posts it holds by slot.
struct ModelIndex {
    index: VectorIndex,
    posts: HashMap<u16, HashSet<PostId>>,
    recall: Option<f32>,
}

/// A shard's indexes, one for each model that has embeddings: while a new model's are being made, search goes on
/// with the old one's.
pub(super) struct ShardCore {
    settings: IndexSettings,
    indexes: BTreeMap<String, ModelIndex>,
    changes: u64,
}

impl ShardCore {
    /// A shard without posts, whose indexes are of `engine`.
    pub fn new(engine: Engine) -> Self {
        Self { settings: IndexSettings::of(engine), indexes: BTreeMap::new(), changes: 0 }
    }

    /// Takes an index from a snapshot.
    pub fn restore(&mut self, model: String, index: VectorIndex) {
        let mut posts: HashMap<u16, HashSet<PostId>> = HashMap::new();
        for post in index.posts() {
            posts.entry(embedding_slot(post.post_id)).or_default().insert(post.post_id);
        }
        self.indexes.insert(model, ModelIndex { index, posts, recall: None });
    }

    /// Lets go of everything. What changed is counted on: an earlier snapshot is not taken for one of what comes now.
    pub fn clear(&mut self) {
        self.indexes.clear();
        self.changes += 1;
    }

    /// Adds an embedding, or puts it in the place of the post's earlier one. One that does not fit is left out.
    pub fn insert(&mut self, found: &PostEmbedding) {
        let Embedding { model, vector, perceptual_hash } = &found.embedding;
        let fresh = || {
            let index = VectorIndex::new(vector.len(), self.settings.clone());
            ModelIndex { index, posts: HashMap::new(), recall: None }
        };
        let entry = self.indexes.entry(model.clone()).or_insert_with(fresh);
        if let Err(error) = entry.index.insert(found.post, vector, *perceptual_hash) {
            tracing::warn!(post = %found.post.post_id, model, %error, "an embedding is left out of the visual index");
            return;
        }
        let post_id = found.post.post_id;
        entry.posts.entry(embedding_slot(post_id)).or_default().insert(post_id);
        self.changes += 1;
    }

    /// Takes a post out of every index.
    pub fn remove(&mut self, post_id: PostId) {
        for entry in self.indexes.values_mut() {
            let known = entry.posts.get_mut(&embedding_slot(post_id)).is_some_and(|posts| posts.remove(&post_id));
            if known {
                entry.index.remove(post_id);
                self.changes += 1;
            }
        }
    }

    /// The nearest posts by every model that the query has vectors of. A post that several vectors of a model find is
    /// as near as the nearest of them says; where two models find it, the one that the query names first decides.
    pub fn search(&self, query: &VisualQuery) -> Vec<VisualHit> {
        let posts: HashSet<PostId> = query.excluded_posts.iter().copied().collect();
        let authors: HashSet<_> = query.excluded_authors.iter().copied().collect();
        let wanted = |post: PostRef| !posts.contains(&post.post_id) && !authors.contains(&post.author_id);
        let limit = usize::from(query.limit);
        let mut nearest: HashMap<PostId, (&str, VisualHit)> = HashMap::new();
        for (model, vector) in &query.vectors {
            let Some(entry) = self.indexes.get(model) else { continue };
            for hit in entry.index.search(vector, limit, wanted).into_iter().map(VisualHit::from) {
                let (by, known) = nearest.entry(hit.post.post_id).or_insert((model, hit));
                if by == model && hit.similarity > known.similarity {
                    *known = hit;
                }
            }
        }
        let mut hits: Vec<VisualHit> = nearest.into_values().map(|(_, hit)| hit).collect();
        nearest_first(&mut hits, limit);
        hits
    }

    /// What a search answers.
    pub fn answer(&self, query: &VisualQuery, complete: bool) -> ShardHits {
        ShardHits { hits: self.search(query), complete }
    }

    /// Lets go of the indexes of models that have no embeddings any more.
    pub fn retain_models(&mut self, models: &[String]) {
        let before = self.indexes.len();
        self.indexes.retain(|model, _| models.contains(model));
        self.changes += (before - self.indexes.len()) as u64;
    }

    /// Compares a slot with what the ledger lists of it: takes out what is not there any more, and gives back what
    /// is missing. What was `touched` while the list was being read is as it should be.
    pub fn compare(&mut self, model: &str, slot: u16, listed: &[PostId], touched: &HashSet<PostId>) -> Vec<PostId> {
        let known = self.indexes.get(model).and_then(|entry| entry.posts.get(&slot));
        let listed: HashSet<PostId> = listed.iter().copied().collect();
        let (missing, gone): (Vec<PostId>, Vec<PostId>) = match known {
            None => (listed.iter().copied().collect(), Vec::new()),
            Some(known) => (listed.difference(known).copied().collect(), known.difference(&listed).copied().collect()),
        };
        for post_id in gone.into_iter().filter(|id| !touched.contains(id)) {
            self.remove_from(model, slot, post_id);
        }
        let mut missing: Vec<PostId> = missing.into_iter().filter(|id| !touched.contains(id)).collect();
        missing.sort_unstable();
        missing
    }

    fn remove_from(&mut self, model: &str, slot: u16, post_id: PostId) {
        let Some(entry) = self.indexes.get_mut(model) else { return };
        entry.posts.entry(slot).or_default().remove(&post_id);
        entry.index.remove(post_id);
        self.changes += 1;
    }

    /// A piece of maintenance that an index needs, to be run elsewhere.
    pub fn plan_maintenance(&mut self) -> Option<(String, Maintenance)> {
        self.indexes.iter_mut().find_map(|(model, entry)| Some((model.clone(), entry.index.plan_maintenance()?)))
    }

    /// Puts in what came of maintenance.
    pub fn install(&mut self, model: &str, done: Maintained) {
        if let Some(entry) = self.indexes.get_mut(model) {
            entry.index.install(done);
            self.changes += 1;
        }
    }

    /// Gives up maintenance that failed.
    pub fn abandon_maintenance(&mut self, model: &str) {
        if let Some(entry) = self.indexes.get_mut(model) {
            entry.index.abandon_maintenance();
        }
    }

    /// Measures how much of the exact answer each index finds, at a post chosen by `seed`.
    pub fn sample_recall(&mut self, seed: u64) {
        for entry in self.indexes.values_mut() {
            entry.recall = entry.index.sample_recall(seed).or(entry.recall);
        }
    }

    /// Every index, for a snapshot.
    pub fn snapshots(&self) -> Vec<(String, IndexSnapshot)> {
        self.indexes.iter().map(|(model, entry)| (model.clone(), entry.index.snapshot())).collect()
    }

    /// How often something changed.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// What each index is doing.
    pub fn stats(&self) -> Vec<ModelStats> {
        let of = |(model, entry): (&String, &ModelIndex)| {
            let stats = entry.index.stats();
            ModelStats {
                model: model.clone(),
                live: stats.live as u64,
                dead: stats.dead as u64,
                buffered: stats.buffered as u64,
                segments: stats.segments as u64,
                recall: entry.recall,
            }
        };
        self.indexes.iter().map(of).collect()
    }

    /// Bytes held on the heap, about.
    pub fn heap_bytes(&self) -> usize {
        let posts = |entry: &ModelIndex| entry.posts.values().map(HashSet::capacity).sum::<usize>() * 2;
        self.indexes.values().map(|entry| entry.index.heap_bytes() + posts(entry) * size_of::<PostId>()).sum()
    }
}

/// Orders hits, nearest first, and keeps `limit` of them.
pub(super) fn nearest_first(hits: &mut Vec<VisualHit>, limit: usize) {
    hits.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then_with(|| b.post.post_id.cmp(&a.post.post_id)));
    hits.truncate(limit);
}
