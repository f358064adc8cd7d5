//! A Redis master with a replica, watched over by sentinels.

use crate::{Port, Process, Redis, await_start, becomes_true, folder_for, program, write};
use std::{process::Command, time::Duration};
use tempfile::TempDir;

const SENTINELS: usize = 3;
/// What the sentinels call the master.
const MASTER_NAME: &str = "main";

/// A master, its replica, and three sentinels that fail over within about two seconds.
#[derive(Debug)]
pub struct RedisSentinel {
    servers: [Redis; 2],
    sentinels: Vec<(Process, Port, TempDir)>,
}

impl RedisSentinel {
    /// Starts all of them; further arguments go to the master and the replica.
    ///
    /// # Panics
    /// When they do not find each other within 30 s.
    pub fn start(arguments: &[&str]) -> Self {
        let fast = ["--repl-diskless-sync-delay", "0"];
        let master = Redis::start(&[&fast[..], arguments].concat());
        let port = master.port().to_string();
        let replica = Redis::start(&[&fast[..], &["--replicaof", "127.0.0.1", &port], arguments].concat());
        let synced = becomes_true(Duration::from_secs(30), || {
            replica.command(&["INFO", "replication"]).contains("master_link_status:up")
        });
        assert!(synced, "no replication: {}", replica.command(&["INFO", "replication"]));
        let sentinels = (0..SENTINELS).map(|_| sentinel(&port)).collect();
        let this = Self { servers: [master, replica], sentinels };
        let found = becomes_true(Duration::from_secs(30), || this.ports().all(is_complete));
        assert!(found, "the sentinels do not find each other");
        this
    }

    /// The URL, naming every sentinel.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.ports().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis+sentinel://{}/{MASTER_NAME}", hosts.join(","))
    }

    /// The port of the master, as the sentinels tell it now.
    pub fn master_port(&self) -> u16 {
        let port = self.ports().next().expect("a sentinel");
        let address = ask(port, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME]);
        address.lines().nth(1).and_then(|port| port.parse().ok()).expect("an address of two lines")
    }

    /// The server that is the master now.
    pub fn master(&mut self) -> &mut Redis {
        let port = self.master_port();
        self.servers.iter_mut().find(|server| server.port() == port).expect("one of the two")
    }

    fn ports(&self) -> impl Iterator<Item = u16> {
        self.sentinels.iter().map(|(_, port, _)| port.number())
    }
}

fn sentinel(master_port: &str) -> (Process, Port, TempDir) {
    let (folder, port) = (folder_for("sentinel"), Port::free());
    let file = folder.path().join("sentinel.conf");
    let settings = format!(
        "bind 127.0.0.1\nport {}\nprotected-mode no\ndir {}\n\
         sentinel monitor {MASTER_NAME} 127.0.0.1 {master_port} 2\n\
         sentinel down-after-milliseconds {MASTER_NAME} 1000\n\
         sentinel failover-timeout {MASTER_NAME} 5000\n",
        port.number(),
        folder.path().display(),
    );
    write(&file, &settings);
    let mut command = Command::new(program("redis-server", "redis-server"));
    command.arg(&file).arg("--sentinel").current_dir(folder.path());
    let mut process = Process::start("sentinel", &command, &folder.path().join("log"));
    await_start(&mut process, || ask(port.number(), &["PING"]) == "PONG");
    (process, port, folder)
}

/// Whether a sentinel knows the replica and the other sentinels.
fn is_complete(port: u16) -> bool {
    let master = ask(port, &["SENTINEL", "MASTER", MASTER_NAME]);
    let words: Vec<&str> = master.lines().collect();
    let says = |name: &str, value: usize| words.windows(2).any(|pair| pair == [name, &value.to_string()[..]]);
    says("num-slaves", 1) && says("num-other-sentinels", SENTINELS - 1)
}

fn ask(port: u16, words: &[&str]) -> String {
    let mut command = Command::new(program("redis-cli", "redis-tools"));
    let output = command.args(["-p", &port.to_string()]).args(words).output().expect("redis-cli runs");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}
