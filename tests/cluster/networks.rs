//! That the cuts, on which the tests of partitions rest, cut what they say and nothing else.

use std::{
    net::{SocketAddr, TcpListener},
    process::Command,
};
use tessera_test_servers::{Port, Redis, program};
use tessera_tests::cluster::{Network, Peer};

/// Whether a Redis answers to somebody inside a node's namespace.
fn reaches(network: &Network, place: usize, address: SocketAddr) -> bool {
    let mut command = Command::new("timeout");
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    command.arg("1").arg(program("redis-cli", "redis-tools")).args(["-h", &ip, "-p", &port, "PING"]);
    let output = network.inside(place, command).output().expect("redis-cli runs");
    String::from_utf8_lossy(&output.stdout).starts_with("PONG")
}

#[test]
fn a_cut_cuts_off_who_it_names_and_nobody_else() {
    if !Network::can_be_cut() {
        return;
    }
    let network = Network::namespaces(2);
    let redis = Redis::start_on(network.address(Peer::Redis), &[]);
    let other = Redis::start_on(network.address(Peer::Postgres), &[]);
    let at = |peer, port| SocketAddr::new(network.address(peer), port);
    let reach = |place| {
        (
            reaches(&network, place, at(Peer::Redis, redis.port())),
            reaches(&network, place, at(Peer::Postgres, other.port())),
        )
    };
    assert_eq!((reach(0), reach(1)), ((true, true), (true, true)));
    network.cut(0, &[Peer::Redis]);
    assert_eq!((reach(0), reach(1)), ((false, true), (true, true)));
    network.heal(0);
    assert_eq!((reach(0), reach(1)), ((true, true), (true, true)));
}

#[test]
fn networks_do_not_meet_and_are_gone_when_they_are_dropped() {
    if !Network::can_be_cut() {
        return;
    }
    let (one, two) = (Network::namespaces(1), Network::namespaces(1));
    assert_ne!(one.address(Peer::Node(0)), two.address(Peer::Node(0)));
    let port = Port::free();
    let address = SocketAddr::new(one.address(Peer::Redis), port.number());
    TcpListener::bind(address).expect("the address is there");
    drop(one);
    assert!(TcpListener::bind(address).is_err(), "the address is gone");
}
