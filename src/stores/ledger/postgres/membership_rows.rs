//! Rows of the membership table.

use super::errors::corrupt;
use crate::ledger::rows::{List, unsigned};
use std::time::Duration;
use tessera_ports::{
    StoreResult,
    membership::{Member, MemberId, MemberStatus},
};

/// When the lease of a member `m` ends. While the server was down nobody could renew, so after its start every lease
/// runs once more for its whole length.
macro_rules! lease_end {
    () => {
        "greatest(m.lease_until, pg_postmaster_start_time() + m.lease_ms * interval '1 millisecond')"
    };
}
pub(super) use lease_end;

/// All columns of a member `m`, with how long its lease still runs and the votes that count. `$1` is how many
/// milliseconds a vote counts.
macro_rules! member_columns {
    () => {
        concat!(
            "m.name, m.incarnation, m.number, m.address, m.admin_url, m.wire_oldest, m.wire_newest, m.version, m.status,
         (extract(epoch FROM ", lease_end!(), " - clock_timestamp()) * 1000)::bigint AS lease_left_ms,
         ARRAY(SELECT voter.name FROM suspicions s JOIN members voter ON voter.incarnation = s.voter
               WHERE s.suspect = m.incarnation AND s.voted_at > clock_timestamp() - $1 * interval '1 millisecond'
               ORDER BY voter.incarnation) AS voter_names,
         ARRAY(SELECT s.voter FROM suspicions s
               WHERE s.suspect = m.incarnation AND s.voted_at > clock_timestamp() - $1 * interval '1 millisecond'
               ORDER BY s.voter) AS voter_incarnations"
        )
    };
}
pub(super) use member_columns;

/// A row of `members`, as [`member_columns`] selects it.
#[derive(sqlx_macros::FromRow)]
pub(super) struct MemberRow {
    name: String,
    pub incarnation: i64,
    pub number: i32,
    address: String,
    admin_url: String,
    wire_oldest: i32,
    wire_newest: i32,
    version: String,
    status: String,
    lease_left_ms: i64,
    voter_names: List<String>,
    voter_incarnations: List<i64>,
}

impl MemberRow {
    pub fn into_member(self) -> StoreResult<Member> {
        let unreadable = |what: &str| corrupt(format!("member {} has an unreadable {what}", self.name));
        let small = |value: i32, what: &str| u16::try_from(value).map_err(|_| unreadable(what));
        let voters = self.voter_names.0.iter().zip(&self.voter_incarnations.0);
        Ok(Member {
            number: small(self.number, "number")?,
            address: self.address.parse().map_err(|_| unreadable("address"))?,
            wire_oldest: small(self.wire_oldest, "wire version")?,
            wire_newest: small(self.wire_newest, "wire version")?,
            status: parse_status(&self.status).ok_or_else(|| unreadable("status"))?,
            lease_left: Duration::from_millis(unsigned(self.lease_left_ms)),
            suspected_by: voters.map(|(name, incarnation)| member_id(name.clone(), *incarnation)).collect(),
            id: member_id(self.name, self.incarnation),
            admin_url: self.admin_url,
            version: self.version,
        })
    }
}

fn member_id(name: String, incarnation: i64) -> MemberId {
    MemberId { name, incarnation: unsigned(incarnation) }
}

/// The word that a status is stored as.
pub(super) fn status_word(status: MemberStatus) -> &'static str {
    match status {
        MemberStatus::Joining => "joining",
        MemberStatus::Ready => "ready",
        MemberStatus::Draining => "draining",
    }
}

fn parse_status(word: &str) -> Option<MemberStatus> {
    [MemberStatus::Joining, MemberStatus::Ready, MemberStatus::Draining]
        .into_iter()
        .find(|status| status_word(*status) == word)
}
