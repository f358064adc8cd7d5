//! Being listed, and being listed no more.

use super::{
    harness::{Authority, Here, There, is_up},
    service::ECHO,
};
use crate::{
    link::{DownReason, PeerChange},
    transport::RemoteError,
};
use bytes::Bytes;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_knows_of_us_first_is_let_in_and_waited_for() {
    let authority = Authority::new();
    let mut here = Here::start("z#1", &authority.settings()).await;
    let mut listed = There::start("b#1", &authority.settings()).await;
    let mut stranger = There::start("c#1", &authority.settings()).await;
    let began = Instant::now();
    for node in [&mut listed, &mut stranger] {
        node.list(here.link.name(), here.listener.address()).await;
        here.expect(&node.name, |change| *change == PeerChange::Up).await;
        assert_eq!(here.ask(&node.name, ECHO, "early").await, Ok(Bytes::from("early")));
    }
    here.list(&[&listed]);
    let down = here.expect(&stranger.name, |change| matches!(change, PeerChange::Down { .. }));
    let down = tokio::time::timeout(Duration::from_secs(15), down).await.unwrap();
    assert_eq!(down, PeerChange::Down { reason: DownReason::Unlisted });
    assert!(began.elapsed() > Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(is_up(&here.view(&listed.name)));
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_listed_no_more_is_cut_off_and_refused_until_listed_again() {
    let authority = Authority::new();
    let mut here = Here::start("z#1", &authority.settings()).await;
    let mut there = There::start("b#1", &authority.settings()).await;
    here.join(&mut there).await;
    here.list(&[]);
    let down = here.expect(&there.name, |change| matches!(change, PeerChange::Down { .. })).await;
    assert_eq!(down, PeerChange::Down { reason: DownReason::Unlisted });
    assert_eq!(here.ask(&there.name, ECHO, "").await, Err(RemoteError::Unlinked));
    there.until("Refused(Departed)").await;
    here.list(&[&there]);
    here.expect(&there.name, |change| *change == PeerChange::Up).await;
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_may_move_to_another_address() {
    let authority = Authority::new();
    let mut here = Here::start("a#1", &authority.settings()).await;
    let mut there = There::start("b#1", &authority.settings()).await;
    let right = there.address;
    there.address.set_port(1);
    here.list(&[&there]);
    here.expect(&there.name, |change| matches!(change, PeerChange::Unreachable { .. })).await;
    there.address = right;
    here.join(&mut there).await;
    here.stop().await;
}
