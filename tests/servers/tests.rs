//! The servers start, answer, survive what is done to them and leave nothing behind.

use crate::{HaProxy, Port, Postgres, Process, Redis, becomes_true, folder_for};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::Command,
    time::Duration,
};

fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn postgres_keeps_what_was_committed_through_kills_and_stops() {
    let mut postgres = Postgres::start();
    let url = postgres.create_database("kept");
    assert!(url.ends_with("/kept"));
    postgres.sql("kept", "CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
    postgres.kill();
    postgres.start_again();
    postgres.sql("kept", "INSERT INTO t VALUES (2)");
    postgres.stop();
    postgres.start_again();
    assert_eq!(postgres.sql("kept", "SELECT n FROM t ORDER BY n"), "1\n2\n");
    assert_eq!(postgres.url_of("kept"), url, "it stays where it was");
    assert_eq!(postgres.sql("kept", "SHOW fsync"), "on\n");
}

#[test]
fn redis_forgets_pauses_and_comes_back() {
    let mut redis = Redis::start(&["--maxmemory", "64mb"]);
    assert_eq!(redis.command(&["SET", "key", "value"]), "OK");
    assert_eq!(redis.command(&["GET", "key"]), "value");
    redis.flush_all();
    assert_eq!(redis.command(&["EXISTS", "key"]), "0");
    redis.pause();
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, redis.port())).expect("the kernel accepts");
    connection.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout can be set");
    connection.write_all(b"PING\r\n").expect("sends");
    let mut reply = [0; 7];
    assert!(connection.read(&mut reply).is_err(), "nothing is answered");
    redis.go_on();
    connection.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
    connection.read_exact(&mut reply).expect("it goes on");
    assert_eq!(&reply, b"+PONG\r\n");
    let url = redis.url();
    redis.kill();
    redis.start_again();
    assert_eq!(redis.url(), url);
}

#[test]
fn haproxy_takes_another_configuration() {
    let (front, page) = (Port::free(), |text: &str, port: u16| {
        format!(
            "defaults\n mode http\n timeout client 5s\n timeout connect 1s\n timeout server 5s\n\
             frontend f\n bind 127.0.0.1:{port}\n http-request return status 200 content-type text/plain string {text}\n"
        )
    });
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, front.number()));
    let mut balancer = HaProxy::start(&page("first", front.number()), address);
    let says = |word: &str| {
        let mut connection = TcpStream::connect(address).expect("connects");
        connection.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("sends");
        let mut reply = String::new();
        connection.read_to_string(&mut reply).expect("an answer");
        reply.ends_with(word)
    };
    assert!(says("first"));
    balancer.reload(&page("second", front.number()));
    assert!(becomes_true(Duration::from_secs(10), || says("second")));
}

#[test]
fn a_port_is_held_until_it_is_dropped() {
    let ports: Vec<Port> = (0..200).map(|_| Port::free()).collect();
    let mut numbers: Vec<u16> = ports.iter().map(Port::number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 200, "nobody gets the same twice");
    TcpListener::bind((Ipv4Addr::LOCALHOST, numbers[0])).expect("it is free");
}

#[test]
fn a_dropped_process_is_gone_even_when_it_is_stopped() {
    let folder = folder_for("test");
    let mut process = Process::start("sleep", Command::new("sleep").arg("60"), &folder.path().join("log"));
    let pid = process.pid();
    process.signal("STOP");
    assert!(alive(pid));
    drop(process);
    assert!(!alive(pid));
}

/// Not a test of its own: the next one runs it in a process that it kills.
#[test]
#[ignore = "is run by the test of killed test processes"]
fn start_something_and_wait() {
    let folder = folder_for("test");
    let redis = Redis::start(&[]);
    let sleep = Process::start("sleep", Command::new("sleep").arg("60"), &folder.path().join("log"));
    println!("pids {} {}", redis.command(&["INFO", "server"]).lines().count(), sleep.pid());
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn servers_end_with_a_killed_test_process() {
    let own = std::env::current_exe().expect("the test's path");
    let folder = folder_for("test");
    let mut command = Command::new(own);
    command.args(["--ignored", "--exact", "tests::start_something_and_wait", "--nocapture"]);
    command.env("TMPDIR", folder.path());
    let mut test = Process::start("a test", &command, &folder.path().join("log"));
    let pid = || test_pid(&folder.path().join("log"));
    assert!(becomes_true(Duration::from_secs(30), || pid().is_some()), "{}", test.log());
    let child = pid().expect("it said so");
    assert!(alive(child));
    test.kill();
    assert!(becomes_true(Duration::from_secs(5), || !alive(child)), "the kernel ended it");
}

fn test_pid(log: &std::path::Path) -> Option<u32> {
    let text = std::fs::read_to_string(log).ok()?;
    let line = text.lines().find_map(|line| line.split_once("pids "))?.1;
    line.split_whitespace().nth(1)?.parse().ok()
}
