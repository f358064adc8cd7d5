//! The steps of a comparison with the ledger: no I/O, no clock.

use super::core::slots_of;
use std::collections::{HashSet, VecDeque};
use tessera_domain::PostId;

/// A comparison with the ledger, slot by slot, and how many there were.
#[derive(Default)]
pub(super) struct Reconcile {
    left: VecDeque<(String, u16)>,
    now: Option<(String, u16)>,
    missing: Vec<PostId>,
    touched: HashSet<PostId>,
    runs: bool,
    again: bool,
    begun: u64,
}

/// What a comparison needs next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The ledger's posts of a slot.
    List(String, u16),
    /// These posts' embeddings by a model.
    Fetch(String, Vec<PostId>),
    /// Nothing: all slots were compared.
    Done,
}

/// Embeddings fetched at once.
const FETCH: usize = 250;

impl Reconcile {
    /// Begins, unless it runs: then it begins again once it has ended.
    pub fn begin(&mut self) -> bool {
        if self.runs {
            self.again = true;
            return false;
        }
        self.runs = true;
        self.begun += 1;
        true
    }

    /// How many have begun.
    pub fn number(&self) -> u64 {
        self.begun
    }

    /// Whether no further one began after that `number`: a timer that an earlier one set is of no use any more.
    pub fn is_last(&self, number: u64) -> bool {
        self.begun == number
    }

    /// Plans the slots of every model.
    pub fn plan(&mut self, models: &[String], shard: u16, of: u16) {
        let slots = |model: &String| slots_of(shard, of).map(|slot| (model.clone(), slot)).collect::<Vec<_>>();
        self.left = models.iter().flat_map(slots).collect();
        self.now = None;
        self.missing.clear();
    }

    /// What to do next.
    pub fn step(&mut self) -> Step {
        if let (Some((model, _)), false) = (&self.now, self.missing.is_empty()) {
            let rest = self.missing.split_off(self.missing.len().min(FETCH));
            return Step::Fetch(model.clone(), std::mem::replace(&mut self.missing, rest));
        }
        self.now = self.left.pop_front();
        self.touched.clear();
        match &self.now {
            Some((model, slot)) => Step::List(model.clone(), *slot),
            None => Step::Done,
        }
    }

    /// The slot being compared.
    pub fn now(&self) -> Option<&(String, u16)> {
        self.now.as_ref()
    }

    /// Keeps what must be fetched of the slot.
    pub fn fetch(&mut self, missing: Vec<PostId>) {
        self.missing = missing;
    }

    /// Notes that posts changed meanwhile.
    pub fn touch(&mut self, ids: &[PostId]) {
        if self.runs {
            self.touched.extend(ids);
        }
    }

    /// What changed since the slot's list was asked for.
    pub fn touched(&self) -> &HashSet<PostId> {
        &self.touched
    }

    /// Ends; says whether it was asked for again.
    pub fn end(&mut self) -> bool {
        let Self { again, begun, .. } = *self;
        *self = Self { begun, ..Self::default() };
        again
    }
}
