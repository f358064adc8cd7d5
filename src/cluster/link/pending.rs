//! The requests that wait for an answer of one peer, by correlation id. Pure.

use crate::transport::RemoteError;
use bytes::Bytes;
use std::collections::HashMap;
use tokio::sync::oneshot;

/// What a request comes to.
pub(super) type Outcome = Result<Bytes, RemoteError>;

/// The waiting requests. Bounded.
#[derive(Debug)]
pub(super) struct Pending {
    waiting: HashMap<u64, oneshot::Sender<Outcome>>,
    last_id: u64,
    capacity: usize,
    closed: bool,
}

impl Pending {
    pub(super) fn new(capacity: usize) -> Self {
        Self { waiting: HashMap::new(), last_id: 0, capacity, closed: false }
    }

    /// A new correlation id and where its outcome will arrive.
    pub(super) fn open(&mut self) -> Result<(u64, oneshot::Receiver<Outcome>), RemoteError> {
        if self.closed {
            return Err(RemoteError::Unlinked);
        }
        if self.waiting.len() >= self.capacity {
            return Err(RemoteError::Overloaded);
        }
        // Ids begin at 1: 0 on the wire stands for nobody.
        self.last_id += 1;
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert(self.last_id, sender);
        Ok((self.last_id, receiver))
    }

    /// Completes a request; one that no longer waits is no error.
    pub(super) fn complete(&mut self, id: u64, outcome: Outcome) {
        if let Some(sender) = self.waiting.remove(&id) {
            let _ = sender.send(outcome);
        }
    }

    /// Forgets a request whose caller has given up.
    pub(super) fn forget(&mut self, id: u64) {
        self.waiting.remove(&id);
    }

    /// Ends it: those in `unsent` were certainly not delivered, the others may have been.
    pub(super) fn close(&mut self, unsent: &[u64]) {
        self.closed = true;
        for id in unsent {
            self.complete(*id, Err(RemoteError::Unlinked));
        }
        for (_, sender) in self.waiting.drain() {
            let _ = sender.send(Err(RemoteError::Lost));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}
