//! The index of each engine against a list that is searched from end to end, and of one against that of the other.

mod differential;

use super::{graph::Graph, *};
use std::collections::{BTreeMap, BTreeSet};
use tessera_domain::{UserId, hash::SeededRandom};

const DIMENSIONS: usize = 24;

/// The suite that every engine passes.
macro_rules! for_each_engine {
    ($($test:ident,)*) => {
        mod with_our_graph {
            $(#[test] fn $test() { super::$test(super::Engine::Graph); })*
        }
        mod with_instant_distance {
            $(#[test] fn $test() { super::$test(super::Engine::InstantDistance); })*
        }
    };
}

for_each_engine! {
    whatever_is_done_to_it_the_index_finds_what_a_list_finds,
    maintenance_of_an_index_that_was_thrown_away_changes_nothing,
    equal_pictures_share_a_vector_and_are_all_found,
    a_post_that_comes_twice_or_changes_is_one_post,
    a_snapshot_is_the_same_index_and_a_damaged_one_is_refused,
    maintenance_seals_merges_and_clears_away,
    small_graphs_are_joined,
    equal_vectors_among_many_are_all_found_and_break_no_graph,
    what_a_filter_leaves_is_found_exactly_and_the_rest_as_well_as_without,
}

/// Small segments, so that everything happens often.
fn small(engine: Engine) -> IndexSettings {
    IndexSettings { seal_at: 50, largest_segment: 400, ef_construction: 50, ..IndexSettings::of(engine) }
}

fn post(id: u64) -> PostRef {
    PostRef { post_id: PostId(id), author_id: UserId(id % 7) }
}

/// Unit vectors in a few clusters, as pictures are.
fn vector(random: &mut SeededRandom) -> Vec<f32> {
    let mut cluster = SeededRandom::new(random.next_u64() % 12);
    unit((0..DIMENSIONS).map(|_| (cluster.next_f64() - 0.5 + 0.6 * (random.next_f64() - 0.5)) as f32).collect())
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let norm = dot(&vector, &vector).sqrt();
    vector.iter_mut().for_each(|value| *value /= norm);
    vector
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    distance::dot(&pad(a), &pad(b))
}

fn maintain(index: &mut VectorIndex) {
    while let Some(plan) = index.plan_maintenance() {
        index.install(plan.run());
    }
}

/// What the nearest of a list are.
fn nearest(model: &BTreeMap<u64, Vec<f32>>, query: &[f32], limit: usize, filter: impl Fn(u64) -> bool) -> Vec<u64> {
    let mut all: Vec<(f32, u64)> =
        model.iter().filter(|(id, _)| filter(**id)).map(|(id, vector)| (dot(vector, query), *id)).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().take(limit).map(|(_, id)| id).collect()
}

fn ids(hits: &[Hit]) -> Vec<u64> {
    hits.iter().map(|hit| hit.post.post_id.0).collect()
}

fn whatever_is_done_to_it_the_index_finds_what_a_list_finds(engine: Engine) {
    let mut random = SeededRandom::new(7);
    let mut index = VectorIndex::new(DIMENSIONS, small(engine));
    let mut model: BTreeMap<u64, Vec<f32>> = BTreeMap::new();
    let mut under_way: Option<Maintenance> = None;
    let mut recall = (0, 0);
    for step in 0..4_000_u64 {
        match random.next_u64() % 10 {
            0..6 => {
                let vector = vector(&mut random);
                index.insert(post(step), &vector, step).expect("it fits");
                model.insert(step, vector);
            }
            6..8 => {
                let id = random.next_u64() % (step + 1);
                assert_eq!(index.remove(PostId(id)), model.remove(&id).is_some(), "post {id}");
            }
            8 => match under_way.take() {
                // Other things happened since it was planned.
                Some(plan) if !random.next_u64().is_multiple_of(8) => index.install(plan.run()),
                Some(_) => index.abandon_maintenance(),
                None => under_way = index.plan_maintenance(),
            },
            _ => {
                let query = vector(&mut random);
                let author = random.next_u64() % 7;
                let hits = index.search(&query, 10, |post| post.author_id.0 != author);
                let exact = nearest(&model, &query, 10, |id| id % 7 != author);
                assert_eq!(hits.len(), exact.len(), "as many as there are");
                assert!(hits.iter().all(|hit| hit.post.author_id.0 != author), "the filter holds");
                assert!(hits.is_sorted_by(|a, b| a.similarity >= b.similarity), "nearest first");
                let found: BTreeSet<u64> = ids(&hits).into_iter().collect();
                recall = (recall.0 + exact.iter().filter(|id| found.contains(id)).count(), recall.1 + exact.len());
                let all = index.search_exactly(&query, 10, |post| post.author_id.0 != author);
                assert_eq!(ids(&all), exact, "the exact search is exact");
                for hit in hits {
                    let id = hit.post.post_id.0;
                    assert!((hit.similarity - dot(&model[&id], &query)).abs() < 1e-3, "{hit:?}");
                    assert_eq!(hit.perceptual_hash, id, "its own hash");
                }
            }
        }
        assert_eq!(index.stats().live, model.len());
    }
    if let Some(plan) = under_way {
        index.install(plan.run());
    }
    maintain(&mut index);
    let share = recall.0 as f64 / recall.1 as f64;
    assert!(share > 0.99, "recall {share}");
    assert_eq!(index.posts().map(|post| post.post_id.0).collect::<BTreeSet<_>>(), model.keys().copied().collect());
    let stats = index.stats();
    assert!(stats.segments >= 1 && stats.buffered < 50, "{stats:?}");
    assert!(stats.dead * 3 <= stats.groups, "what is dead is cleared away: {stats:?}");
    assert!(index.sample_recall(3).is_some_and(|recall| recall >= 0.9));
    assert!(index.heap_bytes() > model.len() * DIMENSIONS * 4);
}

fn maintenance_of_an_index_that_was_thrown_away_changes_nothing(engine: Engine) {
    let mut random = SeededRandom::new(5);
    let mut filled = |ids: std::ops::Range<u64>| {
        let mut index = VectorIndex::new(DIMENSIONS, small(engine));
        for id in ids {
            index.insert(post(id), &vector(&mut random), id).expect("it fits");
        }
        index
    };
    let mut old = filled(0..200);
    let plan = old.plan_maintenance().expect("the buffer is full");
    let mut new = filled(1_000..1_100);
    let plan_of_new = new.plan_maintenance().expect("the buffer is full");
    let before = new.stats();
    new.install(plan.run());
    assert_eq!(new.stats(), before);
    assert!(new.plan_maintenance().is_none(), "its own is still under way");
    new.install(plan_of_new.run());
    assert_eq!(new.posts().count(), 100);
    assert!(new.stats().segments >= 1);
}

fn equal_pictures_share_a_vector_and_are_all_found(engine: Engine) {
    let mut random = SeededRandom::new(1);
    let mut index = VectorIndex::new(DIMENSIONS, small(engine));
    let copied = vector(&mut random);
    for id in 0..300 {
        index.insert(post(id), &copied, id).expect("it fits");
    }
    for id in 300..600 {
        index.insert(post(id), &vector(&mut random), id).expect("it fits");
    }
    maintain(&mut index);
    let stats = index.stats();
    assert_eq!((stats.live, stats.segments), (600, 2.min(stats.segments)), "{stats:?}");
    assert!(stats.groups <= 301, "{stats:?}");
    let hits = index.search(&copied, 50, |_| true);
    assert_eq!(hits.len(), 50, "one picture posted often does not take all places");
    assert_eq!(ids(&hits[..POSTS_PER_GROUP]), [299, 298, 297, 296], "the newest of it come first");
    assert!(hits[POSTS_PER_GROUP].similarity < 0.9995);
    let of_old = index.search(&copied, 2, |post| post.post_id.0 < 10);
    assert_eq!(ids(&of_old), [9, 8], "the filter chooses within a group");
    for id in 0..300 {
        assert!(index.remove(PostId(id)));
    }
    assert!(index.search(&copied, 10, |_| true).iter().all(|hit| hit.post.post_id.0 >= 300), "all of them are gone");
    index.insert(post(1), &copied, 1).expect("it fits");
    assert_eq!(ids(&index.search(&copied, 1, |_| true)), [1], "and one comes back");
}

fn a_post_that_comes_twice_or_changes_is_one_post(engine: Engine) {
    let mut random = SeededRandom::new(2);
    let mut index = VectorIndex::new(DIMENSIONS, small(engine));
    let [first, second] =
        [vector(&mut random), unit((0..DIMENSIONS).map(|at| if at == 3 { 1.0 } else { 0.01 }).collect())];
    for _ in 0..3 {
        index.insert(post(1), &first, 5).expect("it fits");
    }
    assert_eq!((index.stats().live, index.stats().dead, index.stats().buffered), (1, 0, 1));
    index.insert(post(1), &second, 6).expect("it fits");
    let hits = index.search(&second, 10, |_| true);
    assert_eq!((hits.len(), hits[0].perceptual_hash), (1, 6));
    assert!(index.contains(PostId(1)) && !index.contains(PostId(2)));
}

#[test]
fn vectors_that_do_not_fit_are_refused() {
    let mut index = VectorIndex::new(4, IndexSettings::default());
    let refused =
        |index: &mut VectorIndex, vector: &[f32]| index.insert(post(1), vector, 0).expect_err("it does not fit");
    assert_eq!(refused(&mut index, &[1.0; 3]), InsertError::Dimensions { expected: 4, found: 3 });
    for bad in [[0.0; 4], [1.0; 4], [f32::NAN, 0.0, 0.0, 1.0], [f32::INFINITY, 0.0, 0.0, 0.0]] {
        assert!(matches!(refused(&mut index, &bad), InsertError::NotUnit { .. }), "{bad:?}");
    }
    assert_eq!(index.stats(), IndexStats::default());
    assert!(index.search(&[1.0; 5], 3, |_| true).is_empty(), "a query of another length finds nothing");
}

fn a_snapshot_is_the_same_index_and_a_damaged_one_is_refused(engine: Engine) {
    let mut random = SeededRandom::new(3);
    let mut index = VectorIndex::new(DIMENSIONS, small(engine));
    for id in 0..400 {
        index.insert(post(id), &vector(&mut random), id).expect("it fits");
        if id % 3 == 0 {
            index.remove(PostId(id / 2));
        }
        if id % 120 == 0 {
            maintain(&mut index);
        }
    }
    let bytes = index.snapshot().encode().expect("it is written");
    let mut again = VectorIndex::from_snapshot(&bytes, small(engine)).expect("it is read");
    assert_eq!(again.stats(), index.stats());
    for _ in 0..20 {
        let query = vector(&mut random);
        assert_eq!(again.search(&query, 12, |_| true), index.search(&query, 12, |_| true));
    }
    again.insert(post(9_999), &vector(&mut random), 0).expect("it goes on");
    assert!(again.remove(PostId(399)));
    maintain(&mut again);
    assert!(again.stats().segments >= 1);
    let empty = VectorIndex::new(DIMENSIONS, small(engine)).snapshot().encode().expect("it is written");
    assert_eq!(VectorIndex::from_snapshot(&empty, small(engine)).expect("it is read").stats(), IndexStats::default());

    for length in [0, 3, 13, 14, 200, bytes.len() - 1] {
        assert!(VectorIndex::from_snapshot(&bytes[..length], small(engine)).is_err(), "{length} bytes");
    }
    // 0x01 of byte 4 makes one engine's format the other's.
    for (place, bit) in
        [0, 4, 8, 20, bytes.len() / 2, bytes.len() - 1].map(|place| (place, 0x10)).into_iter().chain([(4, 0x01)])
    {
        let mut damaged = bytes.clone();
        damaged[place] ^= bit;
        assert!(VectorIndex::from_snapshot(&damaged, small(engine)).is_err(), "a bit of byte {place}");
    }
}

fn maintenance_seals_merges_and_clears_away(engine: Engine) {
    let mut random = SeededRandom::new(4);
    let mut index = VectorIndex::new(DIMENSIONS, small(engine));
    for id in 0..450 {
        index.insert(post(id), &vector(&mut random), id).expect("it fits");
        if let Some(plan) = index.plan_maintenance() {
            assert!(index.plan_maintenance().is_none(), "one at a time");
            index.install(plan.run());
        }
    }
    maintain(&mut index);
    let stats = index.stats();
    // 400 and the rest; what does not grow: two joined from four, and the rest.
    let segments = if engine == Engine::Graph { 2 } else { 3 };
    assert!(stats.segments == segments && stats.buffered < 50, "{stats:?}");
    for id in (0..450).step_by(2) {
        index.remove(PostId(id));
    }
    maintain(&mut index);
    let stats = index.stats();
    assert!(stats.dead * 4 < stats.groups, "segments half dead were written anew: {stats:?}");
    for id in 0..450 {
        index.remove(PostId(id));
    }
    maintain(&mut index);
    assert_eq!(index.stats(), IndexStats::default(), "nothing is left of nothing");
}

fn small_graphs_are_joined(engine: Engine) {
    let mut random = SeededRandom::new(8);
    let mut index = VectorIndex::new(DIMENSIONS, IndexSettings { dead_share: 0.5, ..small(engine) });
    for id in 0..800 {
        index.insert(post(id), &vector(&mut random), id).expect("it fits");
        maintain(&mut index);
    }
    assert_eq!(index.stats().segments, if engine == Engine::Graph { 2 } else { 4 });
    // More than half of each, so that each is written anew and then they fit into one.
    for id in (0..800).filter(|id| id % 5 < 3) {
        index.remove(PostId(id));
    }
    maintain(&mut index);
    let stats = index.stats();
    assert_eq!((stats.segments, stats.dead, stats.live), (1, 0, 320), "{stats:?}");
}

fn equal_vectors_among_many_are_all_found_and_break_no_graph(engine: Engine) {
    let mut random = SeededRandom::new(5);
    let mut index = VectorIndex::new(DIMENSIONS, IndexSettings { seal_at: 500, ..small(engine) });
    let copied: [Vec<f32>; 4] = std::array::from_fn(|_| vector(&mut random));
    let others: Vec<Vec<f32>> = (0..2_000).map(|_| vector(&mut random)).collect();
    for id in 0..2_000 {
        index.insert(post(2 * id), &copied[id as usize % 4], id).expect("it fits");
        index.insert(post(2 * id + 1), &others[id as usize], id).expect("it fits");
        maintain(&mut index);
    }
    assert!(index.stats().segments > 0 && index.stats().groups <= 2_004, "{:?}", index.stats());
    for id in 0..2_000_u64 {
        let own = |other: PostRef| other.post_id.0 == 2 * id;
        assert_eq!(ids(&index.search(&copied[id as usize % 4], 1, own)), [2 * id], "each of the 4 times 500");
        let nearest = index.search(&others[id as usize], 1, |_| true);
        assert!(
            nearest.iter().all(|hit| hit.similarity >= SAME_PICTURE - 1e-5),
            "vector {id} finds itself: {nearest:?}"
        );
    }
}

fn what_a_filter_leaves_is_found_exactly_and_the_rest_as_well_as_without(engine: Engine) {
    let mut random = SeededRandom::new(6);
    let settings = IndexSettings { seal_at: 1_000, largest_segment: 4_000, ..IndexSettings::of(engine) };
    let mut index = VectorIndex::new(DIMENSIONS, settings);
    let mut model = BTreeMap::new();
    for id in 0..6_300 {
        let vector = vector(&mut random);
        index.insert(post(id), &vector, id).expect("it fits");
        model.insert(id, vector);
        maintain(&mut index);
    }
    // Tombstones, too few for a graph to be written anew.
    for id in (0..6_300).step_by(9) {
        index.remove(PostId(id));
        model.remove(&id);
    }
    maintain(&mut index);
    let stats = index.stats();
    let segments = if engine == Engine::Graph { 2 } else { 3 };
    assert!(stats.segments == segments && stats.buffered > 0 && stats.dead > 500, "{stats:?}");
    for one_in in [1, 2, 3, 10, 100, 1_250, 20_000] {
        // Not along any line of the vectors.
        let passes = |id: u64| tessera_domain::hash::stable_hash_u64(id, 1).is_multiple_of(one_in);
        let (mut found, mut there) = (0, 0);
        for _ in 0..50 {
            let query = vector(&mut random);
            let exact = nearest(&model, &query, 10, passes);
            let hits = ids(&index.search(&query, 10, |post| passes(post.post_id.0)));
            assert_eq!(hits.len(), exact.len(), "as many as there are");
            assert!(hits.iter().all(|id| passes(*id)), "one in {one_in}: nothing else");
            // A walk may yet see twenty of which ten pass.
            assert!(one_in < 10 || hits == exact, "one in {one_in}: {hits:?} instead of {exact:?}");
            there += exact.len();
            found += exact.iter().filter(|id| hits.contains(id)).count();
        }
        assert!(found * 1_000 >= there * 995, "one in {one_in}: {found} of {there}");
    }
}

#[test]
fn a_graph_whose_parts_do_not_fit_is_known() {
    let mut random = SeededRandom::new(9);
    let mut graph = Graph::new(DIMENSIONS, 1);
    for _ in 0..300 {
        graph.insert(&pad(&vector(&mut random)), 50);
    }
    assert!(graph.is_whole(DIMENSIONS) && !graph.is_whole(DIMENSIONS + 16));
    let bytes = bincode::serde::encode_to_vec(&graph, bincode::config::legacy()).expect("it is written");
    let whole = |bytes: &[u8]| match bincode::serde::decode_from_slice::<Graph, _>(bytes, bincode::config::legacy()) {
        Ok((graph, _)) if graph.is_whole(DIMENSIONS) => Some(graph),
        _ => None,
    };
    assert!(whole(&bytes).is_some());
    // Whatever is let through can be walked.
    for _ in 0..400 {
        let mut damaged = bytes.clone();
        let at = random.next_u64() as usize % damaged.len();
        damaged[at] ^= 1 << (random.next_u64() % 8);
        if let Some(graph) = whole(&damaged) {
            graph.nearest(&pad(&vector(&mut random)), 20, |_| true);
        }
    }
}
