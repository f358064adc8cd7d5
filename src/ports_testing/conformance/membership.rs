//! Membership: incarnations and numbers, views, leases and their end, votes.

use super::{
    report::Report,
    world::{LEASE_MS, World, at_once},
};
use std::{collections::HashSet, future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tessera_ports::{
    Ledger, Membership,
    membership::{
        Candidate, JoinOutcome, MemberId, MemberStatus, MembershipView, Renewal, SUSPICION_LIFETIME, SuspectOutcome,
    },
};

/// A node's handle on the shared ledger and on the membership beside it.
pub struct ClusterNode {
    /// The ledger, whose leases are this node's.
    pub ledger: Arc<dyn Ledger>,
    pub membership: Arc<dyn Membership>,
}

/// How many handles on one empty store a check gets.
pub const CLUSTER_NODES: usize = 3;

type Nodes = Arc<[ClusterNode; CLUSTER_NODES]>;

/// Long enough never to run out within a check.
const LONG: Duration = Duration::from_secs(60);
/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

macro_rules! checks {
    ($($check:ident),* $(,)?) => {
        pub(super) async fn run<F, Fut>(make: &F, report: &mut Report)
        where
            F: Fn() -> Fut,
            Fut: Future<Output = [ClusterNode; CLUSTER_NODES]>,
        {
            $( report.run(concat!(module_path!(), "::", stringify!($check)), $check(Arc::new(make().await))).await; )*
        }
    };
}

checks!(
    a_joined_node_is_a_member_until_it_leaves,
    every_run_has_an_incarnation_of_its_own,
    numbers_are_unique_and_not_reused_soon,
    nodes_that_join_at_once_are_all_members,
    a_name_in_use_is_refused,
    a_node_that_starts_again_replaces_its_former_run,
    a_name_whose_lease_ran_out_is_free,
    a_node_that_shares_no_wire_version_stays_out,
    every_change_moves_the_view,
    a_renewed_lease_runs_on,
    a_lease_that_ran_out_may_be_renewed_until_somebody_evicts,
    two_votes_evict,
    one_vote_among_two_evicts_only_who_does_not_renew,
    a_vote_is_forgotten,
    strangers_do_not_vote,
    eviction_hands_the_leases_on,
    leaving_hands_the_leases_on,
    a_change_is_told,
);

fn candidate(name: &str, port: u16) -> Candidate {
    Candidate {
        name: name.to_owned(),
        address: SocketAddr::from(([127, 0, 0, 1], port)),
        admin_url: format!("http://127.0.0.1:{}", port + 1),
        wire_oldest: 3,
        wire_newest: 4,
        version: "1.2.3".to_owned(),
        lease: LONG,
    }
}

async fn join(node: &ClusterNode, candidate: &Candidate) -> (MemberId, u16) {
    match node.membership.join(candidate).await.expect("join") {
        JoinOutcome::Joined { id, number, .. } => (id, number),
        other => panic!("{} may join, not {other:?}", candidate.name),
    }
}

/// Joins all three handles as nodes of their own.
async fn join_all(nodes: &Nodes, lease: Duration) -> Vec<MemberId> {
    let mut ids = Vec::new();
    for (place, node) in nodes.iter().enumerate() {
        let candidate = Candidate { lease, ..candidate(&format!("node-{place}"), 7_000 + 10 * place as u16) };
        ids.push(join(node, &candidate).await.0);
    }
    ids
}

async fn table(node: &ClusterNode) -> MembershipView {
    let table = node.membership.members().await.expect("members");
    assert!(table.members.windows(2).all(|pair| pair[0].id.name < pair[1].id.name), "members come by name");
    table
}

async fn suspect(node: &ClusterNode, suspect: &MemberId, voter: &MemberId) -> SuspectOutcome {
    node.membership.suspect(suspect, voter).await.expect("suspect")
}

async fn a_joined_node_is_a_member_until_it_leaves(nodes: Nodes) {
    assert!(table(&nodes[0]).await.members.is_empty(), "nobody joined, nobody is a member");
    let wish = candidate("alpha", 7_000);
    let outcome = nodes[0].membership.join(&wish).await.expect("join");
    let JoinOutcome::Joined { id, number, view } = outcome else { panic!("it may join: {outcome:?}") };
    let seen = table(&nodes[1]).await;
    assert_eq!(seen.view, view, "others see the view that has it");
    let member = &seen.members[0];
    assert_eq!((&member.id, member.number, member.status), (&id, number, MemberStatus::Joining), "as it joined");
    assert_eq!((member.address, &member.admin_url), (wish.address, &wish.admin_url), "where it is reached");
    assert_eq!((member.wire_oldest, member.wire_newest, &member.version[..]), (3, 4, "1.2.3"), "what it speaks");
    assert!(member.lease_left > LONG / 2 && member.lease_left <= LONG, "its lease runs: {:?}", member.lease_left);
    assert!(member.suspected_by.is_empty(), "nobody suspects it");
    for _ in 0..2 {
        nodes[0].membership.leave(&id).await.expect("leave");
    }
    assert!(table(&nodes[1]).await.members.is_empty(), "who left is no member");
    assert!(!nodes[0].membership.set_status(&id, MemberStatus::Ready).await.expect("set_status"), "nor may act as one");
    assert_eq!(nodes[0].membership.renew(&id, LONG).await.expect("renew"), Renewal::Evicted, "nor come back");
}

async fn every_run_has_an_incarnation_of_its_own(nodes: Nodes) {
    let mut last = 0;
    for round in 0..5 {
        let (id, _) = join(&nodes[round % 3], &candidate(["alpha", "beta"][round % 2], 7_000)).await;
        assert!(id.incarnation > last, "incarnations grow: {} after {last}", id.incarnation);
        last = id.incarnation;
        nodes[0].membership.leave(&id).await.expect("leave");
    }
}

async fn numbers_are_unique_and_not_reused_soon(nodes: Nodes) {
    let (_, first) = join(&nodes[0], &candidate("alpha", 7_000)).await;
    let mut seen = HashSet::from([first]);
    for _ in 0..20 {
        let (id, number) = join(&nodes[1], &candidate("beta", 7_010)).await;
        assert!(number < 1_024, "{number} fits into an id");
        assert!(seen.insert(number), "{number} was given out before");
        nodes[1].membership.leave(&id).await.expect("leave");
    }
}

async fn nodes_that_join_at_once_are_all_members(nodes: Nodes) {
    let joined =
        at_once((0..20_u16).map(|place| {
            let nodes = Arc::clone(&nodes);
            async move {
                join(&nodes[place as usize % 3], &candidate(&format!("node-{place:02}"), 7_000 + 10 * place)).await
            }
        }))
        .await;
    let numbers: HashSet<u16> = joined.iter().map(|(_, number)| *number).collect();
    let incarnations: HashSet<u64> = joined.iter().map(|(id, _)| id.incarnation).collect();
    assert_eq!((numbers.len(), incarnations.len()), (20, 20), "each has a number and an incarnation of its own");
    let seen = table(&nodes[0]).await;
    assert_eq!(seen.members.len(), 20, "all are members");
}

async fn a_name_in_use_is_refused(nodes: Nodes) {
    let (id, _) = join(&nodes[0], &candidate("alpha", 7_000)).await;
    let before = table(&nodes[0]).await.view;
    match nodes[1].membership.join(&candidate("alpha", 7_010)).await.expect("join") {
        JoinOutcome::NameTaken(member) => assert_eq!(member.id, id, "it says who has it"),
        other => panic!("two nodes with one name: {other:?}"),
    }
    let seen = table(&nodes[0]).await;
    assert_eq!((seen.view, &seen.members[0].id), (before, &id), "nothing happened");
}

async fn a_node_that_starts_again_replaces_its_former_run(nodes: Nodes) {
    let (former, _) = join(&nodes[0], &candidate("alpha", 7_000)).await;
    let (next, _) = join(&nodes[1], &candidate("alpha", 7_000)).await;
    assert!(next.incarnation > former.incarnation, "a new run");
    let seen = table(&nodes[2]).await;
    assert_eq!(seen.members.iter().map(|member| &member.id).collect::<Vec<_>>(), [&next], "in the place of the former");
    assert_eq!(nodes[0].membership.renew(&former, LONG).await.expect("renew"), Renewal::Evicted, "which is out");
}

async fn a_name_whose_lease_ran_out_is_free(nodes: Nodes) {
    join(&nodes[0], &Candidate { lease: SHORT, ..candidate("alpha", 7_000) }).await;
    tokio::time::sleep(SHORT * 2).await;
    let seen = table(&nodes[1]).await;
    assert!(seen.members[0].lease_left.is_zero(), "its lease ran out");
    let (id, _) = join(&nodes[1], &candidate("alpha", 7_010)).await;
    assert_eq!(table(&nodes[1]).await.members[0].id, id, "somebody else may have the name");
}

async fn a_node_that_shares_no_wire_version_stays_out(nodes: Nodes) {
    let (id, _) = join(&nodes[0], &candidate("alpha", 7_000)).await;
    let newer = Candidate { wire_oldest: 5, wire_newest: 6, ..candidate("beta", 7_010) };
    match nodes[1].membership.join(&newer).await.expect("join") {
        JoinOutcome::IncompatibleWire(member) => assert_eq!(member.id, id, "it says with whom it cannot speak"),
        other => panic!("they cannot speak with each other: {other:?}"),
    }
    assert_eq!(table(&nodes[0]).await.members.len(), 1, "nothing happened");
    join(&nodes[1], &Candidate { wire_oldest: 4, wire_newest: 5, ..newer.clone() }).await;
    nodes[0].membership.leave(&id).await.expect("leave");
    join(&nodes[2], &Candidate { name: "gamma".to_owned(), ..newer.clone() }).await;
    // One's own former run does not count: it is gone.
    let next = Candidate { wire_oldest: 6, wire_newest: 7, ..candidate("beta", 7_010) };
    join(&nodes[1], &next).await;
}

async fn every_change_moves_the_view(nodes: Nodes) {
    let mut last = nodes[0].membership.view().await.expect("view");
    let mut moved = |view: u64, by: &str| {
        assert!(view > last, "{by} moves the view");
        last = view;
    };
    let ids = join_all(&nodes, LONG).await;
    moved(table(&nodes[1]).await.view, "joining");
    assert!(nodes[0].membership.set_status(&ids[0], MemberStatus::Ready).await.expect("set_status"), "a member");
    assert_eq!(table(&nodes[1]).await.members[0].status, MemberStatus::Ready, "others see the status");
    moved(table(&nodes[1]).await.view, "a change of status");
    assert_eq!(suspect(&nodes[1], &ids[0], &ids[1]).await, SuspectOutcome::Noted);
    assert_eq!(suspect(&nodes[2], &ids[0], &ids[2]).await, SuspectOutcome::Evicted);
    moved(table(&nodes[1]).await.view, "an eviction");
    nodes[2].membership.leave(&ids[2]).await.expect("leave");
    moved(table(&nodes[1]).await.view, "a departure");

    let before = nodes[1].membership.view().await.expect("view");
    nodes[1].membership.renew(&ids[1], LONG).await.expect("renew");
    nodes[2].membership.leave(&ids[2]).await.expect("leave");
    nodes[1].membership.evict_expired().await.expect("evict_expired");
    assert_eq!(suspect(&nodes[1], &ids[0], &ids[1]).await, SuspectOutcome::Gone);
    assert_eq!(nodes[1].membership.view().await.expect("view"), before, "nothing else does");
    assert_eq!(table(&nodes[1]).await.view, before, "and the table says the same");
}

async fn a_renewed_lease_runs_on(nodes: Nodes) {
    let (id, _) = join(&nodes[0], &Candidate { lease: SHORT, ..candidate("alpha", 7_000) }).await;
    let view = nodes[0].membership.view().await.expect("view");
    for _ in 0..4 {
        tokio::time::sleep(SHORT / 2).await;
        match nodes[0].membership.renew(&id, SHORT).await.expect("renew") {
            Renewal::Renewed { view: seen, database_time } => {
                assert_eq!(seen, view, "with the view as it is");
                assert!(database_time.0 > 1_600_000_000_000, "and the time: {database_time:?}");
            }
            Renewal::Evicted => panic!("a member may renew"),
        }
        assert_eq!(nodes[1].membership.evict_expired().await.expect("evict_expired"), 0, "nobody's lease ran out");
    }
}

async fn a_lease_that_ran_out_may_be_renewed_until_somebody_evicts(nodes: Nodes) {
    let ids = join_all(&nodes, SHORT).await;
    tokio::time::sleep(SHORT * 2).await;
    let renewed = nodes[0].membership.renew(&ids[0], LONG).await.expect("renew");
    assert!(matches!(renewed, Renewal::Renewed { .. }), "nobody has evicted it");
    assert_eq!(suspect(&nodes[0], &ids[1], &ids[0]).await, SuspectOutcome::Evicted, "one vote is enough then");
    assert_eq!(nodes[0].membership.evict_expired().await.expect("evict_expired"), 1, "and none is needed");
    let left: Vec<MemberId> = table(&nodes[0]).await.members.into_iter().map(|member| member.id).collect();
    assert_eq!(left, ids[..1], "who renewed stays");
    assert_eq!(nodes[1].membership.renew(&ids[1], LONG).await.expect("renew"), Renewal::Evicted, "the others are out");
}

async fn two_votes_evict(nodes: Nodes) {
    let ids = join_all(&nodes, LONG).await;
    for _ in 0..2 {
        assert_eq!(suspect(&nodes[0], &ids[2], &ids[0]).await, SuspectOutcome::Noted, "one voter does not suffice");
    }
    assert_eq!(suspect(&nodes[2], &ids[0], &ids[2]).await, SuspectOutcome::Noted, "nor does its answer");
    let seen = table(&nodes[1]).await;
    assert_eq!(seen.members[2].suspected_by, ids[..1], "the vote is seen");
    assert_eq!(suspect(&nodes[1], &ids[2], &ids[1]).await, SuspectOutcome::Evicted, "two do");
    assert_eq!(suspect(&nodes[0], &ids[2], &ids[0]).await, SuspectOutcome::Gone, "once");
    assert_eq!(suspect(&nodes[2], &ids[0], &ids[2]).await, SuspectOutcome::NotAMember, "who is out has no vote");
    let seen = table(&nodes[1]).await;
    assert_eq!(seen.members.len(), 2, "the others stay");
    assert!(seen.members[0].suspected_by.is_empty(), "and the votes of who is out are gone");
}

async fn one_vote_among_two_evicts_only_who_does_not_renew(nodes: Nodes) {
    let ids = join_all(&nodes, LONG).await;
    nodes[2].membership.leave(&ids[2]).await.expect("leave");
    assert_eq!(suspect(&nodes[0], &ids[1], &ids[0]).await, SuspectOutcome::Noted, "it renewed its lease lately");
    nodes[1].membership.renew(&ids[1], SHORT).await.expect("renew");
    tokio::time::sleep(SHORT * 2 / 3).await;
    assert_eq!(suspect(&nodes[0], &ids[1], &ids[0]).await, SuspectOutcome::Evicted, "not for half its lease");
}

async fn a_vote_is_forgotten(nodes: Nodes) {
    let ids = join_all(&nodes, LONG).await;
    assert_eq!(suspect(&nodes[0], &ids[2], &ids[0]).await, SuspectOutcome::Noted);
    nodes[2].membership.renew(&ids[2], LONG).await.expect("renew");
    tokio::time::sleep(SUSPICION_LIFETIME + SHORT).await;
    assert!(table(&nodes[0]).await.members[2].suspected_by.is_empty(), "an old vote is not shown");
    assert_eq!(suspect(&nodes[1], &ids[2], &ids[1]).await, SuspectOutcome::Noted, "and does not count");
    assert_eq!(suspect(&nodes[0], &ids[2], &ids[0]).await, SuspectOutcome::Evicted, "until it is given again");
}

async fn strangers_do_not_vote(nodes: Nodes) {
    let ids = join_all(&nodes, LONG).await;
    let stranger = MemberId { name: "nobody".to_owned(), incarnation: ids[0].incarnation };
    let former = MemberId { incarnation: ids[0].incarnation - 1, ..ids[0].clone() };
    for voter in [&stranger, &former] {
        assert_eq!(suspect(&nodes[0], &ids[1], voter).await, SuspectOutcome::NotAMember, "{voter:?} has no vote");
        assert_eq!(suspect(&nodes[0], voter, &ids[1]).await, SuspectOutcome::Gone, "and {voter:?} is not there");
    }
    assert!(table(&nodes[0]).await.members.iter().all(|member| member.suspected_by.is_empty()), "nothing was noted");
}

/// Has each of the first two nodes hold one job and some events; gives the first one's job.
async fn hold_work(nodes: &Nodes) -> (Arc<World>, Arc<World>, tessera_ports::ledger::MediaJob) {
    let (one, other) = (World::new(Arc::clone(&nodes[0].ledger)), World::new(Arc::clone(&nodes[1].ledger)));
    let users = one.users(2).await;
    one.queue(users[0]).await;
    let job = one.claim_one().await;
    one.follow(users[0], users[1]).await;
    let events = one.ledger.claim_events(10, LEASE_MS, one.now()).await.expect("claim_events");
    one.queue(users[1]).await;
    other.claim_one().await;
    one.follow(users[1], users[0]).await;
    let others = other.ledger.claim_events(10, LEASE_MS, one.now()).await.expect("claim_events");
    assert!(!events.is_empty() && !others.is_empty(), "both hold events");
    (one, other, job)
}

async fn takes_up(world: &World, nodes: &Nodes, job: &tessera_ports::ledger::MediaJob) {
    let again = world.claim(10).await;
    let held: Vec<_> = again.iter().map(|again| (again.upload.id, again.attempt)).collect();
    assert_eq!(held, [(job.upload.id, 2)], "the job is due at once, that of the other node is not");
    let (id, token, now) = (job.upload.id, job.lease_token, world.now());
    let extended = nodes[0].ledger.extend_lease(id, token, now.plus_ms(LEASE_MS)).await.expect("extend_lease");
    assert!(!extended, "the lease is over");
    let events = nodes[2].ledger.claim_events(10, LEASE_MS, now).await.expect("claim_events");
    assert_eq!(events.iter().map(|event| event.attempt).collect::<Vec<_>>(), [2], "so is the event");
}

async fn eviction_hands_the_leases_on(nodes: Nodes) {
    let ids = join_all(&nodes, LONG).await;
    let (_, other, job) = hold_work(&nodes).await;
    suspect(&nodes[1], &ids[0], &ids[1]).await;
    assert_eq!(suspect(&nodes[2], &ids[0], &ids[2]).await, SuspectOutcome::Evicted);
    takes_up(&other, &nodes, &job).await;
}

async fn leaving_hands_the_leases_on(nodes: Nodes) {
    let ids = join_all(&nodes, LONG).await;
    let (_, other, job) = hold_work(&nodes).await;
    nodes[0].membership.leave(&ids[0]).await.expect("leave");
    takes_up(&other, &nodes, &job).await;
}

async fn a_change_is_told(nodes: Nodes) {
    let (id, _) = join(&nodes[0], &candidate("alpha", 7_000)).await;
    // What was told before is heard by now, or will be: either way the next one is waited for anew.
    tokio::time::sleep(SHORT).await;
    for node in nodes.iter() {
        let _ = tokio::time::timeout(Duration::from_millis(1), node.membership.changed().notified()).await;
    }
    nodes[0].membership.set_status(&id, MemberStatus::Ready).await.expect("set_status");
    for node in nodes.iter() {
        let told = tokio::time::timeout(Duration::from_secs(5), node.membership.changed().notified()).await;
        assert!(told.is_ok(), "every node hears of a change");
    }
}
