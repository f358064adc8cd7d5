//! One node of the cluster, as its regions see it: where things are, how to reach them, who serves what.

use super::{
    call::RemoteCall,
    deadline::Deadline,
    error::AskError,
    hand_over::{self, HandsOver},
    placement::{HAND_OVER_LIMIT, Placement},
    retry::RetryBudget,
    shard_map::{NodeName, ShardId},
    standing::Standing,
    transport::{Inbound, RemoteError, Request, Responder, Transport, decode, encode},
    view::View,
};
use bytes::Bytes;
use parking_lot::RwLock;
use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use tessera_ports::{Membership, clock::Timestamp};
use tokio::sync::Semaphore;

/// Requests of other nodes that wait here for a newer map, for a shard to arrive, or in a node's service.
const MAX_WAITING_REQUESTS: usize = 8_192;
/// How long a request waits for this node to catch up with a newer map.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(1);
/// How long a request waits before it is sent again to a node that was not reached.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

pub(crate) type Handler = Arc<dyn Fn(Request, Deadline, Responder) + Send + Sync>;

/// This node and its links to the others. One per process.
pub struct ClusterNode {
    pub(super) placement: Placement,
    transport: RwLock<Option<Arc<dyn Transport>>>,
    handlers: RwLock<HashMap<u16, Handler>>,
    pub(super) regions: RwLock<Vec<Arc<dyn HandsOver>>>,
    membership: OnceLock<Arc<dyn Membership>>,
    waiting: Arc<Semaphore>,
    pub(crate) retries: RetryBudget,
    standing: Standing,
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
            retries: RetryBudget::default(),
            standing: Standing::default(),
        });
        hand_over::serve(&node);
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
        self.standing.is_sure()
    }

    /// Whether this node was evicted and has not joined anew: nobody can be reached, and waiting helps nobody.
    pub(crate) fn is_outside(&self) -> bool {
        self.standing.is_idle() && self.transport.read().is_none()
    }

    /// The last moment at which this node surely was a member at work: what it holds in memory may lack what happened
    /// since. `now` for a node that is alone.
    pub fn last_sure(&self, now: Timestamp) -> Timestamp {
        self.standing.last_sure(now)
    }

    /// The node's lease was renewed at `renewed_at`, by the table's clock, and runs until `until`.
    pub(crate) fn lease_renewed(&self, until: Instant, renewed_at: Timestamp) {
        self.standing.lease_renewed(until, renewed_at);
    }

    /// Whether the node is at work, as far as it knows.
    pub(crate) fn set_at_work(&self, at_work: bool) {
        self.standing.set_at_work(at_work);
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
            let call: C = match decode(&request.payload) {
                Ok(call) => call,
                Err(error) => return responder.send(Err(error)),
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
        // Node calls may come twice.
        let mut attempts = self.retries.begin(true);
        loop {
            match self.request(node, C::METHOD, payload.clone(), false, deadline).await {
                Ok(answer) => return decode(&answer).map(Some),
                Err(_) if !self.view().has_member(node) => return Ok(None),
                Err(error) if deadline.has_passed() || !self.retries.allows(&mut attempts, &error) => {
                    return Err(error);
                }
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
            // It is there again.
            RemoteError::Restarted => {}
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
