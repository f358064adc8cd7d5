//! Upkeep: putting a full buffer into a graph, joining small graphs, writing those anew that hold many dead vectors.
//!
//! [`VectorIndex::plan_maintenance`] takes what it needs along, [`Maintenance::run`] computes on a thread for as long as
//! it takes, and [`VectorIndex::install`] swaps. In between the index is searched and changed as ever: what dies is dead in
//! the new segment too, and what comes goes to the buffer.

use super::{Buffer, IndexSettings, Place, Sealed, Segment, VectorIndex};
use std::sync::Arc;

/// Of the thread that builds: searches go first; where they leave nothing, it still has a tenth of a core and comes to its
/// end.
const NICENESS: i32 = 10;

/// A piece of upkeep to be run.
pub struct Maintenance {
    /// What a copy of grows.
    base: Option<(u64, Arc<Segment>)>,
    /// A segment that goes.
    replaces: Option<u64>,
    added: Added,
    settings: IndexSettings,
    dimensions: usize,
    /// Of which index.
    identity: Arc<()>,
}

/// What is put into the graph.
enum Added {
    Buffer(Buffer),
    /// These rows of a segment.
    Rows(Arc<Segment>, Vec<u32>),
}

/// What came of it.
pub struct Maintained {
    base: Option<u64>,
    replaces: Option<u64>,
    segment: Segment,
    identity: Arc<()>,
}

/// What is most worth doing.
enum Upkeep {
    /// Put the buffer into a graph.
    Seal,
    /// Write this segment anew.
    Rewrite(usize),
    /// Put the first segment into the second.
    Join(usize, usize),
}

impl std::fmt::Debug for Maintained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Maintained({} vectors)", self.segment.len())
    }
}

impl Maintenance {
    /// Builds the graph: about 0.2 milliseconds of computation for each vector added, on a thread of its own that
    /// lets others go first.
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
        let added = match &self.added {
            Added::Buffer(buffer) => buffer.groups.len(),
            Added::Rows(_, rows) => rows.len(),
        };
        let mut segment = match &self.base {
            Some((_, base)) => base.grown(added),
            None => Segment::new(self.dimensions, &self.settings),
        };
        match &self.added {
            Added::Buffer(Buffer { rows, groups }) => {
                groups.iter().zip(rows.iter()).for_each(|(group, row)| segment.insert(*group, row, &self.settings));
            }
            Added::Rows(source, rows) => {
                for (group, vector) in rows.iter().map(|row| source.row(*row)) {
                    segment.insert(group, vector, &self.settings);
                }
            }
        }
        segment
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
            Added::Rows(sealed.segment.clone(), rows)
        };
        let (base, replaces, added) = match upkeep {
            Upkeep::Seal => {
                let buffer = self.buffer.first(self.settings.largest_segment);
                let roomy = self.segments.iter().filter(|sealed| self.has_room(sealed, buffer.groups.len()));
                (roomy.max_by_key(|sealed| sealed.segment.len()), None, Added::Buffer(buffer))
            }
            Upkeep::Rewrite(at) => (None, Some(self.segments[at].number), living(&self.segments[at])),
            Upkeep::Join(small, large) => {
                (Some(&self.segments[large]), Some(self.segments[small].number), living(&self.segments[small]))
            }
        };
        let base = base.map(|sealed| (sealed.number, sealed.segment.clone()));
        self.maintaining = true;
        let (settings, identity) = (self.settings.clone(), self.identity.clone());
        Some(Maintenance { base, replaces, added, settings, dimensions: self.dimensions, identity })
    }

    fn choose(&self) -> Option<Upkeep> {
        if self.buffer.groups.len() >= self.settings.seal_at {
            return Some(Upkeep::Seal);
        }
        let is_rotten =
            |sealed: &Sealed| sealed.dead_rows as f32 > self.settings.dead_share * sealed.segment.len() as f32;
        if let Some(at) = self.segments.iter().position(is_rotten) {
            return Some(Upkeep::Rewrite(at));
        }
        let mut by_size: Vec<usize> = (0..self.segments.len()).collect();
        by_size.sort_by_key(|at| self.segments[*at].segment.len());
        let (small, large) = (*by_size.first()?, *by_size.get(1)?);
        self.has_room(&self.segments[large], self.segments[small].living()).then_some(Upkeep::Join(small, large))
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
        let at = base.unwrap_or_else(|| {
            self.segments.push(Sealed::new(self.next_segment, self.dimensions, &self.settings));
            self.next_segment += 1;
            self.segments.len() - 1
        });
        let number = self.segments[at].number;
        let known = self.segments[at].segment.len();
        for (row, group) in (known as u32..).zip(&segment.groups()[known..]) {
            let is_dead = self.is_dead(*group);
            if let Some(group) = &mut self.groups[*group as usize] {
                group.place = Place::Segment { number, row };
            }
            let sealed = &mut self.segments[at];
            sealed.dead.push(is_dead);
            sealed.dead_rows += usize::from(is_dead);
        }
        self.segments[at].segment = Arc::new(segment);
        if let Some(gone) = self.segments.iter().position(|sealed| Some(sealed.number) == replaces) {
            self.forget(gone);
        }
        self.segments.retain(|sealed| sealed.segment.len() > 0);
        self.tidy_buffer();
    }

    /// Takes a segment out whose living groups are in another now.
    fn forget(&mut self, at: usize) {
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
