//! The table of peers: who is listed, who knocks before being listed, and who has which session. No I/O.

use super::{
    dial_error::DialError,
    events::{DownReason, Peer, PeerState, PeerView},
    handshake::{Hello, Refusal},
    session::Session,
};
use crate::NodeName;
use parking_lot::Mutex;
use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// A peer may know of this node before this node knows of it: so long it may wait to be listed.
const UNLISTED_GRACE: Duration = Duration::from_secs(10);
const MAX_UNLISTED: usize = 16;

/// How many of those that were listed once are remembered, to refuse them.
const MAX_DEPARTED: usize = 256;

#[derive(Default)]
struct Entry {
    /// Where it is, once it is listed.
    address: Option<SocketAddr>,
    unlisted_since: Option<Instant>,
    session: Option<Arc<Session>>,
    up: bool,
    /// One session at a time: held from the handshake until the last trace of a session is gone.
    slot: Arc<tokio::sync::Mutex<()>>,
    dialling: Option<CancellationToken>,
    failure: Option<DialError>,
}

#[derive(Default)]
struct Table {
    entries: HashMap<NodeName, Entry>,
    departed: VecDeque<NodeName>,
}

/// The table of peers.
#[derive(Default)]
pub(super) struct Peers(Mutex<Table>);

impl Peers {
    /// Replaces the list. Gives those to dial from now on, with what ends it; sessions with others are closed.
    pub(super) fn list(&self, this: &NodeName, peers: Vec<Peer>) -> Vec<(Peer, CancellationToken)> {
        let mut table = self.0.lock();
        let Table { entries, departed } = &mut *table;
        let mut listed: HashMap<NodeName, SocketAddr> =
            peers.into_iter().map(|peer| (peer.name, peer.address)).collect();
        listed.remove(this);
        entries.retain(|name, entry| {
            let stays = listed.contains_key(name) || entry.address.is_none();
            if !stays {
                entry.end();
                departed.push_back(name.clone());
            }
            stays
        });
        departed.retain(|name| !listed.contains_key(name));
        let excess = departed.len().saturating_sub(MAX_DEPARTED);
        departed.drain(..excess);
        let mut to_dial = Vec::new();
        for (name, address) in listed {
            let entry = entries.entry(name.clone()).or_default();
            entry.unlisted_since = None;
            let moved = entry.address.replace(address) != Some(address);
            if moved && *this < name {
                let cancelled = CancellationToken::new();
                if let Some(former) = entry.dialling.replace(cancelled.clone()) {
                    former.cancel();
                }
                to_dial.push((Peer { name, address }, cancelled));
            }
        }
        to_dial
    }

    /// Whether to let a node in that proved to be of the cluster.
    pub(super) fn judge(&self, this: &NodeName, hello: &Hello) -> Result<(), Refusal> {
        let name = NodeName(hello.name.clone());
        if hello.wanted != this.0 {
            return Err(Refusal::WrongNode { name: this.0.clone() });
        }
        if name == *this {
            return Err(Refusal::NameTaken);
        }
        if name > *this {
            return Err(Refusal::WrongDirection);
        }
        let mut table = self.0.lock();
        if table.departed.contains(&name) {
            return Err(Refusal::Departed);
        }
        if let Some(entry) = table.entries.get(&name) {
            let other = |session: &Arc<Session>| session.agreement.instance != hello.instance;
            return match entry.session.as_ref().is_some_and(other) {
                true => Err(Refusal::NameTaken),
                false => Ok(()),
            };
        }
        let unlisted = table.entries.values().filter(|entry| entry.unlisted_since.is_some()).count();
        if unlisted >= MAX_UNLISTED {
            return Err(Refusal::TooMany);
        }
        let entry = Entry { unlisted_since: Some(Instant::now()), ..Entry::default() };
        table.entries.insert(name, entry);
        Ok(())
    }

    /// Closes the session that a new connection of the same peer replaces. Gives what to hold meanwhile; `None`
    /// for a node that is no peer.
    pub(super) fn supersede(&self, name: &NodeName) -> Option<Arc<tokio::sync::Mutex<()>>> {
        let table = self.0.lock();
        let entry = table.entries.get(name)?;
        if let Some(former) = &entry.session {
            former.close(DownReason::Superseded);
        }
        Some(entry.slot.clone())
    }

    /// Enters a session; false where its peer is none any more.
    pub(super) fn begin(&self, session: &Arc<Session>) -> bool {
        match self.0.lock().entries.get_mut(&session.agreement.peer) {
            Some(entry) => {
                entry.session = Some(session.clone());
                true
            }
            None => false,
        }
    }

    /// The session carries requests from now on.
    pub(super) fn set_up(&self, session: &Arc<Session>) {
        if let Some(entry) = self.0.lock().entries.get_mut(&session.agreement.peer) {
            entry.up = true;
        }
    }

    /// Takes a session out. Gives the peer, if it is still listed.
    pub(super) fn end(&self, session: &Arc<Session>) -> Option<Peer> {
        let name = &session.agreement.peer;
        let mut table = self.0.lock();
        let entry = table.entries.get_mut(name)?;
        if entry.session.as_ref().is_some_and(|current| Arc::ptr_eq(current, session)) {
            entry.session = None;
            entry.up = false;
        }
        entry.address.map(|address| Peer { name: name.clone(), address })
    }

    /// Notes why a peer could not be reached.
    pub(super) fn set_failure(&self, name: &NodeName, failure: Option<DialError>) {
        if let Some(entry) = self.0.lock().entries.get_mut(name) {
            entry.failure = failure;
        }
    }

    /// Lets go of those that waited too long to be listed.
    pub(super) fn drop_unlisted(&self) {
        let late = |entry: &Entry| entry.unlisted_since.is_some_and(|since| since.elapsed() >= UNLISTED_GRACE);
        self.0.lock().entries.retain(|_, entry| {
            let stays = !late(entry);
            if !stays {
                entry.end();
            }
            stays
        });
    }

    pub(super) fn hang_up(&self) {
        for entry in self.0.lock().entries.values() {
            entry.dialling.iter().for_each(CancellationToken::cancel);
        }
    }

    /// The sessions there are, whatever their state.
    pub(super) fn sessions(&self) -> Vec<Arc<Session>> {
        self.0.lock().entries.values().filter_map(|entry| entry.session.clone()).collect()
    }

    /// How things stand, by name.
    pub(super) fn view(&self) -> Vec<PeerView> {
        let table = self.0.lock();
        let mut views: Vec<PeerView> = table.entries.iter().map(|(name, entry)| entry.view(name)).collect();
        views.sort_by(|a, b| a.name.cmp(&b.name));
        views
    }
}

impl Entry {
    fn end(&self) {
        self.dialling.iter().for_each(CancellationToken::cancel);
        self.session.iter().for_each(|session| session.close(DownReason::Unlisted));
    }

    fn view(&self, name: &NodeName) -> PeerView {
        let session = self.session.as_ref().filter(|_| self.up);
        let state = match session {
            Some(session) if session.silent.load(Ordering::Relaxed) => PeerState::Silent,
            Some(_) => PeerState::Up,
            None if self.dialling.is_some() => PeerState::Dialling,
            None => PeerState::Awaited,
        };
        let (queue_bytes, in_flight, pending) = session.map(|session| session.load()).unwrap_or_default();
        PeerView {
            name: name.clone(),
            address: self.address,
            state,
            failure: self.failure.clone(),
            queue_bytes,
            in_flight,
            pending,
            expired: session.map(|session| session.expired()).unwrap_or_default(),
            round_trip: session.and_then(|session| session.round_trip()),
            wire: session.map(|session| session.agreement.wire),
        }
    }
}
