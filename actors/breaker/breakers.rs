//! All breakers of a node: their settings, and what stands behind each.

use super::{
    shared::BreakerRef,
    wards::{Complaint, RegionWards, WardComplaint, WardComplaints, Wards},
};
use crate::{UserKey, tree::ActorRefs};
use std::{sync::Arc, time::Duration};
use tessera_cluster::{ChildSpec, ClusterNode, Entity, NodeService, Region};
use tessera_domain::{
    UserId,
    breaker::{BreakerSettings, OpenWait, WindowSize},
};

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
        let complaints = complaints(node, self.clone());
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
    complaints: WardComplaints,
) -> Arc<dyn Wards> {
    Arc::new(RegionWards { region: region.clone(), key, breaker, complaints })
}

/// Serves complaints on this node by `breakers`.
fn complaints(node: Arc<ClusterNode>, breakers: Breakers) -> WardComplaints {
    NodeService::new(node, "breaker", move |WardComplaint { breaker, ward, symptom }, _| {
        if let Some(breaker) = breakers.find(&breaker) {
            breaker.complain(Complaint { ward, symptom, is_from_here: false });
        }
        std::future::ready(Ok(()))
    })
}
