//! Circuit breakers before what may fail (docs/functions.md, section 10): one [`BreakerRef`] per dependency and node.
//!
//! ```text
//! caller ─► BreakerRef::call ─ open? ─────────► refused at once, the caller falls back
//!                            ├ no place left? ► refused at once
//!                            └ timed, cut off at its deadline, panics caught ─► the dependency
//! ```
//! The states are those of `tessera_domain::breaker`. Calls ask at its gate, one word that is read without a lock; an
//! actor for each breaker, in the tree's group `breakers`, owns everything that changes: it hears how calls ended from
//! a bounded queue, keeps the timers, takes operators' orders, and publishes the state at the gate.
//!
//! It supervises what stands behind it (its wards: the recommenders of people, the shards of the visual index). One
//! that hangs, panics or is flooded again and again is left behind, and the next message finds a new one. Where that
//! does not help the breaker opens, for longer and longer, and then all of its wards are restarted.
//!
//! [`Breakers`] holds all of a node, and `guarded` puts them before the ports that every caller shares.

mod actor;
mod clock;
mod core;
mod guarded;
mod message;
mod sabotage;
mod shared;
mod stats;
#[cfg(test)]
mod tests;
mod under_way;
mod wards;

pub use guarded::{GuardedCaches, GuardedObjects};
pub use sabotage::Sabotage;
pub use shared::BreakerRef;
pub use stats::{BreakerReport, BreakerStats, WardRestart, WardRestarts};
pub use wards::Symptom;
pub(crate) use wards::WardComplaint;

use self::wards::{RegionWards, Wards};
use crate::{ActorError, AskError, UserKey, tree::ActorRefs};
use std::{sync::Arc, time::Duration};
use tessera_cluster::{ChildSpec, ClusterNode, Entity, Region};
use tessera_domain::{
    UserId,
    breaker::{BreakerSettings, OpenWait, WindowSize},
};
use tessera_ports::{RankingError, StoreError};

/// An error that may say that a dependency is unwell.
pub trait Fault {
    /// Whether it does. An error that does not is the caller's own: no breaker counts it.
    fn is_fault(&self) -> bool;

    /// What it says of the ward that was asked, where it says something.
    fn symptom(&self) -> Option<Symptom> {
        None
    }
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

    fn symptom(&self) -> Option<Symptom> {
        match self {
            ActorError::Ask(error) => error.symptom(),
            ActorError::Store(_) => None,
        }
    }
}

impl Fault for AskError {
    fn is_fault(&self) -> bool {
        true
    }

    fn symptom(&self) -> Option<Symptom> {
        match self {
            AskError::Expired { .. } => Some(Symptom::Hung),
            AskError::Restarted { .. } => Some(Symptom::Panicked),
            AskError::Overloaded { .. } => Some(Symptom::Flooded),
            _ => None,
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
    /// How long it stays open first. Each further opening lasts twice as long, up to eight times, until it was closed
    /// for as long as it was open last.
    pub open: Duration,
}

impl Default for BreakerPolicy {
    /// Half, and 30 s.
    fn default() -> Self {
        Self { failure_rate: 0.5, open: Duration::from_secs(30) }
    }
}

/// By how much each further opening is longer.
const WAIT_GROWTH: f64 = 2.0;
/// How many times the first opening the longest lasts.
const LONGEST_WAIT: u32 = 8;

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
    /// Closed breakers, whose actors are not started yet, with one for each of `caches` caches.
    pub fn new(policy: BreakerPolicy, caches: usize) -> Self {
        let base = BreakerSettings {
            failure_rate: policy.failure_rate,
            open_wait: OpenWait {
                first: policy.open,
                factor: WAIT_GROWTH,
                longest: policy.open.saturating_mul(LONGEST_WAIT),
            },
            half_open_wait: Some(policy.open.max(Duration::from_secs(10))),
            ..BreakerSettings::default()
        };
        // A short window, because a feed without recommendations is a poor one: it must open for what lasts, not for a
        // moment under load. Calls are cut off at a quarter of a second, as many are under way as there are cores, and
        // a feed waits for those that nearly take that long: where most do, it is better off without.
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

    pub fn all(&self) -> impl Iterator<Item = &BreakerRef> {
        [&self.recommendations, &self.recommenders, &self.ranking_model, &self.visual_index, &self.objects]
            .into_iter()
            .chain(&self.caches)
    }

    /// The one of this name.
    pub fn find(&self, name: &str) -> Option<&BreakerRef> {
        self.all().find(|breaker| breaker.name() == name)
    }

    /// The actors of all of them, for the tree, with what stands behind them.
    pub(crate) fn child_specs(&self, node: Arc<ClusterNode>, refs: &ActorRefs) -> Vec<ChildSpec> {
        let complaints = wards::complaints(node, self.clone());
        let people = |ward| UserKey(UserId(ward));
        let visual = refs.visual.clone();
        let shards = move |ward| visual.key(ward as u16);
        let recommenders = of_region("recommenders", refs.recommenders.region(), people, complaints.clone());
        let visual_index = of_region("visual-index", refs.visual.region(), shards, complaints);
        let mut specs = vec![
            self.recommendations.child_spec("recommendations"),
            self.recommenders.child_spec_over("recommenders", Some(recommenders)),
            self.ranking_model.child_spec("ranking-model"),
            self.visual_index.child_spec_over("visual-index", Some(visual_index)),
            self.objects.child_spec("objects"),
        ];
        specs.extend(self.caches.iter().map(|breaker| breaker.child_spec("cdn")));
        specs
    }
}

fn of_region<E: Entity>(
    breaker: &'static str,
    region: &Region<E>,
    key: impl Fn(u64) -> E::Key + Send + Sync + 'static,
    complaints: wards::WardComplaints,
) -> Arc<dyn Wards> {
    Arc::new(RegionWards { region: region.clone(), key, breaker, complaints })
}
