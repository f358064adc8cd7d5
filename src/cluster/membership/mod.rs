//! Keeps this node a member of its cluster: joins, renews its lease, watches its peers, follows the table, and steps
//! aside when the others have given it up.
//!
//! ```text
//!            join                 links up, set ready              set draining
//! (apart) ───────► Joining ──────────────────────────► Ready ─────────────────────► Draining ─► Left
//! (outside)                                             │  ▲
//!     │ evicted: everything in memory is forgotten,     │  │ renewed again, nobody evicted it
//!     └─ a new incarnation joins ◄──────────────────────┤  │
//!                                  the lease ran out    ▼  │
//!                                  or the clock is off  Unsure
//! ```
//!
//! The truth is the membership table (`tessera_ports::membership`), as in Orleans. A peer is suspected when its link
//! broke and did not come back at once, or when it was silent for three heartbeats; votes are written to the table, and
//! enough of them evict. Where two nodes cannot talk to each other while both talk to the table and to all others,
//! the one with the higher name gives way after a while, for neither could serve all users.
//!
//! While this node is not sure that it is a member ([`ClusterKeeper::may_serve`]) it must not serve: others may own
//! what it holds. Correctness would not suffer, freshness would.

mod actor;
mod health;
mod join;
mod keeper;
mod run;
mod settings;
mod table;

pub use keeper::ClusterKeeper;
pub use settings::{JoinError, KeeperHooks, KeeperSettings, Phase};
