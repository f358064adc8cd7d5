//! The graph of the crate `instant-distance`: built from all its vectors at once, and searched with as many candidates
//! as it was built for.

use super::{
    IndexSettings,
    distance::dot,
    near::Near,
    rows::{Line, Rows},
};
use instant_distance::{Builder, Hnsw, Point, PointId, Search};
use serde::{Deserialize, Serialize, Serializer};
use std::{cell::RefCell, sync::Arc};

/// What the library takes for a vector in links: 64 numbers at the bottom and 32 in each layer above, which hold 0.4
/// times as many vectors in all (its layers shrink by ln 32).
const LINK_BYTES: usize = 4 * (64 + 13);

thread_local! {
    /// What a search needs to remember; reused, because it is as long as the largest graph.
    static SEARCH: RefCell<Search> = RefCell::default();
}

/// A vector that can be cloned cheaply: building clones them all.
#[derive(Clone, Serialize, Deserialize)]
struct Vector(Arc<[Line]>);

impl Point for Vector {
    fn distance(&self, other: &Self) -> f32 {
        -dot(&self.0, &other.0)
    }
}

/// A graph of the library. Its rows are in the library's order.
#[derive(Deserialize)]
#[serde(from = "Hnsw<Vector>")]
pub(super) struct LibraryGraph {
    graph: Hnsw<Vector>,
    /// The library's name for each row.
    points: Vec<PointId>,
}

impl From<Hnsw<Vector>> for LibraryGraph {
    fn from(graph: Hnsw<Vector>) -> Self {
        let points = graph.iter().map(|(point, _)| point).collect();
        Self { graph, points }
    }
}

impl Serialize for LibraryGraph {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.graph.serialize(serializer)
    }
}

impl LibraryGraph {
    /// The graph of these groups' vectors, and the group of each row. The same vectors make the same graph, because one
    /// thread makes it: of a pool of its own, so that the library's loops go nowhere else.
    pub fn build(added: &[(u32, &[Line])], settings: &IndexSettings) -> (Self, Vec<u32>) {
        let build = || {
            let vectors = added.iter().map(|(_, vector)| Vector(Arc::from(*vector))).collect();
            let builder = Builder::default().ef_construction(settings.ef_construction).ef_search(settings.ef_search);
            builder.seed(settings.seed).build_hnsw(vectors)
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "visual-library".to_owned()).build();
        let (graph, points) = match pool {
            Ok(pool) => pool.install(build),
            // No thread to be had: with what threads there are.
            Err(_) => build(),
        };
        let mut groups = vec![0; added.len()];
        for ((group, _), point) in added.iter().zip(points) {
            groups[point.into_inner() as usize] = *group;
        }
        (graph.into(), groups)
    }

    /// How many vectors it has.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// One of its vectors.
    pub fn row(&self, row: u32) -> &[Line] {
        &self.graph[self.points[row as usize]].0
    }

    /// The nearest rows that count, nearest first, of those that it looks at.
    pub fn nearest(&self, query: &[Line], counts: impl Fn(u32) -> bool) -> Vec<Near> {
        let query = Vector(Arc::from(query));
        SEARCH.with_borrow_mut(|search| {
            let found = self.graph.search(&query, search).map(|item| Near::new(-item.distance, item.pid.into_inner()));
            found.filter(|near| counts(near.number())).collect()
        })
    }

    /// Whether its vectors are of this length. Its links are its own: only a snapshot's checksum vouches for them.
    pub fn is_whole(&self, dimensions: usize) -> bool {
        let lines = Rows::lines_per_row(dimensions);
        self.graph.iter().all(|(_, vector)| vector.0.len() == lines)
    }

    /// Bytes on the heap, about.
    pub fn heap_bytes(&self) -> usize {
        // Each vector has its allocation, with a line for the counts of its references.
        let vectors: usize = self.graph.iter().map(|(_, vector)| (vector.0.len() + 1) * size_of::<Line>()).sum();
        vectors + self.points.len() * (size_of::<Vector>() + size_of::<PointId>() + LINK_BYTES)
    }
}
