//! Upkeep: sealing the buffer, merging segments, writing those anew that hold many dead vectors.
//!
//! [`VectorIndex::plan_maintenance`] takes what it needs along, [`Maintenance::run`] computes on any thread for as long as
//! it takes, and [`VectorIndex::install`] swaps. In between the index is searched and changed as ever: what dies is dead in
//! the new segment too, and what comes goes to the buffer.

use super::{IndexSettings, Place, Sealed, Segment, VectorIndex};
use std::{collections::HashSet, sync::Arc};

/// A piece of upkeep to be run.
pub struct Maintenance {
    /// Segments that the new one replaces.
    replaces: Vec<u64>,
    items: Vec<(u32, Arc<[f32]>)>,
    settings: IndexSettings,
}

/// What came of it.
pub struct Maintained {
    replaces: Vec<u64>,
    /// `None` where nothing was alive.
    segment: Option<Segment>,
}

impl std::fmt::Debug for Maintained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Maintained({} vectors)", self.segment.as_ref().map_or(0, Segment::len))
    }
}

impl Maintenance {
    /// Builds the graph: about a millisecond of computation for each vector, on threads of its own.
    pub fn run(self) -> Maintained {
        let Self { replaces, items, settings } = self;
        if items.is_empty() {
            return Maintained { replaces, segment: None };
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(settings.build_threads.max(1)).build();
        let segment = match pool {
            Ok(pool) => pool.install(|| Segment::build(items, &settings)),
            // No threads to be had: on this one and the common ones.
            Err(_) => Segment::build(items, &settings),
        };
        Maintained { replaces, segment: Some(segment) }
    }
}

impl VectorIndex {
    /// The most useful piece of upkeep, if there is any and none is under way. Until it is installed or abandoned
    /// there is no other.
    pub fn plan_maintenance(&mut self) -> Option<Maintenance> {
        if self.maintaining {
            return None;
        }
        let replaces = self.choose()?;
        let chosen = |sealed: &&Sealed| replaces.contains(&sealed.number);
        let sources: Vec<u32> = match replaces.is_empty() {
            true => self.buffer.clone(),
            false => {
                let segments = self.segments.iter().filter(chosen);
                segments.flat_map(|sealed| sealed.segment.groups().map(|(group, _)| group)).collect()
            }
        };
        let alive = sources.into_iter().filter(|number| !self.is_dead(*number));
        let mut items: Vec<(u32, Arc<[f32]>)> =
            alive.filter_map(|number| Some((number, self.groups[number as usize].as_ref()?.vector.clone()))).collect();
        if replaces.is_empty() {
            items.truncate(self.settings.largest_segment);
        }
        self.maintaining = true;
        Some(Maintenance { replaces, items, settings: self.settings.clone() })
    }

    /// What to work on: these segments, or (none) the buffer.
    fn choose(&self) -> Option<Vec<u64>> {
        if self.buffer.len() >= self.settings.seal_at {
            return Some(Vec::new());
        }
        let is_rotten = |sealed: &&Sealed| sealed.dead as f32 > self.settings.dead_share * sealed.segment.len() as f32;
        if let Some(sealed) = self.segments.iter().find(is_rotten) {
            return Some(vec![sealed.number]);
        }
        let mut tiers: Vec<Vec<&Sealed>> = Vec::new();
        for sealed in &self.segments {
            let tier = self.tier(sealed.segment.len());
            if tiers.len() <= tier {
                tiers.resize(tier + 1, Vec::new());
            }
            tiers[tier].push(sealed);
        }
        let full = tiers.into_iter().find(|tier| {
            let vectors: usize = tier.iter().take(self.settings.fan_in).map(|sealed| sealed.segment.len()).sum();
            tier.len() >= self.settings.fan_in && vectors <= self.settings.largest_segment
        })?;
        Some(full.into_iter().take(self.settings.fan_in).map(|sealed| sealed.number).collect())
    }

    /// Sizes are alike where they are within a factor of the fan-in of each other.
    fn tier(&self, vectors: usize) -> usize {
        let mut tier = 0;
        let mut size = self.settings.seal_at.max(1) * self.settings.fan_in.max(2);
        // A little below, because merging drops what is dead.
        while vectors * 4 >= size * 3 {
            tier += 1;
            size *= self.settings.fan_in.max(2);
        }
        tier
    }

    /// Puts in what came of maintenance.
    pub fn install(&mut self, done: Maintained) {
        self.maintaining = false;
        let Maintained { replaces, segment } = done;
        let number = self.next_segment;
        self.next_segment += 1;
        let sealed: HashSet<u32> =
            segment.iter().flat_map(|segment| segment.groups().map(|(group, _)| group)).collect();
        let (gone, kept): (Vec<Sealed>, Vec<Sealed>) =
            std::mem::take(&mut self.segments).into_iter().partition(|old| replaces.contains(&old.number));
        self.segments = kept;
        let left = gone.iter().flat_map(|old| old.segment.groups().map(|(group, _)| group));
        let mut dead: Vec<u32> = left.filter(|group| !sealed.contains(group)).collect();
        let buffer = std::mem::take(&mut self.buffer);
        for group in buffer {
            match (sealed.contains(&group), self.is_dead(group)) {
                (true, _) => {}
                (false, true) => dead.push(group),
                (false, false) => self.buffer.push(group),
            }
        }
        dead.into_iter().for_each(|group| self.let_go(group));
        if let Some(segment) = segment {
            for group in &sealed {
                if let Some(group) = &mut self.groups[*group as usize] {
                    group.place = Place::Segment(number);
                }
            }
            let dead = sealed.iter().filter(|group| self.is_dead(**group)).count();
            self.segments.push(Sealed { number, segment: Arc::new(segment), dead });
        }
    }

    /// Gives up maintenance that was planned and failed: it may be planned again.
    pub fn abandon_maintenance(&mut self) {
        self.maintaining = false;
        let (dead, buffer) = std::mem::take(&mut self.buffer).into_iter().partition(|group| self.is_dead(*group));
        self.buffer = buffer;
        let dead: Vec<u32> = dead;
        dead.into_iter().for_each(|group| self.let_go(group));
    }
}
