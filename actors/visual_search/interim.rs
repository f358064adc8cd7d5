//! interim
use std::collections::HashMap;
use tessera_domain::{PostId, post::PostRef};
#[derive(Default)]
pub struct IndexSettings;
#[derive(Debug)]
pub struct Maintained;
pub struct Maintenance;
impl Maintenance {
    pub fn run(self) -> Maintained {
        Maintained
    }
}
#[derive(Clone)]
pub struct VectorIndex {
    dims: usize,
    rows: HashMap<PostId, (PostRef, Vec<f32>, u64)>,
}
pub struct Hit {
    pub post: PostRef,
    pub similarity: f32,
    pub perceptual_hash: u64,
}
pub struct Stats {
    pub live: usize,
    pub dead: usize,
    pub buffered: usize,
    pub segments: usize,
}
impl VectorIndex {
    pub fn new(dims: usize, _: IndexSettings) -> Self {
        Self { dims, rows: HashMap::new() }
    }
    pub fn insert(&mut self, post: PostRef, v: &[f32], h: u64) -> Result<(), String> {
        if v.len() != self.dims {
            return Err("length".into());
        }
        self.rows.insert(post.post_id, (post, v.to_vec(), h));
        Ok(())
    }
    pub fn remove(&mut self, id: PostId) {
        self.rows.remove(&id);
    }
    pub fn posts(&self) -> impl Iterator<Item = PostRef> + '_ {
        self.rows.values().map(|r| r.0)
    }
    pub fn search(&self, q: &[f32], k: usize, f: impl Fn(PostRef) -> bool) -> Vec<Hit> {
        let mut v: Vec<Hit> = self
            .rows
            .values()
            .filter(|r| f(r.0))
            .map(|r| Hit { post: r.0, similarity: r.1.iter().zip(q).map(|(a, b)| a * b).sum(), perceptual_hash: r.2 })
            .collect();
        v.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
        v.truncate(k);
        v
    }
    pub fn plan_maintenance(&self) -> Option<Maintenance> {
        None
    }
    pub fn install(&mut self, _: Maintained) {}
    pub fn sample_recall(&self, _: u64) -> Option<f32> {
        Some(1.0)
    }
    pub fn snapshot(&self) -> Vec<u8> {
        let rows: Vec<(PostRef, Vec<f32>, u64)> = self.rows.values().cloned().collect();
        serde_json::to_vec(&(self.dims, rows)).unwrap_or_default()
    }
    pub fn from_snapshot(b: &[u8]) -> Result<Self, serde_json::Error> {
        let (dims, rows): (usize, Vec<(PostRef, Vec<f32>, u64)>) = serde_json::from_slice(b)?;
        Ok(Self { dims, rows: rows.into_iter().map(|r| (r.0.post_id, r)).collect() })
    }
    pub fn stats(&self) -> Stats {
        Stats { live: self.rows.len(), dead: 0, buffered: self.rows.len(), segments: 0 }
    }
    pub fn heap_bytes(&self) -> usize {
        self.rows.len() * self.dims * 4
    }
}
