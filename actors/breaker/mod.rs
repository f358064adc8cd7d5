//! Circuit breakers before what may fail (section 10): one [`BreakerRef`] per dependency and node.
//!
//! ```text
//! caller ─► BreakerRef::call ─ open? ─────────► refused at once, the caller falls back
//!                            ├ no place left? ► refused at once
//!                            └ timed, cut off at its deadline, panics caught ─► the dependency
//! ```
//! The states are those of `tessera_domain::breaker`. A breaker is not an actor but state under a lock, because
//! every call passes through it twice; the ADR on breakers says more. [`Breakers`] holds all of a node, and
//! `guarded` puts them before the ports that every caller shares.

mod guarded;
mod shared;
#[cfg(test)]
mod tests;

pub use guarded::{GuardedCaches, GuardedObjects};
pub use shared::{BreakerRef, BreakerStats, Sabotage};

use crate::ActorError;
use std::time::Duration;
use tessera_domain::breaker::{BreakerSettings, OpenWait, WindowSize};
use tessera_ports::{RankingError, StoreError};

/// An error that may say that a dependency is unwell.
pub trait Fault {
    /// Whether it does. An error that does not is the caller's own: no breaker counts it.
    fn is_fault(&self) -> bool;
}

impl Fault for StoreError {
    fn is_fault(&self) -> bool {
        self.is_transient()
    }
}

impl Fault for RankingError {
    fn is_fault(&self) -> bool {
        true
    }
}

impl Fault for ActorError {
    fn is_fault(&self) -> bool {
        match self {
            ActorError::Ask(_) => true,
            ActorError::Store(error) => error.is_fault(),
        }
    }
}

/// Why a call through a breaker gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BreakerError<E> {
    /// It was not made: the dependency failed too often.
    #[error("the breaker is open")]
    Open {
        /// When it may be worth asking again; `None` where nobody knows.
        retry_after: Option<Duration>,
    },
    /// It was not made: too many are under way.
    #[error("too many calls are under way")]
    Full,
    /// It did not end in time. It may have had its effect.
    #[error("no answer in time")]
    TimedOut,
    /// It panicked. It may have had its effect.
    #[error("the call panicked")]
    Panicked,
    /// It failed by itself.
    #[error("{0}")]
    Failed(E),
}

/// What an operator may set, for all breakers of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerPolicy {
    /// A breaker opens where at least this share of calls failed; above 0, at most 1.
    pub failure_rate: f64,
    /// How long it stays open.
    pub open: Duration,
}

impl Default for BreakerPolicy {
    /// Half, and 30 s.
    fn default() -> Self {
        Self { failure_rate: 0.5, open: Duration::from_secs(30) }
    }
}

/// All breakers of a node. Cheap to clone.
#[derive(Clone)]
pub struct Breakers {
    /// Before what the feed's recommended posts come from.
    pub recommendations: BreakerRef,
    /// Before the recommenders of people, which know their tastes.
    pub recommenders: BreakerRef,
    /// Before the ranking model.
    pub ranking_model: BreakerRef,
    /// Before the visual index.
    pub visual_index: BreakerRef,
    /// Before the object store, where a hang would hold up readers and events.
    pub objects: BreakerRef,
    /// Before each cache of the CDN.
    pub caches: Vec<BreakerRef>,
}

impl Breakers {
    /// Closed breakers, with one for each of `caches` caches.
    pub fn new(policy: BreakerPolicy, caches: usize) -> Self {
        let base = BreakerSettings {
            failure_rate: policy.failure_rate,
            open_wait: OpenWait::constant(policy.open),
            half_open_wait: Some(policy.open.max(Duration::from_secs(10))),
            ..BreakerSettings::default()
        };
        // A short window, because a feed without recommendations is a poor one: it must open for what lasts, not for a
        // moment under load. Calls are cut off at a quarter of a second, as many are under way as there are cores, and a
        // feed waits for those that nearly take that long: where most do, it is better off without.
        let recommendations = BreakerSettings {
            window: WindowSize::Seconds(10),
            minimum_calls: 10,
            half_open_permits: 5,
            slow_call_rate: 0.8,
            slow_call: Duration::from_millis(150),
            ..base
        };
        let recommenders =
            BreakerSettings { window: WindowSize::Seconds(10), minimum_calls: 20, half_open_permits: 5, ..base };
        let ranking_model = BreakerSettings { window: WindowSize::Calls(20), half_open_permits: 2, ..base };
        let objects = BreakerSettings {
            window: WindowSize::Seconds(30),
            minimum_calls: 20,
            half_open_permits: 5,
            slow_call_rate: 0.8,
            slow_call: Duration::from_secs(3),
            ..base
        };
        // It answers with what its shards have by their deadline: only where none answers is it a failure.
        let visual_index = BreakerSettings { window: WindowSize::Seconds(10), half_open_permits: 3, ..base };
        let cache = BreakerSettings { window: WindowSize::Calls(20), half_open_permits: 2, ..base };
        let cache_name = |number| if caches == 1 { "cdn".to_owned() } else { format!("cdn-{number}") };
        Self {
            recommendations: BreakerRef::new("recommendations", recommendations, 1_024),
            recommenders: BreakerRef::new("recommenders", recommenders, 1_024),
            ranking_model: BreakerRef::new("ranking-model", ranking_model, 256),
            visual_index: BreakerRef::new("visual-index", visual_index, 256),
            objects: BreakerRef::new("objects", objects, 1_024),
            caches: (1..=caches).map(|number| BreakerRef::new(cache_name(number), cache, 64)).collect(),
        }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &BreakerRef> {
        [&self.recommendations, &self.recommenders, &self.ranking_model, &self.visual_index, &self.objects]
            .into_iter()
            .chain(&self.caches)
    }

    /// The one of this name.
    pub fn find(&self, name: &str) -> Option<&BreakerRef> {
        self.all().find(|breaker| breaker.name() == name)
    }
}
