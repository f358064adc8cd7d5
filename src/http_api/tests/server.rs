//! The server under the router, over TCP.

use super::support::Edge;
use crate::{ServeOptions, serve};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn start(options: ServeOptions) -> Server {
    let edge = Edge::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let address = listener.local_addr().expect("address");
    let (stop, stopped) = oneshot::channel::<()>();
    let router = edge.public.clone();
    let task = tokio::spawn(async move {
        serve(listener, router, options, async { drop(stopped.await) }).await;
        drop(edge);
    });
    Server { address, stop, task }
}

async fn exchange(address: SocketAddr, sent: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connection");
    // The server may answer and close before it has taken everything.
    let _ = stream.write_all(sent).await;
    let mut received = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut received)).await;
    let received = String::from_utf8_lossy(&received).into_owned();
    assert!(read.is_ok(), "the connection stays open after {received:?}");
    received
}

#[tokio::test]
async fn plain_requests_are_answered_and_large_heads_are_not() {
    let server = start(ServeOptions::default()).await;
    let get = b"GET /v1/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let reply = exchange(server.address, get).await;
    assert!(reply.starts_with("HTTP/1.1 401") && reply.contains("\"unauthenticated\""), "{reply}");
    let large = format!("GET / HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n", "a".repeat(400_000));
    assert!(exchange(server.address, large.as_bytes()).await.starts_with("HTTP/1.1 431"));
    // HTTP/2 with prior knowledge: the server answers the preface with its settings frame.
    let mut stream = TcpStream::connect(server.address).await.expect("connection");
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00").await.expect("sent");
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).await.expect("frame");
    assert_eq!(frame[3], 4);
    drop(stream);
    server.stop.send(()).expect("running");
    server.task.await.expect("stopped");
}

#[tokio::test]
async fn silent_and_slow_connections_are_closed() {
    let server =
        start(ServeOptions { header_read_timeout: Duration::from_millis(200), ..ServeOptions::default() }).await;
    for sent in [&b""[..], b"P", b"GET / HTTP/1.1\r\nhost"] {
        let reply = exchange(server.address, sent).await;
        assert!(!reply.contains("200 OK"), "{reply}");
    }
    server.stop.send(()).expect("running");
    server.task.await.expect("stopped");
}

/// An HTTP/2 connection whose client sends nothing but what it must.
async fn idle_http2(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("connection");
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00").await.expect("sent");
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.expect("the settings");
    stream.read_exact(&mut vec![0; usize::from(head[2])]).await.expect("all of them");
    stream
}

/// Answers pings, which keep a connection alive, for as long as the server lets it.
async fn answer_pings(mut stream: TcpStream) {
    const PING: u8 = 6;
    const ACKNOWLEDGED: u8 = 1;
    let mut head = [0; 9];
    while stream.read_exact(&mut head).await.is_ok() {
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        if stream.read_exact(&mut payload).await.is_err() {
            return;
        }
        if (head[3], head[4]) == (PING, 0) {
            head[4] = ACKNOWLEDGED;
            let _ = stream.write_all(&[&head[..], &payload].concat()).await;
        }
    }
}

/// An HTTP/1 connection that has had its reply.
async fn idle_http1(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("connection");
    stream.write_all(b"GET /v1/me HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let mut first = [0; 2_048];
    assert!(stream.read(&mut first).await.expect("reply") > 0);
    stream
}

#[tokio::test]
async fn idle_connections_make_room_for_those_that_ask() {
    let server = start(ServeOptions { max_connections: 3, ..ServeOptions::default() }).await;
    let silent = TcpStream::connect(server.address).await.expect("connection");
    let mut held = vec![silent, idle_http2(server.address).await, idle_http1(server.address).await];
    // Each of those makes room for one of these, far earlier than any time-out of idle connections would.
    for _ in 0..3 {
        let answered = tokio::time::timeout(Duration::from_secs(10), idle_http1(server.address)).await;
        held.push(answered.expect("a connection that asks gets a place"));
    }
    drop(held);
    server.stop.send(()).expect("running");
    server.task.await.expect("stopped");
}

#[tokio::test]
async fn idle_connections_end_by_themselves() {
    let server =
        start(ServeOptions { header_read_timeout: Duration::from_millis(200), ..ServeOptions::default() }).await;
    let mut rest = Vec::new();
    let (mut http1, http2) = (idle_http1(server.address).await, idle_http2(server.address).await);
    let ends = async { tokio::join!(http1.read_to_end(&mut rest), answer_pings(http2)) };
    assert!(tokio::time::timeout(Duration::from_secs(10), ends).await.is_ok(), "a connection stays open");
    server.stop.send(()).expect("running");
    server.task.await.expect("stopped");
}

#[tokio::test]
async fn stopping_does_not_wait_for_idle_connections() {
    let server = start(ServeOptions::default()).await;
    let mut idle = TcpStream::connect(server.address).await.expect("connection");
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let mut first = [0; 64];
    assert!(idle.read(&mut first).await.expect("reply") > 0);
    let silent = TcpStream::connect(server.address).await.expect("connection");
    server.stop.send(()).expect("running");
    tokio::time::timeout(Duration::from_secs(5), server.task).await.expect("stops soon").expect("stopped");
    assert!(TcpStream::connect(server.address).await.is_err());
    drop((idle, silent));
}

#[tokio::test]
async fn a_client_that_reads_nothing_loses_its_connection() {
    let options = ServeOptions {
        write_stall_timeout: Duration::from_millis(300),
        drain_timeout: Duration::from_secs(60),
        ..ServeOptions::default()
    };
    let server = start(options).await;
    let mut greedy = TcpStream::connect(server.address).await.expect("connection");
    // Far more replies than the sockets' buffers hold, none of them read.
    let ask = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(2_000);
    let _ = tokio::time::timeout(Duration::from_secs(2), greedy.write_all(&ask)).await;
    server.stop.send(()).expect("running");
    tokio::time::timeout(Duration::from_secs(10), server.task).await.expect("cut off").expect("stopped");
}
