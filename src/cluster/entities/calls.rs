//! Calls to entities wherever they live: the same for those of this node and of others.

use super::{
    context::Envelope,
    entity::{Entity, EntityKey, Handle},
    region::Region,
    reply::Reply,
    settings::Spread,
};
use crate::{
    AskError, Deadline, NodeName, RemoteCall, ShardId,
    routing::transport::{RemoteError, Request, Responder, decode, encode},
};
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;

/// An entity that can be asked from other nodes.
pub trait RemoteEntity: Entity {
    /// Serves every call that may come from another node, by [`Region::serve`].
    fn serve_all(region: &Region<Self>);
}

enum Place {
    Here,
    There(NodeName),
    Nowhere,
}

/// How a call goes to an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// It is activated if need be.
    Activate,
    /// Only if it is in memory.
    IfActive,
}

impl<E: Entity> Region<E> {
    /// Calls an entity on the node that owns its shard, activating it there if need be, and waits for the answer
    /// until `deadline`. What certainly was not delivered is sent again while there is time: to the shard's new
    /// owner where it moved or its node went away. One whose answer was lost, or whose entity restarted, is repeated
    /// where that does no harm.
    ///
    /// # Errors
    /// See [`AskError::is_undelivered`].
    pub async fn call<C: RemoteCall>(&self, key: E::Key, deadline: Deadline, call: C) -> Result<C::Answer, AskError>
    where
        E: Handle<C>,
    {
        self.route(key, deadline, call, Manner::Activate, async |call| self.ask(key, deadline, call).await).await
    }

    /// Calls an entity only if it is in memory on the node that owns its shard; `None` where it is not. One that
    /// is there and too busy to take the call forgets its state, so that it learns of everything anew: `None` too.
    ///
    /// # Errors
    /// As [`Region::call`].
    pub async fn call_if_active<C: RemoteCall>(
        &self,
        key: E::Key,
        deadline: Deadline,
        call: C,
    ) -> Result<Option<C::Answer>, AskError>
    where
        E: Handle<C>,
    {
        self.route(key, deadline, call, Manner::IfActive, async |call| {
            let (reply, answer) = Reply::channel();
            if !self.send_or_reset(key, Envelope::new(call, reply)) {
                return Ok(None);
            }
            match tokio::time::timeout_at(deadline.instant().into(), answer).await {
                Ok(Ok(answer)) => Ok(Some(answer)),
                Ok(Err(_)) => Err(AskError::Restarted { kind: E::KIND }),
                Err(_) => Err(AskError::Expired { kind: E::KIND }),
            }
        })
        .await
    }

    /// Calls an entity without waiting. Delivered at most once.
    pub fn notify<C: RemoteCall>(&self, key: E::Key, call: C) -> Result<(), AskError>
    where
        E: Handle<C>,
    {
        match self.locate(key).1 {
            Place::Here => self.tell(key, call),
            Place::Nowhere => Err(AskError::Unreachable { kind: E::KIND }),
            Place::There(node) => {
                let sent = encode(&(key, call)).and_then(|payload| self.0.node.notify(&node, C::METHOD, payload));
                sent.map_err(|error| AskError::from_remote(E::KIND, error))
            }
        }
    }

    /// Serves all that this kind of entity can be asked from other nodes. Once per region.
    pub fn serve_all(&self)
    where
        E: RemoteEntity,
    {
        E::serve_all(self);
    }

    /// Serves the calls `C` of other nodes. Once per region and call.
    pub fn serve<C: RemoteCall>(&self)
    where
        E: Handle<C>,
    {
        let region = self.clone();
        let handler = move |request: Request, deadline: Deadline, responder: Responder| match decode::<(E::Key, C)>(
            &request.payload,
        ) {
            Ok((key, call)) => region.admit(key, call, &request, deadline, responder),
            Err(error) => responder.send(Err(error)),
        };
        self.0.node.add_handler(C::METHOD, Arc::new(handler));
    }

    /// Whether the entity lives here and its shard is not still arriving: the case that must be cheap.
    fn is_usable_here(&self, key: E::Key) -> bool {
        self.0.spread == Spread::OnEveryNode || self.0.node.is_settled(ShardId::of_hash(key.stable_hash()), 0)
    }

    fn locate(&self, key: E::Key) -> (u64, Place) {
        if self.0.spread == Spread::OnEveryNode {
            return (0, Place::Here);
        }
        let view = self.0.node.view();
        let place = match view.map.owner(ShardId::of_hash(key.stable_hash())) {
            Some(owner) if *owner == view.this => Place::Here,
            Some(owner) => Place::There(owner.clone()),
            None => Place::Nowhere,
        };
        (view.epoch(), place)
    }

    async fn route<C, T>(
        &self,
        key: E::Key,
        deadline: Deadline,
        call: C,
        manner: Manner,
        here: impl AsyncFnOnce(C) -> Result<T, AskError> + Clone,
    ) -> Result<T, AskError>
    where
        C: RemoteCall,
        T: serde::de::DeserializeOwned,
    {
        let failed = |error| AskError::from_remote(E::KIND, error);
        let shard = ShardId::of_hash(key.stable_hash());
        let mut encoded: Option<Bytes> = None;
        let mut attempts = self.0.node.retries.begin(call.is_repeatable());
        loop {
            let usable = self.is_usable_here(key);
            let (epoch, place) = if usable { (0, Place::Here) } else { self.locate(key) };
            let error = match place {
                Place::Here => {
                    let settled = if usable { Ok(()) } else { self.0.node.settle(shard, epoch, deadline).await };
                    match settled {
                        Err(error) => error,
                        Ok(()) if !call.is_repeatable() => return here(call).await,
                        Ok(()) => match here.clone()(call.clone()).await {
                            Err(AskError::Restarted { .. }) => RemoteError::Restarted,
                            answer => return answer,
                        },
                    }
                }
                Place::Nowhere => RemoteError::Unlinked,
                Place::There(node) => {
                    let payload = match &encoded {
                        Some(payload) => payload.clone(),
                        None => encoded.insert(encode(&(key, &call)).map_err(failed)?).clone(),
                    };
                    let only_if_active = manner == Manner::IfActive;
                    match self.0.node.request(&node, C::METHOD, payload, only_if_active, deadline).await {
                        Ok(answer) => return decode(&answer).map_err(failed),
                        Err(error) => error,
                    }
                }
            };
            let again = self.0.node.retries.allows(&mut attempts, &error);
            if !again || deadline.has_passed() || self.0.node.is_outside() {
                return Err(failed(error));
            }
            self.0.node.before_retry(&error, epoch, deadline).await;
        }
    }

    /// Serves another node's call, at once or as soon as the shard is settled.
    fn admit<C: RemoteCall>(&self, key: E::Key, call: C, request: &Request, deadline: Deadline, responder: Responder)
    where
        E: Handle<C>,
    {
        let manner = if request.only_if_active { Manner::IfActive } else { Manner::Activate };
        let shard = ShardId::of_hash(key.stable_hash());
        if self.0.spread == Spread::OnEveryNode || self.0.node.is_settled(shard, request.epoch) {
            return self.deliver(key, call, manner, deadline, responder);
        }
        let Some(waiting) = self.0.node.waiting_place() else {
            return responder.send(Err(RemoteError::Overloaded));
        };
        let (region, epoch) = (self.clone(), request.epoch);
        tokio::spawn(async move {
            match region.0.node.settle(shard, epoch, deadline).await {
                Ok(()) => region.deliver(key, call, manner, deadline, responder),
                Err(error) => responder.send(Err(error)),
            }
            drop(waiting);
        });
    }

    fn deliver<C: RemoteCall>(&self, key: E::Key, call: C, manner: Manner, deadline: Deadline, responder: Responder)
    where
        E: Handle<C>,
    {
        match manner {
            Manner::Activate => {
                let (responder, refused) = SharedResponder::pair(responder);
                let reply = Reply::elsewhere(move |answer| responder.send(encode(&answer)));
                if let Err(error) = self.send(key, Some(deadline), Envelope::new(call, reply)) {
                    refused.send(Err(error.into_remote()));
                }
            }
            Manner::IfActive => {
                let (responder, inactive) = SharedResponder::pair(responder);
                let reply = Reply::elsewhere(move |answer| responder.send(encode(&Some(answer))));
                if !self.send_or_reset(key, Envelope::new(call, reply)) {
                    inactive.send(encode(&None::<C::Answer>));
                }
            }
        }
    }

    /// Gives a call to an entity if it is in memory; one that cannot take it forgets its state. Returns whether the
    /// call was taken.
    fn send_or_reset(&self, key: E::Key, envelope: Envelope<E>) -> bool {
        self.send_if_active(key, envelope).unwrap_or_else(|_| {
            self.reset(key);
            false
        })
    }
}

/// A responder in the hands of a message and of whoever sends it: a message that is refused is dropped, and that
/// must not answer before its sender has said why.
struct SharedResponder(Arc<Mutex<Option<Responder>>>);

impl SharedResponder {
    fn pair(responder: Responder) -> (Self, Self) {
        let cell = Arc::new(Mutex::new(Some(responder)));
        (Self(cell.clone()), Self(cell))
    }

    fn send(self, answer: Result<Bytes, RemoteError>) {
        if let Some(responder) = self.0.lock().take() {
            responder.send(answer);
        }
    }
}
