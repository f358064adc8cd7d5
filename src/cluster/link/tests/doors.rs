//! Who does not get in.

use super::{
    harness::{Authority, Here, There, is_up},
    service::{ECHO, Service},
};
use crate::link::{
    ClusterSecret, DialError, Link, LinkError, LinkListener, LinkSettings, PeerState, Refusal, tls::Tls,
    tls::server_name,
};
use crate::transport::RemoteError;
use bytes::Bytes;
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::pem::PemObject};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_another_secret_gets_nowhere() {
    let authority = Authority::new();
    for node in ["a#1", "z#1"] {
        let here = Here::start(node, &authority.settings()).await;
        let mut there = There::start_with("n#1", &authority.settings(), "another secret altogether").await;
        there.list(here.link.name(), here.listener.address()).await;
        here.list(&[&there]);
        if node == "a#1" {
            let view = here.until(&there.name, |view| view.failure.is_some()).await;
            assert_eq!(view.failure, Some(DialError::Refused(Refusal::WrongSecret)));
        } else {
            there.until("Refused(WrongSecret)").await;
        }
        assert_eq!(here.ask(&there.name, ECHO, "").await, Err(RemoteError::Unlinked));
        assert!(!is_up(&here.view(&there.name)));
        here.stop().await;
    }
}

/// Dials and is dialled, with certificates that differ between the sides.
async fn check_certificates(ours: &LinkSettings, theirs: &LinkSettings) {
    for node in ["a#1", "z#1"] {
        let here = Here::start(node, ours).await;
        let mut there = There::start("n#1", theirs).await;
        there.list(here.link.name(), here.listener.address()).await;
        here.list(&[&there]);
        if node == "a#1" {
            let view = here.until(&there.name, |view| view.failure.is_some()).await;
            assert!(matches!(view.failure, Some(DialError::Tls { .. } | DialError::Closed { .. })), "{view:?}");
        } else {
            let view = there.until("failure: Some").await;
            assert!(view.contains("Some(Tls") || view.contains("Some(Closed"), "{view}");
        }
        assert_ne!(here.view(&there.name).state, PeerState::Up);
        here.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_another_authority_is_refused() {
    check_certificates(&Authority::new().settings(), &Authority::new().settings()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_for_something_else_is_refused() {
    let authority = Authority::new();
    authority.issue("web", "www.example.org");
    let wrong =
        LinkSettings { certificate: authority.path("web.pem"), key: authority.path("web.key"), ..authority.settings() };
    // It is refused at start already, on the node that has it.
    let refused = LinkListener::bind(&wrong).await.err().unwrap();
    assert!(matches!(refused, LinkError::Certificate { .. }), "{refused}");
    // And by the others, if a program that does not check itself shows it.
    let here = Here::start("m#1", &authority.settings()).await;
    let stream = TcpStream::connect(here.listener.address()).await.unwrap();
    let connector = Tls::unchecked(&wrong).unwrap().connector;
    let mut stream = connector.connect(server_name(), stream).await.unwrap();
    assert_closed(&mut stream).await;
    here.stop().await;
}

/// The other side closes without a word, or with an alert.
async fn assert_closed<S: tokio::io::AsyncRead + Unpin>(stream: &mut S) {
    let mut heard = Vec::new();
    let read = stream.read_to_end(&mut heard);
    let _ = tokio::time::timeout(Duration::from_secs(8), read).await.expect("it is closed in time");
    assert!(heard.len() < 64, "nothing but an alert: {heard:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_certificate_plain_text_and_garbage_are_closed() {
    let authority = Authority::new();
    let mut here = Here::start("m#1", &authority.settings()).await;
    for garbage in [&b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..], &[0xff; 5_000], &[0x16, 3, 1, 0xff, 0xff, 1]] {
        let mut stream = TcpStream::connect(here.listener.address()).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        assert_closed(&mut stream).await;
    }
    // TLS without a certificate.
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.path("ca.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(here.listener.address()).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    if let Ok(mut stream) = connector.connect(server_name(), stream).await {
        let _ = stream.write_all(b"TSL1").await;
        assert_closed(&mut stream).await;
    }
    // A certificate, and then no hello of ours.
    let stream = TcpStream::connect(here.listener.address()).await.unwrap();
    let connector = Tls::load(&authority.settings()).unwrap().connector;
    let mut stream = connector.connect(server_name(), stream).await.unwrap();
    stream.write_all(&[0; 2_000]).await.unwrap();
    assert_closed(&mut stream).await;
    let mut there = There::start("n#1", &authority.settings()).await;
    here.join(&mut there).await;
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_says_nothing_takes_no_place_from_others_and_is_closed() {
    let authority = Authority::new();
    let mut here = Here::start("z#1", &authority.settings()).await;
    let began = Instant::now();
    let mut idle = Vec::new();
    for _ in 0..100 {
        let socket = TcpSocket::new_v4().unwrap();
        // Another address of the loopback than the node that comes next.
        socket.bind(SocketAddr::from(([127, 0, 0, 2], 0))).unwrap();
        idle.push(socket.connect(here.listener.address()).await.unwrap());
    }
    let mut there = There::start("n#1", &authority.settings()).await;
    here.join(&mut there).await;
    assert!(began.elapsed() < Duration::from_secs(4), "not held up: {:?}", began.elapsed());
    for stream in &mut idle {
        assert_closed(stream).await;
    }
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(here.ask(&there.name, ECHO, "fine").await, Ok(Bytes::from("fine")));
    here.stop().await;
}

#[tokio::test]
async fn mistakes_in_the_files_are_said_at_start() {
    let authority = Authority::new();
    let check = async |change: &dyn Fn(&mut LinkSettings), says: &str| {
        let mut settings = authority.settings();
        change(&mut settings);
        let error = LinkListener::bind(&settings).await.err().expect("refused").to_string();
        assert!(error.contains(says), "{error}");
    };
    std::fs::write(authority.path("empty.pem"), "").unwrap();
    authority.issue("other", super::super::CERTIFICATE_NAME);
    check(&|s| s.certificate = "/nowhere/node.pem".into(), "cannot read the certificate in /nowhere/node.pem").await;
    check(&|s| s.certificate = authority.path("empty.pem"), "it holds no PEM certificate").await;
    check(&|s| s.key = authority.path("empty.pem"), "cannot read the key in").await;
    check(&|s| s.key = authority.path("other.key"), "the node's certificate cannot be used").await;
    check(&|s| s.authority = authority.path("empty.pem"), "cannot read the authority in").await;
    check(&|s| s.listen = "192.0.2.1:1".parse().unwrap(), "cannot listen for other nodes on 192.0.2.1:1").await;
    check(&|s| s.wire_newest = 3, "speaks the wire versions 1 to 2, not 3").await;
    assert!(matches!(ClusterSecret::new("short"), Err(LinkError::ShortSecret { bytes: 5 })));
    assert!(!format!("{:?}", authority.settings()).contains(super::harness::SECRET));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_carries_one_link_at_a_time() {
    let authority = Authority::new();
    let here = Here::start("m#1", &authority.settings()).await;
    let second = Link::start(&here.listener, super::harness::name("m#2"), Arc::new(Service::default())).await;
    assert!(matches!(second, Err(LinkError::Running { .. })));
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_at_an_address_is_who_was_meant() {
    let authority = Authority::new();
    let here = Here::start("a#1", &authority.settings()).await;
    let mut there = There::start("b#2", &authority.settings()).await;
    there.name = super::harness::name("b#1");
    here.list(&[&there]);
    let view = here.until(&there.name, |view| view.failure.is_some()).await;
    assert_eq!(view.failure, Some(DialError::Refused(Refusal::WrongNode { name: "b#2".into() })));
    here.stop().await;
}
