//! Who is in the cluster: a table of leases beside the ledger, and a view number that every change moves.
//!
//! As in Orleans' membership table: every change is one transaction that compares and sets, time is the
//! database's, and the view totally orders what nodes may believe. Guarantees:
//! - A node is in the table from [`Membership::join`] until it leaves or is evicted. Once out it never comes back
//!   under the same incarnation: it joins anew.
//! - [`MembershipView::view`] grows with every join, change of status, eviction and departure, and with nothing else.
//! - Leaving and being evicted end that node's leases on jobs and events in the same transaction, so that
//!   others take its work up at once. (The ledger knows them by the node's number in their tokens, so a node joins
//!   through the same handle that it claims work with.)
//! - No lease runs out while the store itself is down: after its start, each runs once more for its whole length.
//!   (Where the nodes are cut off from a store that runs, leases do run out.)

use crate::StoreResult;
use async_trait::async_trait;
use std::{net::SocketAddr, time::Duration};
use tessera_domain::Timestamp;
use tokio::sync::Notify;

/// Which run of which node: a node that starts again has a higher incarnation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId {
    pub name: String,
    /// Which of its runs; never reused in a cluster's life.
    pub incarnation: u64,
}

/// How far a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemberStatus {
    /// In the table, not yet serving.
    Joining,
    Ready,
    /// Hands over what it owns; still reachable.
    Draining,
}

/// A node in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: MemberId,
    /// The node's number, part of every id it makes: from 1 to 1,023, unique among the members and not reused soon.
    pub number: u16,
    /// Where its peers reach it.
    pub address: SocketAddr,
    /// Where its operators reach it, as a URL; for `ctl`.
    pub admin_url: String,
    /// The oldest wire version it speaks.
    pub wire_oldest: u16,
    /// The newest wire version it speaks.
    pub wire_newest: u16,
    pub version: String,
    /// How far it is.
    pub status: MemberStatus,
    /// How long its lease still runs, by the database's clock; zero where it has run out.
    pub lease_left: Duration,
    /// Who suspects it to be dead, by name and incarnation.
    pub suspected_by: Vec<MemberId>,
}

/// The table as of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipView {
    /// Moves with every change.
    pub view: u64,
    /// The members, by name.
    pub members: Vec<Member>,
}

/// A node that wants to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub name: String,
    /// Where its peers reach it.
    pub address: SocketAddr,
    /// Where its operators reach it, as a URL.
    pub admin_url: String,
    /// The oldest wire version it speaks.
    pub wire_oldest: u16,
    /// The newest wire version it speaks.
    pub wire_newest: u16,
    pub version: String,
    /// How long its lease runs.
    pub lease: Duration,
}

/// What became of [`Membership::join`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinOutcome {
    /// It is a member, joining.
    Joined {
        id: MemberId,
        number: u16,
        /// The view that has it.
        view: u64,
    },
    /// A member of this name with another address has a lease that still runs. Nothing happened.
    NameTaken(Box<Member>),
    /// This member, whose lease runs, speaks no wire version that the candidate speaks. Nothing happened.
    IncompatibleWire(Box<Member>),
    /// As many nodes as there are numbers are members. Nothing happened.
    Full,
}

/// What became of [`Membership::renew`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The lease runs anew.
    Renewed {
        /// The view as it is now.
        view: u64,
        /// The database's time, to compare one's own clock with.
        database_time: Timestamp,
    },
    /// The node is no member any more.
    Evicted,
}

/// What became of [`Membership::suspect`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuspectOutcome {
    /// The vote is written; others must agree.
    Noted,
    /// The suspect was evicted by this vote.
    Evicted,
    /// The suspect is no member any more.
    Gone,
    /// The voter itself is no member any more. Nothing happened.
    NotAMember,
}

#[async_trait]
pub trait Membership: Send + Sync + 'static {
    /// Makes the candidate a member with a new incarnation. A member of the same name is replaced where its
    /// address is the same (its process must be gone, for the candidate holds its port) or its lease has run out.
    async fn join(&self, candidate: &Candidate) -> StoreResult<JoinOutcome>;

    /// Changes a member's status; false where it is no member any more. The same status again moves no view.
    async fn set_status(&self, id: &MemberId, status: MemberStatus) -> StoreResult<bool>;

    /// Renews a member's lease for `lease` from now on, also one that has run out as long as nobody evicted it.
    /// Suspicions stay: they end by themselves, for a vote counts for [`SUSPICION_LIFETIME`] only.
    async fn renew(&self, id: &MemberId, lease: Duration) -> StoreResult<Renewal>;

    /// The table as it is.
    async fn members(&self) -> StoreResult<MembershipView>;

    /// The view alone: cheap, for those who must know that they know the newest.
    async fn view(&self) -> StoreResult<u64>;

    /// Writes that `voter` believes `suspect` dead, and evicts it once votes suffice: those of two members; or of
    /// one, where only these two are members and the suspect's lease was not renewed for half its length.
    /// A member whose lease has run out needs no votes but this one. Suspecting oneself is a defect of the caller and
    /// `Refused`.
    async fn suspect(&self, suspect: &MemberId, voter: &MemberId) -> StoreResult<SuspectOutcome>;

    /// Evicts all whose lease has run out; gives how many. For a member only that could itself renew for a while: one
    /// that has just reached the store again after all were cut off would evict those who come a moment later.
    async fn evict_expired(&self) -> StoreResult<usize>;

    /// Ends a membership in good order. Repeating it is harmless.
    async fn leave(&self, id: &MemberId) -> StoreResult<()>;

    /// Told when the view may have moved. A hint: look now and then all the same.
    fn changed(&self) -> &Notify;
}

/// How long a vote counts.
pub const SUSPICION_LIFETIME: Duration = Duration::from_secs(10);
