//! How an index works.

/// What makes and walks the graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// Our own: it grows.
    #[default]
    Graph,
    /// The crate of that name: it is built from all its vectors at once.
    InstantDistance,
}

/// How an index works.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexSettings {
    /// What makes and walks the graphs.
    pub engine: Engine,
    /// A buffer of so many vectors is put into a graph.
    pub seal_at: usize,
    /// The largest graph, in vectors.
    pub largest_segment: usize,
    /// A segment with a greater share of dead vectors is written anew.
    pub dead_share: f32,
    /// Candidates that a build looks at for each vector.
    pub ef_construction: usize,
    /// Candidates that a search of a graph keeps: by our own twice what it is asked for, where that is more.
    pub ef_search: usize,
    /// Decides the layers of a graph.
    pub seed: u64,
}

impl IndexSettings {
    /// What suits an engine. Measured on 100,000 vectors of 128 dimensions, see `docs/benchmarks.md`.
    pub fn of(engine: Engine) -> Self {
        let (seal_at, ef_search) = match engine {
            Engine::Graph => (2_000, 64),
            // Every graph more is a search more; and the 100 that the application asks for are among what is always
            // looked at.
            Engine::InstantDistance => (8_000, 128),
        };
        Self {
            engine,
            seal_at,
            largest_segment: 128_000,
            dead_share: 0.2,
            ef_construction: 100,
            ef_search,
            seed: 0x7E55_E8A0,
        }
    }
}

impl Default for IndexSettings {
    fn default() -> Self {
        Self::of(Engine::default())
    }
}
