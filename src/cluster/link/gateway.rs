//! The gateway: the only actor of a node that its peers can reach. It takes frames, as plain casts.

use super::{frame::Header, session::Session, throttle::Throttle};
use crate::transport::Inbound;
use bytes::Bytes;
use parking_lot::RwLock;
use ractor::{Actor, ActorProcessingErr, ActorRef, Message, message::BoxedDowncastErr, message::SerializedMessage};
use std::{collections::HashMap, sync::Arc};

/// One frame. It is its own encoding, so unlike what a derived message would do nothing is copied, and no variant
/// of a later version can be dropped unseen: versions are the frame's business.
pub(super) struct GatewayMessage(pub(super) Vec<u8>);

impl Message for GatewayMessage {
    fn serializable() -> bool {
        true
    }

    fn serialize(self) -> Result<SerializedMessage, BoxedDowncastErr> {
        Ok(SerializedMessage::Cast { variant: String::new(), args: self.0, metadata: None })
    }

    fn deserialize(message: SerializedMessage) -> Result<Self, BoxedDowncastErr> {
        match message {
            SerializedMessage::Cast { args, .. } => Ok(Self(args)),
            _ => Err(BoxedDowncastErr),
        }
    }
}

/// Gives frames to the sessions they belong to.
pub(super) struct Router {
    /// By the id that both sides derived from their handshake, so that a frame of an earlier connection, or of
    /// somebody who did not come through the handshake, belongs to nobody.
    sessions: RwLock<HashMap<u64, Arc<Session>>>,
    inbound: Arc<dyn Inbound>,
    received: metrics::Counter,
    strays: metrics::Counter,
    throttle: Throttle,
}

impl Router {
    pub(super) fn new(inbound: Arc<dyn Inbound>) -> Self {
        Self {
            sessions: RwLock::default(),
            inbound,
            received: metrics::counter!("tessera_link_frames_received_total"),
            strays: metrics::counter!("tessera_link_frames_stray_total"),
            throttle: Throttle::default(),
        }
    }

    pub(super) fn add(&self, session: Arc<Session>) {
        self.sessions.write().insert(session.agreement.id, session);
    }

    pub(super) fn remove(&self, session: &Session) {
        self.sessions.write().remove(&session.agreement.id);
    }

    fn receive(&self, frame: Vec<u8>) {
        self.received.increment(1);
        let read = Header::read(Bytes::from(frame));
        let (header, entries) = match read {
            Ok(read) => read,
            Err(error) => return self.stray(&error.to_string()),
        };
        let session = self.sessions.read().get(&header.session).cloned();
        match session {
            Some(session) => session.receive(header, entries, &*self.inbound),
            None => self.stray("it belongs to no session"),
        }
    }

    fn stray(&self, why: &str) {
        self.strays.increment(1);
        if let Some(others) = self.throttle.admit("frame") {
            tracing::warn!(others, "a frame was not taken: {why}");
        }
    }
}

pub(super) struct Gateway;

impl Actor for Gateway {
    type Msg = GatewayMessage;
    type State = Arc<Router>;
    type Arguments = Arc<Router>;

    async fn pre_start(
        &self,
        _: ActorRef<GatewayMessage>,
        router: Arc<Router>,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(router)
    }

    async fn handle(
        &self,
        _: ActorRef<GatewayMessage>,
        GatewayMessage(frame): GatewayMessage,
        router: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        router.receive(frame);
        Ok(())
    }
}
