//! What a list of recommendations is.

use crate::feed::Degraded;
use std::{collections::HashMap, time::Instant};
use tessera_domain::{PostId, features::FeatureRow, post::PostRef, recommendation::Reason};

/// Who wants a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WantedFor {
    /// A feed that is opened: quick before new, as its recommendations are a few among many posts.
    Feed,
    /// Somebody who asks for nothing else.
    List,
}

#[derive(Debug, Clone)]
pub(crate) struct Recommended {
    pub post: PostRef,
    /// What it was ordered by: the model's score after the business rules.
    pub score: f64,
    /// Why it is there.
    pub reason: Reason,
}

/// What is recommended to a person, best first.
#[derive(Debug)]
pub(crate) struct RecommendedList {
    pub id: u64,
    /// When the first question for it was asked.
    pub begun: Instant,
    pub items: Vec<Recommended>,
    /// Whether unseen posts were left out, which the next list has.
    pub has_more: bool,
    /// By what they were ranked, of people whose lists are logged.
    pub rows: HashMap<PostId, FeatureRow>,
    /// What it was made without.
    pub missing: Vec<Degraded>,
}

impl RecommendedList {
    /// Whether nothing was missing when it was made.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }
}
