//! What the operators' listener asks of the node around it. The composition root implements it.

use crate::present::Rfc3339;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tessera_app::AppResult;
use tessera_domain::breaker::BreakerState;
use utoipa::ToSchema;

/// The node, as its operators need it.
#[async_trait]
pub trait AdminHooks: Send + Sync + 'static {
    /// What is missing before this node can serve, stores excepted: `joining the cluster`, `draining` and so on.
    /// Empty when nothing is.
    async fn missing(&self) -> Vec<String>;

    /// All metrics in the Prometheus text format.
    fn metrics(&self) -> String;

    /// Begins to drain the node and returns at once. Repeating it is harmless.
    async fn drain(&self);

    /// The cluster as this node sees it.
    async fn cluster(&self) -> ClusterView;

    /// The actors of this node, by kind.
    async fn actors(&self) -> Vec<ActorsView>;

    /// The circuit breakers of this node.
    async fn breakers(&self) -> Vec<BreakerView>;

    /// What breakers keep from being asked, and so is left out.
    fn cut_off(&self) -> Vec<String>;

    /// Forces a breaker into `state`.
    ///
    /// # Errors
    /// `NotFound` where there is no such breaker; `Unavailable` where it did not take the order yet.
    async fn set_breaker(&self, name: &str, state: BreakerState) -> AppResult<()>;

    /// Makes the calls behind a breaker go wrong for a while; false where there is no such breaker. Only asked where
    /// chaos is allowed.
    async fn sabotage(&self, breaker: &str, how: SabotageKind, lasting: Duration) -> bool;

    /// Makes an actor named like `recommender:42` go wrong for a while, or until it is restarted. Only asked where
    /// chaos is allowed.
    async fn sabotage_actor(&self, actor: &str, how: ActorSabotageKind, lasting: Duration) -> KillOutcome;

    /// Kills an actor named like `timeline:42`. Only asked where chaos is allowed.
    async fn kill(&self, target: &str) -> KillOutcome;
}

/// The cluster as one node sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ClusterView {
    /// The node that answers.
    pub this_node: String,
    /// The epoch of the shard map.
    pub epoch: u64,
    /// How many shards there are.
    pub shards: u32,
    /// All members.
    pub nodes: Vec<NodeView>,
}

/// A member of the cluster. What only a cluster knows is null on an embedded node.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct NodeView {
    /// Its name.
    pub name: String,
    /// Which of its runs this is.
    pub incarnation: Option<u64>,
    /// How far it is a part of the cluster.
    pub status: NodeStatus,
    /// Where it listens for its peers; empty where it is alone.
    pub address: String,
    /// Where its operators reach it.
    pub admin_url: String,
    /// How many shards it owns.
    pub shards: u32,
    /// How long its lease still runs, in milliseconds; 0 where it has run out.
    pub lease_left_ms: Option<u64>,
    /// The oldest wire version it speaks.
    pub wire_oldest: Option<u16>,
    /// The newest wire version it speaks.
    pub wire_newest: Option<u16>,
    /// Its program's version.
    pub version: String,
    /// Whether the answering node has a link to it; null for the answering node itself.
    pub linked: Option<bool>,
    /// The last round trip to it over the link, in milliseconds.
    pub round_trip_ms: Option<f64>,
    /// The names of those who suspect it to be dead.
    pub suspected_by: Vec<String>,
}

/// How far a node is a part of its cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    /// It owns no shards yet.
    #[default]
    Joining,
    /// It owns its share of the shards.
    Ready,
    /// It hands its shards over.
    Draining,
}

/// How the calls behind a breaker go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SabotageKind {
    /// They never answer.
    Hang,
    /// They panic.
    Panic,
    /// They begin so late that the breaker calls them slow.
    Slow,
}

/// How an actor goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorSabotageKind {
    /// It handles nothing.
    Hang,
    /// It panics on everything.
    Panic,
    /// Its mailbox is full.
    Flood,
}

/// The actors of one kind on one node.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ActorsView {
    /// timeline, counter and so on.
    pub kind: String,
    /// How many are active.
    pub active: u64,
    /// Messages waiting in all their mailboxes.
    pub mailbox_depth: u64,
    /// Restarts since the node started.
    pub restarts: u64,
}

/// A circuit breaker.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BreakerView {
    /// Its name.
    pub name: String,
    /// closed, open, half_open, disabled or forced_open.
    #[schema(value_type = String, example = "closed")]
    pub state: BreakerState,
    /// Failed calls in the window, 0 to 1; null below the minimum number of calls.
    pub failure_rate: Option<f64>,
    /// Slow calls in the window, 0 to 1; null below the minimum number of calls.
    pub slow_call_rate: Option<f64>,
    /// Calls refused while it was open.
    pub not_permitted: u64,
    /// How long an open one stays open yet, in seconds; each further opening lasts longer.
    pub open_seconds_left: Option<f64>,
    /// Actors behind it that it restarted.
    pub restarts: u64,
    /// How often it opened because restarts did not help.
    pub escalations: u64,
    /// The last restarts, newest first.
    pub last_restarts: Vec<RestartView>,
}

/// A restart of an actor that hung, panicked or was flooded.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RestartView {
    /// Its kind, a colon and its key.
    #[schema(example = "recommender:42")]
    pub actor: String,
    /// hung, panicked or flooded.
    pub reason: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Rfc3339,
}

/// What became of a kill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KillOutcome {
    /// It was alive and is not any more.
    Killed,
    /// Nothing of that name is active on this node.
    NotActive,
    /// The name names no kind of actor; says what would be right.
    Invalid(String),
}
