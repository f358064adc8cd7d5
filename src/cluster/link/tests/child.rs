//! The other process: a node that does what its standard input says and tells what happens on its standard output.

use super::{
    harness::name,
    service::{ECHO, Service, request},
};
use crate::{
    Deadline,
    link::{ClusterSecret, Link, LinkListener, LinkSettings, Peer},
    transport::Transport,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// No test: what the tests start this binary for. Run by hand it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peer_process() {
    let Ok(node) = std::env::var("TESSERA_LINK_CHILD") else { return };
    let setting = |key: &str| std::env::var(format!("TESSERA_LINK_{key}")).unwrap();
    let mut settings = LinkSettings::new(
        "127.0.0.1:0".parse().unwrap(),
        setting("CERTIFICATE").into(),
        setting("KEY").into(),
        setting("AUTHORITY").into(),
        ClusterSecret::new(setting("SECRET")).unwrap(),
    );
    settings.wire_newest = setting("WIRE").parse().unwrap();
    let listener = LinkListener::bind(&settings).await.unwrap();
    let mut link = start(&listener, &node).await;
    println!("@listening {}", listener.address());
    let mut lines = commands();
    while let Some(line) = lines.recv().await {
        let (command, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match command {
            "peers" => {
                let peer = |pair: &str| {
                    let (peer, address) = pair.split_once('=').unwrap();
                    Peer { name: name(peer), address: address.parse().unwrap() }
                };
                link.set_peers(rest.split(',').filter(|pair| !pair.is_empty()).map(peer).collect());
                println!("@done ");
            }
            "view" => println!("@view {:?}", link.peers()),
            "echo" => {
                let (peer, text) = rest.split_once(' ').unwrap();
                let deadline = Deadline::after(Duration::from_secs(5));
                let answer = link.request(&name(peer), request(ECHO, text.to_owned()), deadline).await;
                println!("@echo {answer:?}");
            }
            "stop" => {
                link.stop().await;
                println!("@done ");
            }
            "start" => {
                link = start(&listener, rest).await;
                println!("@done ");
            }
            _ => break,
        }
    }
    link.stop().await;
}

/// The lines of the standard input.
fn commands() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        let lines = std::io::stdin().lines().map_while(Result::ok);
        lines.map_while(|line| sender.blocking_send(line).ok()).for_each(drop);
    });
    receiver
}

async fn start(listener: &LinkListener, node: &str) -> Link {
    let link = Link::start(listener, name(node), Arc::new(Service::default())).await.unwrap();
    let mut events = link.events();
    tokio::spawn(async move {
        while let Ok(event) = events.recv().await {
            println!("@event {} {:?}", event.name, event.change);
        }
    });
    link
}
