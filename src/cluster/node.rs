//! One node of the cluster, as its regions see it: where things are, how to reach them, who serves what.

use crate::{
    Deadline,
    call::{Call, HAND_OVER_METHOD, RemoteCall},
    error::AskError,
    placement::{HAND_OVER_LIMIT, Placement, ShardSet, View},
    shard_map::{NodeName, ShardId},
    transport::{Inbound, RemoteError, Request, Responder, Transport},
    wire,
};
use bytes::Bytes;
use futures::future::BoxFuture;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, Weak},
    time::{Duration, Instant},
};
use tessera_ports::{Membership, clock::Timestamp};
use tokio::sync::Semaphore;

/// Requests of other nodes that wait here for a newer map, for a shard to arrive, or in a node's service.
const MAX_WAITING_REQUESTS: usize = 8_192;
/// How long a request waits for this node to catch up with a newer map.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(1);
/// How long an old owner tries to save what it holds, after a change of the map.
const RELEASE_LIMIT: Duration = Duration::from_secs(10);
/// How long a request waits before it is sent again to a node that was not reached.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

pub(crate) type Handler = Arc<dyn Fn(Request, Deadline, Responder) + Send + Sync>;

/// A region as the node sees it when shards move.
pub(crate) trait HandsOver: Send + Sync + 'static {
    /// Asks the entities of these shards to save themselves and leave until `deadline`; gives how many stayed.
    fn release(&self, shards: ShardSet, deadline: Deadline) -> BoxFuture<'static, usize>;

    /// Makes all entities forget their state, unsaved.
    fn abandon(&self);
}

/// Asks a node to let go of shards that the sender owns as of `epoch`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HandOver {
    epoch: u64,
    shards: ShardSet,
}

impl Call for HandOver {
    type Answer = u64;

    fn is_repeatable(&self) -> bool {
        true
    }
}

impl RemoteCall for HandOver {
    const METHOD: u16 = HAND_OVER_METHOD;
}

/// This node and its links to the others. One per process.
pub struct ClusterNode {
    placement: Placement,
    transport: RwLock<Option<Arc<dyn Transport>>>,
    handlers: RwLock<HashMap<u16, Handler>>,
    regions: RwLock<Vec<Arc<dyn HandsOver>>>,
    membership: OnceLock<Arc<dyn Membership>>,
    waiting: Arc<Semaphore>,
    /// `None` where the node is a cluster of its own.
    standing: RwLock<Option<Standing>>,
}

/// How sure a member is to be one.
#[derive(Debug, Clone, Copy)]
struct Standing {
    /// It owns shards, or hands them over.
    at_work: bool,
    /// Its lease runs until then.
    until: Instant,
    /// When its lease was renewed last, by the table's clock.
    renewed_at: Timestamp,
    /// The last renewal while it was at work.
    sure_at: Timestamp,
}

impl ClusterNode {
    /// A node that is a cluster of its own: everything lives here.
    pub fn alone(this: NodeName) -> Arc<Self> {
        Self::starting_with(View::alone(this))
    }

    /// A node that begins with this view, without links.
    pub fn starting_with(view: View) -> Arc<Self> {
        let node = Arc::new(Self {
            placement: Placement::new(view),
            transport: RwLock::new(None),
            handlers: RwLock::new(HashMap::new()),
            regions: RwLock::new(Vec::new()),
            membership: OnceLock::new(),
            waiting: Arc::new(Semaphore::new(MAX_WAITING_REQUESTS)),
            standing: RwLock::new(None),
        });
        let weak = Arc::downgrade(&node);
        node.serve_node_call(move |call: HandOver, deadline| hand_over(weak.clone(), call, deadline));
        node
    }

    pub fn placement(&self) -> &Placement {
        &self.placement
    }

    /// The view in force.
    pub fn view(&self) -> Arc<View> {
        self.placement.view()
    }

    /// Puts the links to the other nodes in place, or takes them away.
    pub fn set_transport(&self, transport: Option<Arc<dyn Transport>>) {
        *self.transport.write() = transport;
    }

    /// Puts the membership table in place, which [`ClusterNode::confirm_view`] asks.
    pub(crate) fn set_membership(&self, membership: Arc<dyn Membership>) {
        // Set once by the keeper; a restarted keeper brings the same table.
        let _ = self.membership.set(membership);
    }

    /// Whether this node is sure to be a member at work: only then may it take on work from the ledger's queues.
    pub fn is_in_standing(&self) -> bool {
        self.standing.read().is_none_or(|standing| standing.at_work && Instant::now() < standing.until)
    }

    /// Whether this node was evicted and has not joined anew: nobody can be reached, and waiting helps nobody.
    pub(crate) fn is_outside(&self) -> bool {
        let is_idle = self.standing.read().is_some_and(|standing| !standing.at_work);
        is_idle && self.transport.read().is_none()
    }

    /// The last moment at which this node surely was a member at work: what it holds in memory may lack what happened
    /// since. `now` for a node that is alone.
    pub fn last_sure(&self, now: Timestamp) -> Timestamp {
        self.standing.read().map_or(now, |standing| standing.sure_at.min(now))
    }

    /// The node's lease was renewed at `renewed_at`, by the table's clock, and runs until `until`.
    pub(crate) fn lease_renewed(&self, until: Instant, renewed_at: Timestamp) {
        if let Some(standing) = &mut *self.standing.write() {
            let sure_at = if standing.at_work { renewed_at } else { standing.sure_at };
            *standing = Standing { until, renewed_at, sure_at, ..*standing };
        }
    }

    /// Whether the node is at work, as far as it knows.
    pub(crate) fn set_at_work(&self, at_work: bool) {
        let mut standing = self.standing.write();
        let before = standing.unwrap_or(Standing {
            at_work: false,
            until: Instant::now(),
            renewed_at: Timestamp(0),
            sure_at: Timestamp(0),
        });
        let sure_at = if at_work { before.renewed_at } else { before.sure_at };
        *standing = Some(Standing { at_work, sure_at, ..before });
    }

    /// Makes sure that this node's view is the table's newest. What was committed before the call is then known to
    /// every node that is not in the view, for it joins after and reads the ledger.
    ///
    /// # Errors
    /// `Unreachable` where the table cannot be read or the newer view does not come in time.
    pub async fn confirm_view(&self, deadline: Deadline) -> Result<(), AskError> {
        let unreachable = AskError::Unreachable { kind: "membership" };
        let Some(membership) = self.membership.get() else { return Ok(()) };
        let newest = tokio::time::timeout_at(deadline.instant().into(), membership.view()).await;
        let newest = newest.map_err(|_| unreachable.clone())?.map_err(|_| unreachable.clone())?;
        if self.placement.wait_epoch(newest, deadline).await { Ok(()) } else { Err(unreachable) }
    }

    /// Puts a newer view into force: lets go of what moved away and asks for what moved here.
    pub fn install(self: &Arc<Self>, view: View) {
        let epoch = view.epoch();
        let is_anew = view.this != self.view().this;
        let moves = self.placement.install(view);
        if is_anew {
            // What was activated while the old view was still in force belongs to others.
            self.abandon_entities();
        }
        if !moves.departing.is_empty() {
            let node = self.clone();
            tokio::spawn(async move { node.release(moves.departing, Deadline::after(RELEASE_LIMIT)).await });
        }
        for (owner, shards) in moves.arriving {
            let node = self.clone();
            tokio::spawn(async move {
                let call = HandOver { epoch, shards };
                let deadline = Deadline::after(HAND_OVER_LIMIT);
                match node.call_node(&owner, &call, deadline).await {
                    Ok(left) => tracing::debug!(%owner, epoch, left, "shards were handed over"),
                    Err(error) => tracing::warn!(%owner, epoch, %error, "shards are taken over without a hand-over"),
                }
                node.placement.arrived(&shards, epoch);
            });
        }
    }

    /// Forgets the state of every entity, unsaved: others own them by now.
    pub fn abandon_entities(&self) {
        self.regions.read().iter().for_each(|region| region.abandon());
    }

    async fn release(&self, shards: ShardSet, deadline: Deadline) -> usize {
        let regions = self.regions.read().clone();
        let left = futures::future::join_all(regions.iter().map(|region| region.release(shards, deadline))).await;
        left.into_iter().sum()
    }

    pub(crate) fn add_region(&self, region: Arc<dyn HandsOver>) {
        self.regions.write().push(region);
    }

    pub(crate) fn add_handler(&self, method: u16, handler: Handler) {
        let before = self.handlers.write().insert(method, handler);
        assert!(before.is_none(), "method {method} is served twice");
    }

    /// Serves a node call of other nodes by `serve`, in a task of its own.
    pub(crate) fn serve_node_call<C, F, Fut>(self: &Arc<Self>, serve: F)
    where
        C: RemoteCall,
        F: Fn(C, Deadline) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<C::Answer, AskError>> + Send + 'static,
    {
        let waiting = self.waiting.clone();
        let handler = move |request: Request, deadline: Deadline, responder: Responder| {
            let call: C = match wire::decode(&request.payload) {
                Ok(call) => call,
                Err(detail) => return responder.send(Err(RemoteError::Malformed { detail })),
            };
            let Ok(place) = waiting.clone().try_acquire_owned() else {
                return responder.send(Err(RemoteError::Overloaded));
            };
            let work = serve(call, deadline);
            tokio::spawn(async move {
                let answer = tokio::time::timeout_at(deadline.instant().into(), work).await;
                let answer = match answer {
                    Ok(Ok(answer)) => encode(&answer),
                    Ok(Err(error)) => Err(error.into_remote()),
                    Err(_) => Err(RemoteError::Expired),
                };
                responder.send(answer);
                drop(place);
            });
        };
        self.add_handler(C::METHOD, Arc::new(handler));
    }

    /// Asks a node once.
    pub(crate) async fn call_node<C: RemoteCall + Sync>(
        &self,
        node: &NodeName,
        call: &C,
        deadline: Deadline,
    ) -> Result<C::Answer, RemoteError> {
        let payload = encode(call)?;
        decode(&self.request(node, C::METHOD, payload, false, deadline).await?)
    }

    /// Asks a node until it answers; `None` once it is no member any more.
    pub(crate) async fn call_member<C: RemoteCall>(
        &self,
        node: &NodeName,
        payload: Bytes,
        deadline: Deadline,
    ) -> Result<Option<C::Answer>, RemoteError> {
        loop {
            match self.request(node, C::METHOD, payload.clone(), false, deadline).await {
                Ok(answer) => return decode(&answer).map(Some),
                Err(_) if !self.view().has_member(node) => return Ok(None),
                Err(error) if deadline.has_passed() || !may_pass(&error) => return Err(error),
                Err(_) => {
                    let gone = || !self.view().has_member(node);
                    self.placement.wait_until(deadline.at_most(RETRY_INTERVAL), gone).await;
                }
            }
        }
    }

    pub(crate) async fn request(
        &self,
        node: &NodeName,
        method: u16,
        payload: Bytes,
        only_if_active: bool,
        deadline: Deadline,
    ) -> Result<Bytes, RemoteError> {
        let Some(transport) = self.transport.read().clone() else { return Err(RemoteError::Unlinked) };
        let request = Request { method, epoch: self.view().epoch(), only_if_active, payload };
        transport.request(node, request, deadline).await
    }

    pub(crate) fn notify(&self, node: &NodeName, method: u16, payload: Bytes) -> Result<(), RemoteError> {
        let Some(transport) = self.transport.read().clone() else { return Err(RemoteError::Unlinked) };
        transport.notify(node, Request { method, epoch: self.view().epoch(), only_if_active: false, payload })
    }

    /// Whether a request for `shard`, sent at `epoch`, can be served at once.
    pub(crate) fn is_settled(&self, shard: ShardId, epoch: u64) -> bool {
        let view = self.view();
        view.epoch() >= epoch && view.owns(shard) && !self.placement.is_arriving(shard)
    }

    /// Waits until a request for `shard`, sent at `epoch`, can be served.
    pub(crate) async fn settle(&self, shard: ShardId, epoch: u64, deadline: Deadline) -> Result<(), RemoteError> {
        self.placement.wait_epoch(epoch, deadline.at_most(CATCH_UP_LIMIT)).await;
        let view = self.view();
        if !view.owns(shard) {
            return Err(RemoteError::Moved { epoch: view.epoch() });
        }
        self.placement.wait_arrived(shard, deadline.at_most(HAND_OVER_LIMIT)).await;
        Ok(())
    }

    /// A place among the requests that wait here.
    pub(crate) fn waiting_place(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        self.waiting.clone().try_acquire_owned().ok()
    }

    /// Waits a moment before a request that failed with `error` is sent again, for a newer view above all.
    pub(crate) async fn before_retry(&self, error: &RemoteError, used: u64, deadline: Deadline) {
        match error {
            RemoteError::Moved { epoch } if *epoch > used => {
                self.placement.wait_epoch(*epoch, deadline.at_most(CATCH_UP_LIMIT)).await;
            }
            _ => {
                let newer = || self.view().epoch() > used;
                self.placement.wait_until(deadline.at_most(RETRY_INTERVAL), newer).await;
            }
        }
    }
}

impl Inbound for ClusterNode {
    fn serve(&self, from: &NodeName, request: Request, deadline: Deadline, responder: Responder) {
        let handler = self.handlers.read().get(&request.method).cloned();
        match handler {
            Some(handler) => handler(request, deadline, responder),
            None => {
                tracing::warn!(%from, method = request.method, "a node asks for what this version does not know");
                responder.send(Err(RemoteError::UnknownMethod { method: request.method }));
            }
        }
    }
}

async fn hand_over(node: Weak<ClusterNode>, call: HandOver, deadline: Deadline) -> Result<u64, AskError> {
    let Some(node) = node.upgrade() else { return Err(AskError::Draining { kind: "node" }) };
    // As long as this node still believes to own them it would take new messages for them.
    node.placement.wait_epoch(call.epoch, deadline).await;
    Ok(node.release(call.shards, deadline).await as u64)
}

/// Whether asking again may help.
fn may_pass(error: &RemoteError) -> bool {
    !matches!(error, RemoteError::UnknownMethod { .. } | RemoteError::Malformed { .. } | RemoteError::TooLarge)
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Bytes, RemoteError> {
    wire::encode(value).map(Bytes::from).map_err(|detail| RemoteError::Malformed { detail })
}

pub(crate) fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, RemoteError> {
    wire::decode(bytes).map_err(|detail| RemoteError::Malformed { detail })
}
