//! Where new ids come from.

use parking_lot::Mutex;
use tessera_domain::{AdId, CommentId, IdGenerator, NotificationId, PostId, Timestamp, UploadId, UserId};
use tessera_ports::clock;

/// Makes ids that are unique on this node and, by the node's number, in the cluster.
#[derive(Debug)]
pub struct IdSource(Mutex<IdGenerator>);

impl IdSource {
    /// A source for node `node_number` whose ids all lie after `floor` (`MaintenanceLedger::id_floor`).
    pub fn new(node_number: u16, floor: Timestamp) -> Self {
        Self(Mutex::new(IdGenerator::new(node_number, floor)))
    }

    /// The node has another number from now on: it joined a cluster anew.
    pub fn set_node_number(&self, node_number: u16) {
        self.0.lock().set_node_number(node_number);
    }

    fn next(&self) -> u64 {
        self.0.lock().next(clock::now())
    }

    /// A new account's id.
    pub fn user(&self) -> UserId {
        UserId(self.next())
    }

    /// A new post's id.
    pub fn post(&self) -> PostId {
        PostId(self.next())
    }

    /// A new comment's id.
    pub fn comment(&self) -> CommentId {
        CommentId(self.next())
    }

    /// A new notification's id.
    pub fn notification(&self) -> NotificationId {
        NotificationId(self.next())
    }

    /// A new campaign's id.
    pub fn ad(&self) -> AdId {
        AdId(self.next())
    }

    /// A new upload's id: a version 7 UUID, unguessable.
    pub fn upload(&self) -> UploadId {
        UploadId(uuid::Uuid::now_v7())
    }
}
