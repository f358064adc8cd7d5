//! The table of peers, without any connection.

use super::super::{
    events::Peer,
    handshake::{Hello, Refusal},
    peers::Peers,
};
use super::harness::name;

fn peer(node: &str, port: u16) -> Peer {
    Peer { name: name(node), address: ([127, 0, 0, 1], port).into() }
}

fn hello(node: &str, wanted: &str) -> Hello {
    Hello { name: node.into(), wanted: wanted.into(), instance: 1, wire_oldest: 1, wire_newest: 2 }
}

#[test]
fn the_lower_name_dials_once_and_anew_when_the_address_changes() {
    let (peers, this) = (Peers::default(), name("m#1"));
    let dialled = |list: Vec<Peer>| peers.list(&this, list).into_iter().map(|(peer, _)| peer).collect::<Vec<_>>();
    assert_eq!(dialled(vec![peer("a#1", 1), peer("m#1", 2), peer("z#1", 3)]), [peer("z#1", 3)]);
    assert_eq!(dialled(vec![peer("a#1", 1), peer("z#1", 3)]), []);
    assert_eq!(dialled(vec![peer("a#1", 1), peer("z#1", 4)]), [peer("z#1", 4)]);
    assert_eq!(dialled(vec![]), []);
    assert_eq!(dialled(vec![peer("z#1", 4)]), [peer("z#1", 4)]);
}

#[test]
fn dialling_ends_with_the_listing() {
    let (peers, this) = (Peers::default(), name("m#1"));
    let (_, first) = peers.list(&this, vec![peer("z#1", 3)]).remove(0);
    let (_, second) = peers.list(&this, vec![peer("z#1", 4)]).remove(0);
    assert!(first.is_cancelled() && !second.is_cancelled());
    peers.list(&this, vec![]);
    assert!(second.is_cancelled());
}

#[test]
fn who_is_let_in() {
    let (peers, this) = (Peers::default(), name("m#1"));
    let judge = |node: &str, wanted: &str| peers.judge(&this, &hello(node, wanted));
    peers.list(&this, vec![peer("a#1", 1), peer("b#1", 2)]);
    peers.list(&this, vec![peer("b#1", 2)]);
    assert_eq!(judge("b#1", "m#1"), Ok(()));
    assert_eq!(judge("b#1", "m#0"), Err(Refusal::WrongNode { name: "m#1".into() }));
    assert_eq!(judge("m#1", "m#1"), Err(Refusal::NameTaken));
    assert_eq!(judge("z#1", "m#1"), Err(Refusal::WrongDirection));
    assert_eq!(judge("a#1", "m#1"), Err(Refusal::Departed));
    for stranger in 0..16 {
        assert_eq!(judge(&format!("c-{stranger}#1"), "m#1"), Ok(()));
    }
    assert_eq!(judge("d#1", "m#1"), Err(Refusal::TooMany));
    assert_eq!(judge("c-3#1", "m#1"), Ok(()), "it may come again");
}
