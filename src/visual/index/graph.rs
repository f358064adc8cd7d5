//! A graph over unit vectors in which the nearest of a query are found by walking: HNSW, searched with as many
//! candidates as each search wants, and grown vector by vector.
//!
//! Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small
//! World graphs", 2016: [`Graph::insert`] is their algorithm 1, [`Graph::walk`] 2, [`Graph::select`] 4 without its
//! extensions.

use super::{
    distance::{dot, dots},
    near::{Near, Nearest},
    rows::{Line, Rows},
};
use serde::{Deserialize, Serialize};
use std::{cell::RefCell, cmp::Reverse, collections::BinaryHeap};
use tessera_domain::hash::stable_hash_u64;

/// Links of a vector (M), and twice as many at the bottom.
const LINKS: usize = 32;
const GROUND_LINKS: usize = 2 * LINKS;
/// What the links of a vector in a layer take: how many there are, and they.
const GROUND_BLOCK: usize = 1 + GROUND_LINKS;
const UPPER_BLOCK: usize = 1 + LINKS;
/// A layer holds a 32nd of the one below: more are never needed.
const TOP_LEVEL: u8 = 6;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// What a walk needs to remember; reused, because it is as long as the largest graph.
#[derive(Default)]
struct Scratch {
    /// The number of the walk that saw a node last.
    seen: Vec<u8>,
    walk: u8,
    candidates: BinaryHeap<Reverse<Near>>,
    nearest: Nearest,
    fresh: Vec<u32>,
    similarities: Vec<f32>,
}

impl Scratch {
    fn begin(&mut self, nodes: usize, candidates: usize) {
        self.candidates.clear();
        self.nearest.reset(candidates);
        self.walk = self.walk.wrapping_add(1);
        if self.walk == 0 {
            self.seen.fill(0);
            self.walk = 1;
        }
        if self.seen.len() < nodes {
            self.seen.resize(nodes, 0);
        }
    }

    fn see(&mut self, node: u32) -> bool {
        std::mem::replace(&mut self.seen[node as usize], self.walk) != self.walk
    }
}

/// Vectors and their links. Nodes are numbered in the order of their insertion.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Graph {
    rows: Rows,
    /// A block for each node.
    ground: Vec<u32>,
    /// How many layers a node is in above the bottom, and where its blocks for them begin.
    levels: Vec<u8>,
    upper_at: Vec<u32>,
    upper: Vec<u32>,
    /// Where every walk begins: a node of the top layer.
    entry: u32,
    seed: u64,
}

impl Graph {
    /// A graph without nodes. `seed` decides their layers.
    pub fn new(dimensions: usize, seed: u64) -> Self {
        Self {
            rows: Rows::new(dimensions),
            ground: Vec::new(),
            levels: Vec::new(),
            upper_at: Vec::new(),
            upper: Vec::new(),
            entry: 0,
            seed,
        }
    }

    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// A copy with room for more.
    pub fn grown(&self, nodes: usize) -> Self {
        let mut grown = Self::new(0, self.seed);
        grown.rows = self.rows.with_room(nodes);
        grown.ground.reserve_exact(self.ground.len() + nodes * GROUND_BLOCK);
        grown.ground.extend_from_slice(&self.ground);
        grown.levels.clone_from(&self.levels);
        grown.upper_at.clone_from(&self.upper_at);
        grown.upper.clone_from(&self.upper);
        grown.entry = self.entry;
        grown
    }

    /// The nearest nodes of those that count, nearest first: `candidates` of them if the graph has so many. The more,
    /// the surer are the first of them the true ones.
    pub fn nearest(&self, query: &[Line], candidates: usize, counts: impl Fn(u32) -> bool) -> Vec<Near> {
        if self.levels.is_empty() {
            return Vec::new();
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let mut start = self.near(query, self.entry);
            for layer in (1..=self.top()).rev() {
                start = self.descend(query, layer, start, scratch);
            }
            self.walk(query, 0, &[start], candidates, scratch, counts);
            scratch.nearest.take_sorted()
        })
    }

    /// Adds a vector, its links chosen among so many candidates.
    pub fn insert(&mut self, vector: &[Line], candidates: usize) {
        let node = self.levels.len() as u32;
        let level = self.level_of(node);
        self.rows.push(vector);
        self.ground.resize(self.ground.len() + GROUND_BLOCK, 0);
        self.upper_at.push(self.upper.len() as u32);
        self.upper.resize(self.upper.len() + usize::from(level) * UPPER_BLOCK, 0);
        self.levels.push(level);
        if node == 0 {
            return;
        }
        let top = self.top();
        SCRATCH.with_borrow_mut(|scratch| {
            let mut start = self.near(vector, self.entry);
            for layer in (level + 1..=top).rev() {
                start = self.descend(vector, layer, start, scratch);
            }
            let mut start = vec![start];
            for layer in (0..=level.min(top)).rev() {
                self.walk(vector, layer, &start, candidates, scratch, |_| true);
                start = scratch.nearest.take_sorted();
                let chosen = self.select(&start, LINKS);
                self.set_links(node, layer, &chosen);
                for near in chosen {
                    self.link(near.number(), near.with_number(node), layer, scratch);
                }
            }
        });
        if level > top {
            self.entry = node;
        }
    }

    /// Whether its parts fit each other, so that no walk leaves it.
    pub fn is_whole(&self, dimensions: usize) -> bool {
        let nodes = self.levels.len();
        let blocks_fit = |node: u32| {
            let level = self.levels[node as usize];
            (0..=level).all(|layer| {
                let at = self.block_at(node, layer);
                let (links, room) = if layer == 0 { (&self.ground, GROUND_LINKS) } else { (&self.upper, LINKS) };
                let Some(block) = links.get(at..at + 1 + room) else { return false };
                let leads_on = |other: &u32| self.levels.get(*other as usize).is_some_and(|level| *level >= layer);
                block[0] as usize <= room && block[1..=block[0] as usize].iter().all(leads_on)
            })
        };
        let entry_fits = nodes == 0 || self.levels.get(self.entry as usize) == self.levels.iter().max();
        let lengths_fit = self.rows.fit(dimensions) && self.rows.len() == nodes && self.upper_at.len() == nodes;
        lengths_fit && entry_fits && (0..nodes as u32).all(blocks_fit)
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let numbers = self.ground.capacity() + self.upper.capacity() + self.upper_at.capacity();
        self.rows.heap_bytes() + numbers * size_of::<u32>() + self.levels.capacity()
    }

    /// A node is in a layer with 1/32 of the chance of the one below; the same node of the same seed always in the
    /// same.
    fn level_of(&self, node: u32) -> u8 {
        let chance = (stable_hash_u64(u64::from(node), self.seed) >> 11) as f64 / (1_u64 << 53) as f64;
        let level = -(1.0 - chance).ln() / (LINKS as f64).ln();
        (level as u8).min(TOP_LEVEL)
    }

    fn top(&self) -> u8 {
        self.levels[self.entry as usize]
    }

    fn near(&self, query: &[Line], node: u32) -> Near {
        Near::new(dot(query, self.rows.row(node)), node)
    }

    fn block_at(&self, node: u32, layer: u8) -> usize {
        match layer {
            0 => node as usize * GROUND_BLOCK,
            _ => self.upper_at[node as usize] as usize + usize::from(layer - 1) * UPPER_BLOCK,
        }
    }

    fn links(&self, node: u32, layer: u8) -> &[u32] {
        let links = if layer == 0 { &self.ground } else { &self.upper };
        let at = self.block_at(node, layer);
        &links[at + 1..][..links[at] as usize]
    }

    fn set_links(&mut self, node: u32, layer: u8, chosen: &[Near]) {
        let at = self.block_at(node, layer);
        let links = if layer == 0 { &mut self.ground } else { &mut self.upper };
        links[at] = chosen.len() as u32;
        links[at + 1..].iter_mut().zip(chosen).for_each(|(link, near)| *link = near.number());
    }

    /// Links a node to a new one; where it has no room, the best of all its links stay.
    fn link(&mut self, node: u32, new: Near, layer: u8, scratch: &mut Scratch) {
        let room = if layer == 0 { GROUND_LINKS } else { LINKS };
        let at = self.block_at(node, layer);
        let links = self.links(node, layer);
        if links.len() < room {
            let count = links.len();
            let links = if layer == 0 { &mut self.ground } else { &mut self.upper };
            links[at + 1 + count] = new.number();
            links[at] += 1;
            return;
        }
        dots(self.rows.row(node), &self.rows, links, &mut scratch.similarities);
        let known = links.iter().zip(&scratch.similarities).map(|(link, similarity)| Near::new(*similarity, *link));
        let mut all: Vec<Near> = known.chain([new]).collect();
        all.sort_unstable();
        let chosen = self.select(&all, room);
        self.set_links(node, layer, &chosen);
    }

    /// Those of `sorted` that are nearer to the node in question than to any that was chosen before: links in all
    /// directions instead of many into one cluster.
    fn select(&self, sorted: &[Near], room: usize) -> Vec<Near> {
        let mut chosen: Vec<Near> = Vec::with_capacity(room);
        for near in sorted {
            if chosen.len() == room {
                break;
            }
            let row = self.rows.row(near.number());
            let similarity = near.similarity();
            if chosen.iter().all(|other| dot(row, self.rows.row(other.number())) <= similarity) {
                chosen.push(*near);
            }
        }
        chosen
    }

    /// The nearest node of an upper layer.
    fn descend(&self, query: &[Line], layer: u8, start: Near, scratch: &mut Scratch) -> Near {
        let mut nearest = start;
        loop {
            let links = self.links(nearest.number(), layer);
            dots(query, &self.rows, links, &mut scratch.similarities);
            let found = links.iter().zip(&scratch.similarities).map(|(node, similarity)| Near::new(*similarity, *node));
            match found.min().filter(|found| *found < nearest) {
                Some(found) => nearest = found,
                None => return nearest,
            }
        }
    }

    /// Follows links from `start` as long as they lead nearer than the furthest of the nearest that `counts` lets
    /// count.
    fn walk(
        &self,
        query: &[Line],
        layer: u8,
        start: &[Near],
        candidates: usize,
        scratch: &mut Scratch,
        counts: impl Fn(u32) -> bool,
    ) {
        scratch.begin(self.levels.len(), candidates.max(1));
        for near in start {
            scratch.see(near.number());
            scratch.candidates.push(Reverse(*near));
            if counts(near.number()) {
                scratch.nearest.add(*near);
            }
        }
        while let Some(Reverse(near)) = scratch.candidates.pop() {
            if scratch.nearest.is_nearer(near) {
                break;
            }
            scratch.fresh.clear();
            for node in self.links(near.number(), layer) {
                if scratch.see(*node) {
                    scratch.fresh.push(*node);
                }
            }
            dots(query, &self.rows, &scratch.fresh, &mut scratch.similarities);
            for (node, similarity) in scratch.fresh.iter().zip(&scratch.similarities) {
                let near = Near::new(*similarity, *node);
                if scratch.nearest.wants(near) {
                    scratch.candidates.push(Reverse(near));
                    if counts(*node) {
                        scratch.nearest.add(near);
                    }
                }
            }
        }
    }
}
