//! The membership table.
//!
//! Every change first locks the one row of `cluster`, so changes come one after the other, and the view that the
//! change moves is told to everybody with its commit. Leases and votes are read against the server's clock alone.

use super::{
    PostgresLedger,
    announcer::{MEDIA_JOBS_CHANNEL, OUTBOX_CHANNEL},
    errors::{corrupt, refused},
    listener::MEMBERS_CHANNEL,
    membership_rows::{MemberRow, lease_end, member_columns, status_word},
    transaction::TransactionScope,
};
use crate::ledger::{NODE_SHIFT, Pool, Scope, Statement, rows::*};
use async_trait::async_trait;
use std::{sync::atomic::Ordering, time::Duration};
use tessera_domain::Timestamp;
use tessera_ports::{
    Membership, StoreResult,
    membership::{
        Candidate, JoinOutcome, MemberId, MemberStatus, MembershipView, Renewal, SUSPICION_LIFETIME, SuspectOutcome,
    },
};
use tokio::sync::Notify;

/// Nodes are numbered from 1 to this; 0 is who is no member.
const LAST_NUMBER: i32 = 1_023;

#[async_trait]
impl Membership for PostgresLedger {
    async fn join(&self, candidate: &Candidate) -> StoreResult<JoinOutcome> {
        let outcome = self
            .database
            .members
            .run_transaction(candidate, |scope, candidate| Box::pin(join(scope, candidate)))
            .await?;
        if let JoinOutcome::Joined { number, .. } = outcome {
            self.database.number.store(number, Ordering::Relaxed);
        }
        Ok(outcome)
    }

    async fn set_status(&self, id: &MemberId, status: MemberStatus) -> StoreResult<bool> {
        self.database
            .members
            .run_transaction((id, status), |scope, (id, status)| Box::pin(set_status(scope, id, *status)))
            .await
    }

    async fn renew(&self, id: &MemberId, lease: Duration) -> StoreResult<Renewal> {
        let update = Statement::of(
            "UPDATE members SET lease_ms = $3, lease_until = clock_timestamp() + $3 * interval '1 millisecond'
             WHERE name = $1 AND incarnation = $2
             RETURNING (SELECT view FROM cluster), (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
        );
        let update = update.bind(&id.name).bind(signed(id.incarnation)).bind(milliseconds(lease));
        let rows: Vec<(i64, i64)> = self.database.members.write_returning(update).await?;
        Ok(rows.first().map_or(Renewal::Evicted, |(view, now)| Renewal::Renewed {
            view: unsigned(*view),
            database_time: Timestamp(*now),
        }))
    }

    async fn members(&self) -> StoreResult<MembershipView> {
        // One statement sees one moment: the view is that of these members.
        let query = Statement::of(concat!(
            "SELECT (SELECT view FROM cluster) AS view, ",
            member_columns!(),
            " FROM members m ORDER BY m.name"
        ));
        let rows =
            self.database.members.fetch_all(query.bind(milliseconds(SUSPICION_LIFETIME)), |row: ViewRow| row).await?;
        let view = match rows.first() {
            Some(row) => unsigned(row.view),
            None => self.view().await?,
        };
        let members = rows.into_iter().map(|row| row.member.into_member()).collect::<StoreResult<_>>()?;
        Ok(MembershipView { view, members })
    }

    async fn view(&self) -> StoreResult<u64> {
        let query = Statement::of("SELECT view FROM cluster");
        let view = self.database.members.fetch_optional(query, |(view,): (i64,)| unsigned(view)).await?;
        view.ok_or_else(|| corrupt("the cluster has no view"))
    }

    async fn suspect(&self, suspect: &MemberId, voter: &MemberId) -> StoreResult<SuspectOutcome> {
        if suspect == voter {
            return Err(refused("a member votes on others, not on itself"));
        }
        self.database
            .members
            .run_transaction((suspect, voter), |scope, (suspect, voter)| Box::pin(vote(scope, suspect, voter)))
            .await
    }

    async fn evict_expired(&self) -> StoreResult<usize> {
        // Most often there is none, and then nothing is locked.
        let query =
            Statement::of(concat!("SELECT count(*) FROM members m WHERE ", lease_end!(), " <= clock_timestamp()"));
        let expired = self.database.members.fetch_optional(query, |(expired,): (i64,)| expired).await?;
        if expired == Some(0) {
            return Ok(0);
        }
        self.database.members.run_transaction((), |scope, ()| Box::pin(evict_expired(scope))).await
    }

    async fn leave(&self, id: &MemberId) -> StoreResult<()> {
        self.database
            .members
            .run_transaction(id, |scope, id| {
                Box::pin(async move {
                    lock_cluster(scope).await?;
                    if let Some(row) = find(scope, id).await? {
                        remove(scope, row.incarnation, row.number).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    fn changed(&self) -> &Notify {
        &self.database.members_changed
    }
}

#[derive(sqlx_macros::FromRow)]
struct ViewRow {
    view: i64,
    #[sqlx(flatten)]
    member: MemberRow,
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Lets one change at a time in; gives the last incarnation and the last number that were given out.
async fn lock_cluster(scope: &mut TransactionScope) -> StoreResult<(i64, i32)> {
    let query = Statement::of("SELECT last_incarnation, last_number FROM cluster FOR UPDATE");
    scope.fetch_one(query).await
}

/// Moves the view and tells everybody, after the commit.
async fn move_view(scope: &mut TransactionScope) -> StoreResult<u64> {
    let update = Statement::of(
        "WITH moved AS (UPDATE cluster SET view = view + 1 RETURNING view)
         SELECT view FROM moved, LATERAL pg_notify($1, view::text)",
    );
    let (view,): (i64,) = scope.fetch_one(update.bind(MEMBERS_CHANNEL)).await?;
    Ok(unsigned(view))
}

async fn all(scope: &mut TransactionScope) -> StoreResult<Vec<MemberRow>> {
    let query = Statement::of(concat!("SELECT ", member_columns!(), " FROM members m ORDER BY m.name"));
    scope.fetch_all(query.bind(milliseconds(SUSPICION_LIFETIME))).await
}

async fn find(scope: &mut TransactionScope, id: &MemberId) -> StoreResult<Option<MemberRow>> {
    let query = Statement::of(concat!(
        "SELECT ",
        member_columns!(),
        " FROM members m WHERE m.name = $2 AND m.incarnation = $3"
    ));
    let query = query.bind(milliseconds(SUSPICION_LIFETIME)).bind(&id.name).bind(signed(id.incarnation));
    scope.fetch_optional(query).await
}

/// Takes a member out, ends its leases on jobs and events, and moves the view.
async fn remove(scope: &mut TransactionScope, incarnation: i64, number: i32) -> StoreResult<()> {
    scope.execute(Statement::of("DELETE FROM members WHERE incarnation = $1").bind(incarnation)).await?;
    // Due at once by anybody's clock, and nobody holds the token any more. Attempts stay spent.
    let end = Statement::of(
        "WITH jobs AS (
             UPDATE media_jobs SET due_at = 0, lease_token = NULL
             WHERE state = 'leased' AND lease_token >> $2::int = $1 RETURNING 1),
         events AS (
             UPDATE outbox SET due_at = 0, lease_token = NULL
             WHERE NOT is_dead AND lease_token >> $2::int = $1 RETURNING 1),
         work AS (SELECT $3 AS channel WHERE EXISTS (TABLE jobs) UNION ALL SELECT $4 WHERE EXISTS (TABLE events))
         SELECT note FROM work, LATERAL pg_notify(channel, '') AS note",
    );
    let end = end.bind(i64::from(number)).bind(NODE_SHIFT).bind(MEDIA_JOBS_CHANNEL).bind(OUTBOX_CHANNEL);
    scope.execute(end).await?;
    move_view(scope).await.map(|_| ())
}

async fn join(scope: &mut TransactionScope, candidate: &Candidate) -> StoreResult<JoinOutcome> {
    let (last_incarnation, last_number) = lock_cluster(scope).await?;
    let (mut replaced, mut taken) = (None, Vec::new());
    for row in all(scope).await? {
        let (incarnation, number) = (row.incarnation, row.number);
        let member = row.into_member()?;
        let alive = !member.lease_left.is_zero();
        let speaks = member.wire_oldest <= candidate.wire_newest && candidate.wire_oldest <= member.wire_newest;
        if member.id.name == candidate.name {
            if alive && member.address != candidate.address {
                return Ok(JoinOutcome::NameTaken(Box::new(member)));
            }
            replaced = Some((incarnation, number));
        } else if alive && !speaks {
            return Ok(JoinOutcome::IncompatibleWire(Box::new(member)));
        } else {
            taken.push(number);
        }
    }
    let Some(number) = next_number(last_number, &taken) else { return Ok(JoinOutcome::Full) };
    if let Some((incarnation, number)) = replaced {
        remove(scope, incarnation, number).await?;
    }
    insert(scope, candidate, last_incarnation + 1, number).await
}

/// The first free number after the last one given out, so that one that became free is not given out again soon.
fn next_number(last: i32, taken: &[i32]) -> Option<i32> {
    (0..LAST_NUMBER).map(|step| (last + step) % LAST_NUMBER + 1).find(|number| !taken.contains(number))
}

async fn insert(
    scope: &mut TransactionScope,
    candidate: &Candidate,
    incarnation: i64,
    number: i32,
) -> StoreResult<JoinOutcome> {
    let insert = Statement::of(
        "WITH given AS (UPDATE cluster SET last_incarnation = $2, last_number = $3)
         INSERT INTO members (name, incarnation, number, address, admin_url, wire_oldest, wire_newest, version, status,
                              lease_ms, lease_until)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, clock_timestamp() + $10 * interval '1 millisecond')",
    );
    let insert = insert
        .bind(&candidate.name)
        .bind(incarnation)
        .bind(i64::from(number))
        .bind(candidate.address.to_string())
        .bind(&candidate.admin_url)
        .bind(candidate.wire_oldest)
        .bind(candidate.wire_newest)
        .bind(&candidate.version)
        .bind(status_word(MemberStatus::Joining))
        .bind(milliseconds(candidate.lease));
    scope.execute(insert).await?;
    let view = move_view(scope).await?;
    let id = MemberId { name: candidate.name.clone(), incarnation: unsigned(incarnation) };
    Ok(JoinOutcome::Joined { id, number: shard(number), view })
}

async fn set_status(scope: &mut TransactionScope, id: &MemberId, status: MemberStatus) -> StoreResult<bool> {
    lock_cluster(scope).await?;
    let Some(row) = find(scope, id).await? else { return Ok(false) };
    let update = Statement::of("UPDATE members SET status = $2 WHERE incarnation = $1 AND status <> $2");
    if scope.execute(update.bind(row.incarnation).bind(status_word(status))).await? == 1 {
        move_view(scope).await?;
    }
    Ok(true)
}

async fn vote(scope: &mut TransactionScope, suspect: &MemberId, voter: &MemberId) -> StoreResult<SuspectOutcome> {
    lock_cluster(scope).await?;
    let Some(voter) = find(scope, voter).await? else { return Ok(SuspectOutcome::NotAMember) };
    let Some(suspect) = find(scope, suspect).await? else { return Ok(SuspectOutcome::Gone) };
    let write = Statement::of(
        "INSERT INTO suspicions (suspect, voter, voted_at) VALUES ($1, $2, clock_timestamp())
         ON CONFLICT (suspect, voter) DO UPDATE SET voted_at = excluded.voted_at",
    );
    scope.execute(write.bind(suspect.incarnation).bind(voter.incarnation)).await?;
    let suffices = Statement::of(concat!(
        "SELECT left_ms <= 0 OR votes >= 2 OR members = 2 AND left_ms <= lease_ms / 2 FROM (
             SELECT m.lease_ms, extract(epoch FROM ",
        lease_end!(),
        " - clock_timestamp()) * 1000 AS left_ms,
                    (SELECT count(*) FROM members) AS members,
                    (SELECT count(*) FROM suspicions WHERE suspect = $1
                     AND voted_at > clock_timestamp() - $2 * interval '1 millisecond') AS votes
             FROM members m WHERE m.incarnation = $1) AS standing"
    ));
    let suffices = suffices.bind(suspect.incarnation).bind(milliseconds(SUSPICION_LIFETIME));
    let (suffices,): (bool,) = scope.fetch_one(suffices).await?;
    if !suffices {
        return Ok(SuspectOutcome::Noted);
    }
    remove(scope, suspect.incarnation, suspect.number).await?;
    Ok(SuspectOutcome::Evicted)
}

async fn evict_expired(scope: &mut TransactionScope) -> StoreResult<usize> {
    lock_cluster(scope).await?;
    let query = Statement::of(concat!(
        "SELECT m.incarnation, m.number FROM members m WHERE ",
        lease_end!(),
        " <= clock_timestamp() ORDER BY m.incarnation"
    ));
    let expired: Vec<(i64, i32)> = scope.fetch_all(query).await?;
    for (incarnation, number) in &expired {
        remove(scope, *incarnation, *number).await?;
    }
    Ok(expired.len())
}

#[cfg(test)]
mod tests {
    use super::{LAST_NUMBER, next_number};

    #[test]
    fn numbers_go_round_and_skip_those_in_use() {
        assert_eq!(next_number(0, &[]), Some(1));
        assert_eq!(next_number(7, &[8, 9]), Some(10));
        assert_eq!(next_number(LAST_NUMBER, &[1]), Some(2), "after the last comes the first");
        assert_eq!(next_number(3, &(1..=LAST_NUMBER).collect::<Vec<_>>()), None);
        assert_eq!(next_number(3, &(1..LAST_NUMBER).collect::<Vec<_>>()), Some(LAST_NUMBER));
    }
}
