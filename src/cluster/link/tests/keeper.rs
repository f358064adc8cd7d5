//! The keeper of a membership over a real link and a table that this test controls.

use super::harness::Authority;
use crate::{
    ClusterKeeper, ClusterNode, KeeperHooks, KeeperSettings, NodeName, Phase, RestartIntensity, ShardMap, Supervisor,
    SupervisorArgs, View, link::LinkListener,
};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};
use tessera_ports::{Determinacy, Membership, StoreError, StoreResult, clock, membership::*};
use tokio::sync::Notify;

/// A membership table of one, and perhaps another.
#[derive(Default)]
struct Table {
    /// The view, the last incarnation, the member.
    state: Mutex<(u64, u64, Option<Member>)>,
    /// The next reading of the members fails.
    fail_members: Mutex<bool>,
    /// Works, and this node cannot reach it.
    other: Mutex<Option<Member>>,
    votes: Mutex<usize>,
    changed: Notify,
}

#[async_trait]
impl Membership for Table {
    async fn join(&self, candidate: &Candidate) -> StoreResult<JoinOutcome> {
        let mut state = self.state.lock();
        state.0 += 1;
        state.1 += 1;
        let id = MemberId { name: candidate.name.clone(), incarnation: state.1 };
        state.2 = Some(Member {
            id: id.clone(),
            number: state.1 as u16,
            address: candidate.address,
            admin_url: String::new(),
            wire_oldest: 1,
            wire_newest: 2,
            version: String::new(),
            status: MemberStatus::Joining,
            lease_left: Duration::from_secs(5),
            suspected_by: vec![],
        });
        // The store is slow for a moment right after the second join.
        *self.fail_members.lock() = state.1 == 2;
        Ok(JoinOutcome::Joined { id, number: state.1 as u16, view: state.0 })
    }
    async fn set_status(&self, id: &MemberId, status: MemberStatus) -> StoreResult<bool> {
        let mut state = self.state.lock();
        state.0 += 1;
        Ok(state.2.as_mut().filter(|member| member.id == *id).map(|member| member.status = status).is_some())
    }
    async fn renew(&self, id: &MemberId, _: Duration) -> StoreResult<Renewal> {
        let state = self.state.lock();
        let is_member = state.2.as_ref().is_some_and(|member| member.id == *id);
        Ok(if is_member { Renewal::Renewed { view: state.0, database_time: clock::now() } } else { Renewal::Evicted })
    }
    async fn members(&self) -> StoreResult<MembershipView> {
        if std::mem::take(&mut *self.fail_members.lock()) {
            return Err(StoreError::Unavailable {
                store: "t",
                determinacy: Determinacy::NotDone,
                detail: "once".into(),
            });
        }
        let state = self.state.lock();
        Ok(MembershipView {
            view: state.0,
            members: state.2.iter().cloned().chain(self.other.lock().clone()).collect(),
        })
    }
    async fn view(&self) -> StoreResult<u64> {
        Ok(self.state.lock().0)
    }
    async fn suspect(&self, _: &MemberId, _: &MemberId) -> StoreResult<SuspectOutcome> {
        *self.votes.lock() += 1;
        Ok(SuspectOutcome::Noted)
    }
    async fn evict_expired(&self) -> StoreResult<usize> {
        Ok(0)
    }
    async fn leave(&self, _: &MemberId) -> StoreResult<()> {
        self.state.lock().2 = None;
        Ok(())
    }
    fn changed(&self) -> &Notify {
        &self.changed
    }
}

struct NoHooks;
impl KeeperHooks for NoHooks {
    fn joined(&self, _: u16) {}
    fn forget_copies(&self) {}
}

async fn keeper(table: &Arc<Table>, authority: &Authority) -> (ClusterKeeper, crate::SupervisorHandle) {
    let listener = LinkListener::bind(&authority.settings()).await.unwrap();
    let this = NodeName(String::new());
    let node = ClusterNode::starting_with(View { this, map: ShardMap::new(0, Vec::new()), members: Vec::new() });
    let settings = KeeperSettings {
        name: "proof".into(),
        advertise: listener.address(),
        admin_url: String::new(),
        version: String::new(),
        wire_newest: 2,
        lease: Duration::from_secs(5),
        clock_tolerance: Duration::from_secs(2),
        link_limit: Duration::from_secs(10),
    };
    let keeper = ClusterKeeper::new(settings, node, listener, table.clone(), Arc::new(NoHooks));
    let intensity = RestartIntensity { max_restarts: 3, within: Duration::from_secs(60) };
    let args = SupervisorArgs { name: "test", intensity, children: vec![keeper.child_spec()] };
    let (root, _) = Supervisor::start(args, None).await.unwrap();
    (keeper, root)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_fails_once_while_a_node_joins_anew_does_not_stop_it() {
    let (authority, table) = (Authority::new(), Arc::<Table>::default());
    let (keeper, _root) = keeper(&table, &authority).await;
    keeper.join().await.unwrap();
    keeper.wait_ready().await.unwrap();
    table.state.lock().2 = None; // the others evict it
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!((keeper.phase(), table.state.lock().1), (Phase::Ready, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_never_got_in_votes_against_nobody() {
    let (authority, table) = (Authority::new(), Arc::<Table>::default());
    *table.other.lock() = Some(Member {
        id: MemberId { name: "works".into(), incarnation: 77 },
        number: 77,
        address: ([127, 0, 0, 1], 9).into(),
        admin_url: String::new(),
        wire_oldest: 1,
        wire_newest: 2,
        version: String::new(),
        status: MemberStatus::Ready,
        lease_left: Duration::from_secs(5),
        suspected_by: vec![],
    });
    let (keeper, _root) = keeper(&table, &authority).await;
    keeper.join().await.unwrap();
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!((keeper.phase(), *table.votes.lock()), (Phase::Joining, 0));
}
