//! Upkeep: putting a full buffer into a graph, joining small graphs, writing those anew that hold many dead vectors.
//!
//! A graph of our own grows, so the buffer goes into the largest that has room. One of the library is built from
//! nothing, which takes as long however much of it is new: there graphs of about one size are joined, four at a time,
//! so that a vector is built into three of them (of 8,000, 32,000 and 128,000 vectors), and into another wherever the
//! dead are cleared away.
//!
//! [`VectorIndex::plan_maintenance`] takes what it needs along, [`Maintenance::run`] computes on a thread for as long
//! as it takes, and [`VectorIndex::install`] swaps. In between the index is searched and changed as ever: what dies is
//! dead in the new segment too, and what comes goes to the buffer.

use super::{Buffer, Engine, IndexSettings, Place, Sealed, Segment, VectorIndex, rows::Line};
use std::sync::Arc;

/// Of the thread that builds: searches go first; where they leave nothing, it still has a tenth of a core and comes to
/// its end.
const NICENESS: i32 = 10;
/// So many graphs of about one size become one, where graphs do not grow.
const FAN_IN: usize = 4;

/// A piece of upkeep to be run.
pub struct Maintenance {
    /// What a copy of grows.
    base: Option<(u64, Arc<Segment>)>,
    replaces: Vec<u64>,
    added: Added,
    settings: IndexSettings,
    dimensions: usize,
    identity: Arc<()>,
}

/// What is put into the graph.
enum Added {
    Buffer(Buffer),
    /// These rows of each segment.
    Rows(Vec<(Arc<Segment>, Vec<u32>)>),
}

impl Added {
    fn vectors(&self) -> Vec<(u32, &[Line])> {
        match self {
            Self::Buffer(Buffer { rows, groups }) => groups.iter().copied().zip(rows.iter()).collect(),
            Self::Rows(sources) => {
                sources.iter().flat_map(|(source, rows)| rows.iter().map(|row| source.row(*row))).collect()
            }
        }
    }
}

/// What came of it.
pub struct Maintained {
    base: Option<u64>,
    replaces: Vec<u64>,
    segment: Segment,
    identity: Arc<()>,
}

/// What is most worth doing.
enum Upkeep {
    /// Put the buffer into a graph.
    Seal,
    /// Put what lives in these segments into another, or into a new one.
    Join { sources: Vec<usize>, into: Option<usize> },
}

impl std::fmt::Debug for Maintained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Maintained({} vectors)", self.segment.len())
    }
}

impl Maintenance {
    /// Builds the graph on a thread of its own that lets others go first: [`Segment::build`] says for how long.
    pub fn run(self) -> Maintained {
        let segment = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("visual-upkeep".to_owned());
            let build = thread.spawn_scoped(scope, || {
                // Of this thread alone, as Linux has it. Where it is refused, searches are a little slower meanwhile.
                let _ = rustix::process::setpriority_process(None, NICENESS);
                self.build()
            });
            match build {
                Ok(build) => build.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                // No thread to be had.
                Err(_) => self.build(),
            }
        });
        let base = self.base.map(|(number, _)| number);
        Maintained { base, replaces: self.replaces, segment, identity: self.identity }
    }

    fn build(&self) -> Segment {
        let base = self.base.as_ref().map(|(_, base)| &**base);
        Segment::build(base, &self.added.vectors(), self.dimensions, &self.settings)
    }
}

impl VectorIndex {
    /// The most useful piece of upkeep, if there is any and none is under way. Until it is installed or abandoned
    /// there is no other.
    pub fn plan_maintenance(&mut self) -> Option<Maintenance> {
        if self.maintaining {
            return None;
        }
        let upkeep = self.choose()?;
        let living = |sealed: &Sealed| {
            let rows = (0..).zip(&sealed.dead).filter(|(_, dead)| !**dead).map(|(row, _)| row).collect();
            (sealed.segment.clone(), rows)
        };
        let (base, replaces, added) = match upkeep {
            Upkeep::Seal => {
                let buffer = self.buffer.first(self.settings.largest_segment);
                (self.grows(buffer.groups.len()), Vec::new(), Added::Buffer(buffer))
            }
            Upkeep::Join { sources, into } => {
                let sources = || sources.iter().map(|at| &self.segments[*at]);
                let replaces = sources().map(|sealed| sealed.number).collect();
                (into.map(|at| &self.segments[at]), replaces, Added::Rows(sources().map(living).collect()))
            }
        };
        let base = base.map(|sealed| (sealed.number, sealed.segment.clone()));
        self.maintaining = true;
        let (settings, identity) = (self.settings.clone(), self.identity.clone());
        Some(Maintenance { base, replaces, added, settings, dimensions: self.dimensions, identity })
    }

    /// The segment that so many vectors more are put into; `None` where they become one of their own.
    fn grows(&self, vectors: usize) -> Option<&Sealed> {
        match self.settings.engine {
            Engine::Graph => {
                let roomy = self.segments.iter().filter(|sealed| self.has_room(sealed, vectors));
                roomy.max_by_key(|sealed| sealed.segment.len())
            }
            Engine::InstantDistance => None,
        }
    }

    fn choose(&self) -> Option<Upkeep> {
        if self.buffer.groups.len() >= self.settings.seal_at {
            return Some(Upkeep::Seal);
        }
        let is_rotten =
            |sealed: &Sealed| sealed.dead_rows as f32 > self.settings.dead_share * sealed.segment.len() as f32;
        if let Some(at) = self.segments.iter().position(is_rotten) {
            return Some(Upkeep::Join { sources: vec![at], into: None });
        }
        let mut by_size: Vec<usize> = (0..self.segments.len()).collect();
        by_size.sort_by_key(|at| self.segments[*at].segment.len());
        match self.settings.engine {
            Engine::Graph => {
                let (small, large) = (*by_size.first()?, *by_size.get(1)?);
                let fits = self.has_room(&self.segments[large], self.segments[small].living());
                fits.then(|| Upkeep::Join { sources: vec![small], into: Some(large) })
            }
            Engine::InstantDistance => {
                let alike = by_size.chunk_by(|a, b| self.tier(*a) == self.tier(*b));
                let fits = |sources: &&[usize]| {
                    let living: usize = sources.iter().map(|at| self.segments[*at].living()).sum();
                    living <= self.settings.largest_segment
                };
                let sources = alike.filter_map(|alike| alike.get(..FAN_IN)).find(fits)?;
                Some(Upkeep::Join { sources: sources.to_vec(), into: None })
            }
        }
    }

    /// Segments of one tier are of about one size: within a factor of the fan-in.
    fn tier(&self, at: usize) -> u32 {
        // A little is allowed for what was dead when they were joined.
        let vectors = self.segments[at].segment.len() * 4 / 3;
        (vectors / self.settings.seal_at.max(1)).max(1).ilog(FAN_IN)
    }

    fn has_room(&self, sealed: &Sealed, vectors: usize) -> bool {
        sealed.segment.len() + vectors <= self.settings.largest_segment
    }

    /// Puts in what came of maintenance. That of another index, in whose place this one came meanwhile, is dropped.
    pub fn install(&mut self, done: Maintained) {
        let Maintained { base, replaces, segment, identity } = done;
        if !Arc::ptr_eq(&identity, &self.identity) {
            return;
        }
        self.maintaining = false;
        let base = base.and_then(|base| self.segments.iter().position(|sealed| sealed.number == base));
        let (number, mut dead, mut dead_rows) = match base.map(|at| self.segments.remove(at)) {
            Some(base) => (base.number, base.dead, base.dead_rows),
            None => {
                self.next_segment += 1;
                (self.next_segment - 1, Vec::new(), 0)
            }
        };
        let known = dead.len();
        for (row, group) in (known as u32..).zip(&segment.groups()[known..]) {
            let is_dead = self.is_dead(*group);
            if let Some(group) = &mut self.groups[*group as usize] {
                group.place = Place::Segment { number, row };
            }
            dead.push(is_dead);
            dead_rows += usize::from(is_dead);
        }
        self.segments.push(Sealed { number, segment: Arc::new(segment), dead, dead_rows });
        for number in replaces {
            self.forget(number);
        }
        self.segments.retain(|sealed| sealed.segment.len() > 0);
        self.tidy_buffer();
    }

    /// Takes a segment out whose living groups are in another now.
    fn forget(&mut self, number: u64) {
        let Some(at) = self.segments.iter().position(|sealed| sealed.number == number) else { return };
        let gone = self.segments.remove(at);
        for group in gone.segment.groups() {
            let place = self.groups[*group as usize].as_ref().map(|group| group.place);
            if matches!(place, Some(Place::Segment { number, .. }) if number == gone.number) {
                self.let_go(*group);
            }
        }
    }

    /// Leaves in the buffer what is alive and in no segment.
    pub(super) fn tidy_buffer(&mut self) {
        let old = std::mem::replace(&mut self.buffer, Buffer::new(self.dimensions));
        for (group, vector) in old.groups.iter().zip(old.rows.iter()) {
            let Some(known) = &mut self.groups[*group as usize] else { continue };
            match (known.place, known.members.is_empty()) {
                (Place::Segment { .. }, _) => {}
                (Place::Buffer { .. }, true) => self.let_go(*group),
                (Place::Buffer { .. }, false) => known.place = Place::Buffer { row: self.buffer.push(*group, vector) },
            }
        }
    }

    /// Gives up maintenance that was planned and failed: it may be planned again.
    pub fn abandon_maintenance(&mut self) {
        self.maintaining = false;
        self.tidy_buffer();
    }
}
