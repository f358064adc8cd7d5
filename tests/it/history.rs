//! A mixed load, written down attempt by attempt, against how things are in the end.

use crate::Node;
use std::time::Duration;
use tessera_tests::{
    load::{Load, check},
    seeds,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_load_was_told_is_so_after_kills() {
    let mut node = Node::start(&[]);
    let api = node.api();
    let load = Load::prepare(&api, seeds(&[31])[0], 16, 40.0).await;
    let running = load.start();
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(3)).await;
        tokio::task::block_in_place(|| {
            node.kill();
            node.restart();
        });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let history = running.stop().await;
    assert!(history.attempts().len() > 100, "the load got through");
    check(&load, &history, &[api]).await;
}
