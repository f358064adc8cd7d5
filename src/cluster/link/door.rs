//! What a listener and the links behind it share: one door for the life of the process.

use super::{
    node::LinkNode,
    settings::{LinkError, LinkSettings},
    throttle::Throttle,
    tls::Tls,
};
use parking_lot::{Mutex, RwLock};
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};
use tokio::sync::Semaphore;

/// Handshakes at once, in all and from one address: whoever opens connections and says nothing takes its own places.
const MAX_HANDSHAKES: usize = 64;
const MAX_HANDSHAKES_PER_ADDRESS: usize = 16;

/// What the listener and the links behind it share.
pub(super) struct Door {
    pub(super) settings: LinkSettings,
    pub(super) tls: Tls,
    pub(super) address: SocketAddr,
    behind: RwLock<Option<Arc<LinkNode>>>,
    handshakes: Arc<Semaphore>,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    throttle: Throttle,
}

impl Door {
    /// A door with nobody behind it.
    pub(super) fn new(settings: LinkSettings, tls: Tls, address: SocketAddr) -> Self {
        Self {
            settings,
            tls,
            address,
            behind: RwLock::new(None),
            handshakes: Arc::new(Semaphore::new(MAX_HANDSHAKES)),
            by_address: Mutex::default(),
            throttle: Throttle::default(),
        }
    }

    /// Lets connections through to `node`.
    pub(super) fn open(&self, node: &Arc<LinkNode>) -> Result<(), LinkError> {
        let mut behind = self.behind.write();
        match &*behind {
            Some(running) => Err(LinkError::Running { running: running.name.clone() }),
            None => {
                *behind = Some(node.clone());
                Ok(())
            }
        }
    }

    /// Lets no more connections through, if they went to `node`.
    pub(super) fn close(&self, node: &LinkNode) {
        self.behind.write().take_if(|behind| std::ptr::eq(&**behind, node));
    }

    /// Who is behind it.
    pub(super) fn behind(&self) -> Option<Arc<LinkNode>> {
        self.behind.read().clone()
    }

    /// A place among the handshakes of an address, given back when it is dropped.
    pub(super) fn place(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let permit = self.handshakes.clone().try_acquire_owned().ok()?;
        let mut by_address = self.by_address.lock();
        let taken = by_address.entry(address).or_default();
        if *taken >= MAX_HANDSHAKES_PER_ADDRESS {
            return None;
        }
        *taken += 1;
        Some(Place { door: self.clone(), address, _permit: permit })
    }

    pub(super) fn warn(&self, address: SocketAddr, label: &'static str, why: &dyn std::fmt::Display) {
        metrics::counter!("tessera_link_refused_total", "reason" => label).increment(1);
        if let Some(others) = self.throttle.admit(label) {
            tracing::warn!(%address, others, "refused a connection from another node: {why}");
        }
    }
}

/// A place among the handshakes, given back when it is dropped.
pub(super) struct Place {
    door: Arc<Door>,
    address: IpAddr,
    _permit: tokio::sync::OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_address = self.door.by_address.lock();
        if let Some(taken) = by_address.get_mut(&self.address) {
            *taken -= 1;
            if *taken == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}
