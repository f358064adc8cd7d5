//! The entity that is talked to: it answers at once with what it was sent, and counts what nobody waits for.

use crate::Failure;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};
use std::{
    convert::Infallible,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tessera_cluster::{
    Call, ClusterNode, Entity, EntityContext, EntityKey, Handle, Passivation, Region, RegionSettings, RemoteCall,
    Reply, RestartIntensity, Spread, Supervisor, SupervisorArgs,
};
use tessera_domain::hash::stable_hash_u64;

/// Messages that may wait in one mailbox, of an entity as of a floor's channel.
pub const MAILBOX: usize = 4_096;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key(pub u64);

impl EntityKey for Key {
    fn stable_hash(&self) -> u64 {
        stable_hash_u64(self.0, 0)
    }
}

/// Bytes that are copied as a whole on their way to another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload(pub Bytes);

impl Payload {
    pub fn of(bytes: usize) -> Self {
        Self(vec![7; bytes].into())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;
        impl Visitor<'_> for Whole {
            type Value = Payload;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Payload, E> {
                Ok(Payload(Bytes::copy_from_slice(bytes)))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Payload, E> {
                Ok(Payload(bytes.into()))
            }
        }
        deserializer.deserialize_byte_buf(Whole)
    }
}

/// Asks for the payload back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ask(pub Payload);

impl Call for Ask {
    type Answer = Payload;
}

impl RemoteCall for Ask {
    const METHOD: u16 = 60_000;
}

/// Sends the payload without waiting.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tell(pub Payload);

impl Call for Tell {
    type Answer = ();
}

impl RemoteCall for Tell {
    const METHOD: u16 = 60_001;
}

/// How many messages that nobody waits for were taken, by all entities.
pub type Taken = AtomicU64;

pub struct Echo(Arc<Taken>);

impl Entity for Echo {
    type Key = Key;
    type Event = Infallible;
    type Args = Taken;
    const KIND: &'static str = "echo";

    fn activate(_: Key, taken: &Arc<Taken>, _: &EntityContext<Self>) -> Self {
        Self(taken.clone())
    }

    fn on_event(&mut self, never: Infallible, _: &EntityContext<Self>) {
        match never {}
    }

    fn passivate(&mut self, _: &EntityContext<Self>) -> Passivation {
        Passivation::Ready
    }

    fn heap_bytes(&self) -> usize {
        0
    }
}

impl Handle<Ask> for Echo {
    fn handle(&mut self, Ask(payload): Ask, reply: Reply<Payload>, _: &EntityContext<Self>) {
        reply.send(payload);
    }
}

impl Handle<Tell> for Echo {
    fn handle(&mut self, _: Tell, _: Reply<()>, _: &EntityContext<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A region of them on `node`, and what they took.
pub async fn region(node: Arc<ClusterNode>) -> Result<(Region<Echo>, Arc<Taken>), Failure> {
    let intensity = RestartIntensity { max_restarts: 1, within: Duration::from_secs(1) };
    let root = SupervisorArgs { name: "bench", intensity, children: Vec::new() };
    let failed = |error| Failure::start_up(format!("cannot start the bench's actors: {error}"));
    let (root, _) = Supervisor::start(root, None).await.map_err(failed)?;
    let settings = RegionSettings {
        mailbox_capacity: MAILBOX,
        idle_after: Duration::from_secs(3_600),
        memory_budget_bytes: 1 << 30,
        entity_restarts: intensity,
        shard_restarts: intensity,
    };
    let taken = Arc::new(Taken::new(0));
    Ok((Region::new(taken.clone(), settings, node, Spread::OverNodes, root.get_cell()), taken))
}
