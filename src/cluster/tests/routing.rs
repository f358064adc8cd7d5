//! Several nodes in one process, joined by a transport of queues: routing, moves, hand-over.

use super::{Add, Counting, Key, Saved, restarts, settings, soon};
use crate::{
    AskError, Call, ClusterNode, Deadline, EntityContext, Handle, NodeName, NodeService, Region, RemoteCall, Reply,
    Spread, Supervisor, SupervisorArgs, View,
    transport::{Inbound, RemoteError, Request, Responder, Transport, encode},
};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tessera_ports::clock::Timestamp;
use tessera_ports::membership::{Member, MemberId, MemberStatus, MembershipView};
use tokio::sync::oneshot;

impl RemoteCall for Add {
    const METHOD: u16 = 1_000;
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Hear(u64);

impl Call for Hear {
    type Answer = u64;
}

impl RemoteCall for Hear {
    const METHOD: u16 = 1_001;
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct NewerThanYou;

impl Call for NewerThanYou {
    type Answer = ();
}

impl RemoteCall for NewerThanYou {
    const METHOD: u16 = 1_002;
}

/// Panics so many times, and then says how often it was tried.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stumble {
    times: u64,
    is_repeatable: bool,
}

impl Call for Stumble {
    type Answer = u64;

    fn is_repeatable(&self) -> bool {
        self.is_repeatable
    }
}

impl RemoteCall for Stumble {
    const METHOD: u16 = 1_003;
}

impl Handle<Stumble> for Counting {
    fn handle(&mut self, call: Stumble, reply: Reply<u64>, context: &EntityContext<Self>) {
        let tried = *self.durable.lock().entry(context.key().0).and_modify(|tried| *tried += 1).or_insert(1);
        assert!(tried > call.times, "asked for");
        reply.send(tried);
    }
}

/// The nodes that can be reached, by name.
#[derive(Default)]
struct Network {
    nodes: Mutex<HashMap<NodeName, Arc<ClusterNode>>>,
}

struct Queues {
    this: NodeName,
    network: Arc<Network>,
}

#[async_trait]
impl Transport for Queues {
    async fn request(&self, peer: &NodeName, request: Request, deadline: Deadline) -> Result<Bytes, RemoteError> {
        let node = self.network.nodes.lock().get(peer).cloned().ok_or(RemoteError::Unlinked)?;
        let (sender, receiver) = oneshot::channel();
        let responder = Responder::new(move |answer| drop(sender.send(answer)));
        node.serve(&self.this, request, deadline, responder);
        match tokio::time::timeout_at(deadline.instant().into(), receiver).await {
            Ok(answer) => answer.unwrap_or(Err(RemoteError::Lost)),
            Err(_) => Err(RemoteError::Expired),
        }
    }

    fn notify(&self, peer: &NodeName, request: Request) -> Result<(), RemoteError> {
        let node = self.network.nodes.lock().get(peer).cloned().ok_or(RemoteError::Unlinked)?;
        node.serve(&self.this, request, soon(), Responder::nobody());
        Ok(())
    }
}

struct TestNode {
    node: Arc<ClusterNode>,
    region: Region<Counting>,
    heard: Arc<AtomicU64>,
    service: NodeService<Hear>,
}

fn member(name: &str, status: MemberStatus) -> Member {
    Member {
        id: MemberId { name: name.to_owned(), incarnation: 1 },
        number: 0,
        address: ([127, 0, 0, 1], 1).into(),
        admin_url: String::new(),
        wire_oldest: 1,
        wire_newest: 1,
        version: String::new(),
        status,
        lease_left: Duration::from_secs(5),
        suspected_by: vec![],
    }
}

fn name(name: &str) -> NodeName {
    NodeName(format!("{name}#1"))
}

fn view(this: &str, epoch: u64, members: &[(&str, MemberStatus)]) -> View {
    let members = members.iter().map(|(name, status)| member(name, *status)).collect();
    View::of(name(this), &MembershipView { view: epoch, members })
}

/// Nodes that share what they save, as nodes share a ledger.
async fn node(network: &Arc<Network>, this: &str, saved: &Arc<Saved>) -> TestNode {
    let args = SupervisorArgs { name: "test", intensity: restarts(), children: vec![] };
    let (root, _) = Supervisor::start(args, None).await.expect("root starts");
    let node = ClusterNode::starting_with(view(this, 0, &[]));
    let region = Region::new(saved.clone(), settings(), node.clone(), Spread::OverNodes, root.get_cell());
    region.serve::<Add>();
    region.serve::<Stumble>();
    let heard = Arc::new(AtomicU64::new(0));
    let ear = heard.clone();
    let service = NodeService::new(node.clone(), "ear", move |Hear(number), _| {
        std::future::ready(Ok(ear.fetch_add(number, Ordering::Relaxed) + number))
    });
    node.set_transport(Some(Arc::new(Queues { this: name(this), network: network.clone() })));
    network.nodes.lock().insert(name(this), node.clone());
    TestNode { node, region, heard, service }
}

use MemberStatus::{Draining, Ready};

/// Nodes a and b, both ready.
async fn pair() -> (Arc<Network>, Arc<Saved>, TestNode, TestNode) {
    let (network, saved) = (Arc::<Network>::default(), Arc::<Saved>::default());
    let (a, b) = (node(&network, "a", &saved).await, node(&network, "b", &saved).await);
    a.node.install(view("a", 1, &[("a", Ready), ("b", Ready)]));
    b.node.install(view("b", 1, &[("a", Ready), ("b", Ready)]));
    (network, saved, a, b)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_reaches_the_one_activation_of_an_entity() {
    let (_, _, a, b) = pair().await;
    for key in (0..100).map(Key) {
        assert_eq!(a.region.call(key, soon(), Add).await, Ok(1));
        assert_eq!(b.region.call(key, soon(), Add).await, Ok(2));
    }
    let active = (a.region.stats().active, b.region.stats().active);
    assert_eq!(active.0 + active.1, 100);
    assert!(active.0 > 20 && active.1 > 20, "{active:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_for_the_active_alone_activates_nothing_anywhere() {
    let (_, _, a, b) = pair().await;
    for key in (0..40).map(Key) {
        assert_eq!(a.region.call_if_active(key, soon(), Add).await, Ok(None));
        assert_eq!(b.region.call(key, soon(), Add).await, Ok(1));
        assert_eq!(a.region.call_if_active(key, soon(), Add).await, Ok(Some(2)));
    }
    assert_eq!(a.region.stats().active + b.region.stats().active, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_are_handed_over_with_what_their_entities_saved() {
    let (network, saved, a, b) = pair().await;
    for key in (0..200).map(Key) {
        assert_eq!(a.region.call(key, soon(), Add).await, Ok(1));
    }
    // c joins. It hears of it first, then a; b has to be told by who asks it.
    let c = node(&network, "c", &saved).await;
    let all = [("a", Ready), ("b", Ready), ("c", Ready)];
    c.node.install(view("c", 1, &all[..2]));
    c.node.install(view("c", 2, &all));
    a.node.install(view("a", 2, &all));
    let late = b.node.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        late.install(view("b", 2, &all));
    });
    for key in (0..200).map(Key) {
        assert_eq!(b.region.call(key, soon(), Add).await, Ok(2), "{key:?} begins where it was");
    }
    assert!(c.region.stats().active > 30, "{:?}", c.region.stats());
    // c drains: it keeps reaching the others, and they begin where it was.
    let without = [("a", Ready), ("b", Ready), ("c", Draining)];
    for (node, this) in [(&c, "c"), (&a, "a"), (&b, "b")] {
        node.node.install(view(this, 3, &without));
    }
    for key in (0..200).map(Key) {
        assert_eq!(c.region.call(key, soon(), Add).await, Ok(3), "{key:?} begins where it was");
    }
    assert_eq!(c.region.stats().active, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_the_wrong_node_is_told_and_finds_the_right_one() {
    let (_, _, a, b) = pair().await;
    // a has not heard that b is alone now, and b has not heard that a still believes in itself.
    b.node.install(view("b", 5, &[("b", Ready)]));
    let of_b = (0..1_000).map(Key).find(|key| !is_at(&a, *key)).expect("b has some");
    assert_eq!(a.region.call(of_b, soon(), Add).await, Ok(1));
    let of_a = (0..1_000).map(Key).find(|key| is_at(&a, *key)).expect("a has some");
    assert_eq!(b.region.call(of_a, soon(), Add).await, Ok(1), "b believes that it has all");
    // a is ahead of b, which waits a moment for the newer map and then goes by what it knows.
    a.node.install(view("a", 6, &[("b", Ready), ("a", Ready)]));
    assert_eq!(a.region.call(of_b, soon(), Add).await, Ok(2));
    // A request that was sent under an older map to who is no owner any more is refused with the newer epoch.
    b.node.install(view("b", 7, &[("a", Ready)]));
    let stale = Request {
        method: Add::METHOD,
        epoch: 6,
        only_if_active: false,
        payload: encode(&(of_b, Add)).expect("encodes"),
    };
    let (sender, receiver) = oneshot::channel();
    b.node.serve(&name("a"), stale, soon(), Responder::new(move |answer| drop(sender.send(answer))));
    assert_eq!(receiver.await.expect("answers"), Err(RemoteError::Moved { epoch: 7 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_does_no_harm_is_made_once_more_where_its_entity_restarted() {
    let (_, saved, a, b) = pair().await;
    for owner in [&a, &b] {
        let keys: Vec<Key> = (0..1_000).map(Key).filter(|key| is_at(owner, *key)).take(3).collect();
        let call = async |key, times, is_repeatable| {
            let answer = a.region.call(key, soon(), Stumble { times, is_repeatable }).await;
            (answer.ok(), saved.lock().get(&key.0).copied())
        };
        assert_eq!(call(keys[0], 1, true).await, (Some(2), Some(2)));
        assert_eq!(call(keys[1], 1, false).await, (None, Some(1)), "it may have been handled");
        assert_eq!(call(keys[2], 9, true).await, (None, Some(2)), "it panics because of the call");
    }
}

fn is_at(node: &TestNode, key: Key) -> bool {
    use crate::{EntityKey, ShardId};
    node.node.view().owns(ShardId::of_hash(key.stable_hash()))
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_wait_for_a_dead_nodes_successor() {
    let (network, _, a, b) = pair().await;
    let of_b = (0..1_000).map(Key).find(|key| !is_at(&a, *key)).expect("b has some");
    network.nodes.lock().remove(&name("b"));
    let brief = Deadline::after(Duration::from_millis(200));
    let unreachable = AskError::Unreachable { kind: "counting" };
    assert_eq!(a.region.call(of_b, brief, Add).await, Err(unreachable));
    let evicts = a.node.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        evicts.install(view("a", 2, &[("a", Ready)]));
    });
    assert_eq!(a.region.call(of_b, soon(), Add).await, Ok(1));
    drop(b);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_hears_and_a_dead_one_holds_up_nobody_for_ever() {
    let (network, _, a, b) = pair().await;
    assert_eq!(a.service.everywhere(Hear(3), soon()).await, Ok(vec![3, 3]));
    a.service.tell_others(&Hear(1));
    assert_eq!((a.heard.load(Ordering::Relaxed), b.heard.load(Ordering::Relaxed)), (3, 4));
    network.nodes.lock().remove(&name("b"));
    let brief = Deadline::after(Duration::from_millis(200));
    assert!(a.service.everywhere(Hear(1), brief).await.is_err(), "b may hold what must hear it");
    let evicts = a.node.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        evicts.install(view("a", 2, &[("a", Ready)]));
    });
    assert_eq!(a.service.everywhere(Hear(1), soon()).await, Ok(vec![5]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_does_not_know_is_a_typed_error() {
    let (_, _, a, _b) = pair().await;
    let unknown = a.node.call_node(&name("b"), &NewerThanYou, soon()).await;
    assert_eq!(unknown, Err(RemoteError::UnknownMethod { method: 1_002 }));
    let garbage = a.node.request(&name("b"), Add::METHOD, Bytes::from_static(b"\xff\xff\xff"), false, soon()).await;
    assert!(matches!(garbage, Err(RemoteError::Malformed { .. })), "{garbage:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_outsider_activated_is_gone_once_it_joined_anew() {
    let (network, saved) = (Arc::<Network>::default(), Arc::<Saved>::default());
    let a = node(&network, "a", &saved).await;
    a.node.install(view("a", 1, &[("a", Ready)]));
    // Evicted: it forgets everything. A request that was under way goes on.
    a.node.abandon_entities();
    assert_eq!(a.region.call(Key(1), soon(), Add).await, Ok(1));
    // Meanwhile the entity lived on another node. This one joins anew and owns the shard again.
    saved.lock().insert(1, 10);
    let mut again = member("a", Ready);
    again.id.incarnation = 2;
    a.node.install(View::of(NodeName("a#2".into()), &MembershipView { view: 3, members: vec![again] }));
    assert_eq!(a.region.call(Key(1), soon(), Add).await, Ok(11), "remade from what its last owner saved");
}

#[tokio::test]
async fn a_node_in_doubt_takes_no_work_and_dates_what_it_saves_by_its_last_sure_moment() {
    let node = ClusterNode::alone(name("a"));
    let now = Timestamp(1_000_000);
    assert!(node.is_in_standing() && node.last_sure(now) == now);
    node.set_at_work(false);
    assert!(!node.is_in_standing() && node.last_sure(now) == Timestamp(0));
    let until = std::time::Instant::now() + Duration::from_millis(50);
    node.lease_renewed(until, Timestamp(900_000));
    assert!(!node.is_in_standing() && node.last_sure(now) == Timestamp(0));
    node.set_at_work(true);
    assert!(node.is_in_standing() && node.last_sure(now) == Timestamp(900_000));
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(!node.is_in_standing(), "its lease ran out, whether the keeper has noticed or not");
    assert_eq!(node.last_sure(Timestamp(800_000)), Timestamp(800_000), "never in the future");
}
