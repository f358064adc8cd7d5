//! A mixed load, written down attempt by attempt, against how things are in the end.

use crate::Node;
use std::time::Duration;
use tessera_tests::{
    load::{Deeds, History, Load, Standing, check},
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

/// Whether the checker is content when somebody was told this.
async fn is_content(load: &Load, tell: impl FnOnce(&mut Deeds)) -> bool {
    let mut history = History { people: load.people.iter().map(|_| Deeds::default()).collect() };
    tell(&mut history.people[1]);
    let (load, api) = (load.clone(), load.people[0].api.clone());
    tokio::spawn(async move { check(&load, &history, &[api]).await }).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_checker_finds_what_was_lost_or_made_up() {
    let node = Node::start(&[]);
    let load = Load::prepare(&node.api(), 1, 5, 1.0).await;
    let post = load.posts[0].clone();
    assert!(is_content(&load, |_| {}).await);
    let told = |standing| {
        let post = post.clone();
        move |deeds: &mut Deeds| deeds.likes = [(post, standing)].into()
    };
    assert!(!is_content(&load, told(Standing::Is)).await, "a lost like");
    assert!(is_content(&load, told(Standing::IsNot)).await && is_content(&load, told(Standing::Either)).await);
    load.people[1].post_empty(&format!("/v1/posts/{post}/likes")).await.expect("likes");
    assert!(!is_content(&load, told(Standing::IsNot)).await, "a like that was taken back");
    assert!(is_content(&load, told(Standing::Is)).await && is_content(&load, told(Standing::Either)).await);

    let follows = |standing| move |deeds: &mut Deeds| deeds.follows = [(0, standing)].into();
    assert!(!is_content(&load, follows(Standing::Is)).await, "a lost follow");
    load.people[1].follow(&load.people[0]).await;
    assert!(!is_content(&load, follows(Standing::IsNot)).await, "a follow that was taken back");

    let says = |text: &str| {
        let comment = (text.to_owned(), (post.clone(), Standing::Is));
        move |deeds: &mut Deeds| deeds.comments = [comment].into()
    };
    assert!(!is_content(&load, says("lost")).await, "a lost comment");
    let path = format!("/v1/posts/{post}/comments");
    load.people[1].post(&path, serde_json::json!({ "text": "said" })).await.expect("comments");
    assert!(is_content(&load, says("said")).await);
    assert!(!is_content(&load, |_| {}).await, "a comment that nobody made");
    load.people[1].post(&path, serde_json::json!({ "text": "said" })).await.expect("comments");
    assert!(!is_content(&load, says("said")).await, "a comment twice");
}
