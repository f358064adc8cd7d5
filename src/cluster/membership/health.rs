//! The pure part: when a lease has run out, and whom to suspect.

use crate::{
    NodeName,
    link::{PeerState, PeerView},
};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// A link that broke is given so long to come back before its peer is suspected.
pub(super) const RECONNECT_GRACE: Duration = Duration::from_millis(250);
/// A peer that was never linked is given so long.
pub(super) const FIRST_LINK_GRACE: Duration = Duration::from_secs(4);
/// A vote is cast again after so long, while its reason lasts.
pub(super) const VOTE_INTERVAL: Duration = Duration::from_secs(1);

/// This node's own lease, by its own monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    length: Duration,
    /// When the request that renewed it last was sent: the table counted from a later moment.
    renewed_at: Instant,
    /// Since when it was renewed without a gap.
    unbroken_since: Instant,
}

impl Lease {
    /// A lease taken at `now`.
    pub(super) fn new(length: Duration, now: Instant) -> Self {
        Self { length, renewed_at: now, unbroken_since: now }
    }

    /// It was renewed by a request sent at `sent`.
    pub(super) fn renewed(&mut self, sent: Instant) {
        if self.has_lapsed(sent) {
            self.unbroken_since = sent;
        }
        self.renewed_at = sent;
    }

    /// Whether it has run out.
    pub(super) fn has_lapsed(&self, now: Instant) -> bool {
        now.duration_since(self.renewed_at) >= self.length
    }

    /// Whether this node may call others' leases run out: only where the table was there for them, too.
    pub(super) fn may_judge(&self, now: Instant) -> bool {
        !self.has_lapsed(now) && now.duration_since(self.unbroken_since) > self.length + self.length / 2
    }
}

#[derive(Debug)]
struct Watched {
    was_up: bool,
    /// Since when it has been out of reach.
    away_since: Option<Instant>,
    voted_at: Option<Instant>,
}

/// What this node makes of its peers' links.
#[derive(Debug, Default)]
pub(super) struct Suspicions {
    peers: HashMap<NodeName, Watched>,
}

impl Suspicions {
    /// Takes note of how the links stand, and gives those to vote against now.
    pub(super) fn observe(&mut self, peers: &[PeerView], now: Instant) -> Vec<NodeName> {
        self.peers.retain(|name, _| peers.iter().any(|peer| peer.name == *name));
        let mut suspects = Vec::new();
        for peer in peers {
            let watched = self.peers.entry(peer.name.clone()).or_insert(Watched {
                was_up: false,
                away_since: None,
                voted_at: None,
            });
            if peer.state == PeerState::Up {
                *watched = Watched { was_up: true, away_since: None, voted_at: None };
                continue;
            }
            let away_since = *watched.away_since.get_or_insert(now);
            let grace = match peer.state {
                PeerState::Silent => Duration::ZERO,
                _ if watched.was_up => RECONNECT_GRACE,
                _ => FIRST_LINK_GRACE,
            };
            let voted_lately = watched.voted_at.is_some_and(|at| now.duration_since(at) < VOTE_INTERVAL);
            if now.duration_since(away_since) >= grace && !voted_lately {
                watched.voted_at = Some(now);
                suspects.push(peer.name.clone());
            }
        }
        suspects
    }

    /// Whether a peer has been out of reach for as long as `limit`.
    pub(super) fn is_away_for(&self, name: &NodeName, limit: Duration, now: Instant) -> bool {
        let away_since = self.peers.get(name).and_then(|watched| watched.away_since);
        away_since.is_some_and(|since| now.duration_since(since) >= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: &str, state: PeerState) -> PeerView {
        PeerView {
            name: NodeName(name.to_owned()),
            address: None,
            state,
            failure: None,
            queue_bytes: 0,
            in_flight: 0,
            pending: 0,
            expired: 0,
            round_trip: None,
            wire: None,
        }
    }

    fn names(suspects: Vec<NodeName>) -> Vec<String> {
        suspects.into_iter().map(|name| name.0).collect()
    }

    #[test]
    fn a_silent_peer_is_suspected_at_once_and_a_broken_link_after_a_moment() {
        let (mut suspicions, start) = (Suspicions::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let both = |state| [peer("a", state), peer("b", PeerState::Up)];
        assert!(suspicions.observe(&both(PeerState::Up), at(0)).is_empty());
        assert!(suspicions.observe(&both(PeerState::Dialling), at(100)).is_empty());
        assert!(suspicions.observe(&both(PeerState::Dialling), at(300)).is_empty());
        assert_eq!(names(suspicions.observe(&both(PeerState::Dialling), at(350))), ["a"]);
        assert!(suspicions.observe(&both(PeerState::Dialling), at(450)).is_empty(), "one vote a second");
        assert_eq!(names(suspicions.observe(&both(PeerState::Dialling), at(1_350))), ["a"]);
        assert!(suspicions.observe(&both(PeerState::Up), at(1_400)).is_empty());
        assert_eq!(names(suspicions.observe(&both(PeerState::Silent), at(1_500))), ["a"]);
    }

    #[test]
    fn a_peer_that_was_never_reached_has_longer() {
        let (mut suspicions, start) = (Suspicions::default(), Instant::now());
        let awaited = [peer("new", PeerState::Awaited)];
        assert!(suspicions.observe(&awaited, start).is_empty());
        assert!(suspicions.observe(&awaited, start + Duration::from_secs(3)).is_empty());
        assert_eq!(names(suspicions.observe(&awaited, start + Duration::from_secs(5))), ["new"]);
        assert!(suspicions.is_away_for(
            &NodeName("new".into()),
            Duration::from_secs(5),
            start + Duration::from_secs(5)
        ));
    }

    #[test]
    fn who_could_not_renew_does_not_judge_others_right_after() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut lease = Lease::new(Duration::from_secs(5), start);
        assert!(!lease.may_judge(at(1)));
        (1..=8).for_each(|second| lease.renewed(at(second)));
        assert!(lease.may_judge(at(8)));
        assert!(lease.has_lapsed(at(13)) && !lease.may_judge(at(13)));
        lease.renewed(at(20));
        assert!(!lease.has_lapsed(at(20)) && !lease.may_judge(at(20)));
        (21..=28).for_each(|second| lease.renewed(at(second)));
        assert!(lease.may_judge(at(28)));
    }
}
