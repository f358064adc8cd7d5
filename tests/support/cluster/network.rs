//! Where a cluster's parts live: all on the loopback address, or each node in a network namespace of its own behind
//! one bridge, so that it can be cut off from others.

use rand::Rng;
use std::{
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::MetadataExt,
    path::Path,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};
use tessera_test_servers::program;

/// Something that a node talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Another node, by its place.
    Node(usize),
    Postgres,
    Redis,
    S3,
    /// The load balancer, and with it the tests.
    Balancer,
}

/// The network of one cluster.
#[derive(Debug)]
pub enum Network {
    /// Everything shares 127.0.0.1, and nothing can be cut.
    Loopback,
    /// A bridge of this machine with the servers' addresses on it, and a namespace per node.
    Namespaces(Namespaces),
}

/// A bridge and the namespaces behind it. They are removed when this is dropped.
#[derive(Debug)]
pub struct Namespaces {
    bridge: String,
    names: Vec<String>,
    /// The first three parts of all addresses.
    prefix: [u8; 3],
}

impl Network {
    /// Whether this process may make namespaces: only root may. Says so where it may not.
    pub fn can_be_cut() -> bool {
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        if !is_root {
            eprintln!("skipped: only root can cut networks");
        }
        is_root
    }

    /// Namespaces for `nodes` nodes. Only root can make them.
    pub fn namespaces(nodes: usize) -> Self {
        remove_leftovers();
        static CLUSTERS: AtomicU32 = AtomicU32::new(0);
        let unique = format!("{}x{}", std::process::id(), CLUSTERS.fetch_add(1, Ordering::Relaxed));
        let prefix = [10, rand::rng().random_range(64..192), rand::rng().random()];
        let mut made = Namespaces { bridge: format!("te{unique}"), names: Vec::new(), prefix };
        ip(&["link", "add", &made.bridge, "type", "bridge"]);
        for peer in [Peer::Balancer, Peer::Postgres, Peer::Redis, Peer::S3] {
            ip(&["address", "add", &format!("{}/24", made.address(peer)), "dev", &made.bridge]);
        }
        ip(&["link", "set", &made.bridge, "up"]);
        for place in 0..nodes {
            let name = format!("tessera-{unique}-{place}");
            let outside = format!("tv{unique}-{place}");
            ip(&["netns", "add", &name]);
            made.names.push(name.clone());
            ip(&["link", "add", &outside, "type", "veth", "peer", "name", "eth0", "netns", &name]);
            ip(&["link", "set", &outside, "master", &made.bridge, "up"]);
            let address = format!("{}/24", made.address(Peer::Node(place)));
            ip(&["-n", &name, "address", "add", &address, "dev", "eth0"]);
            ip(&["-n", &name, "link", "set", "eth0", "up"]);
            ip(&["-n", &name, "link", "set", "lo", "up"]);
        }
        Self::Namespaces(made)
    }

    /// The address of a part of the cluster.
    pub fn address(&self, peer: Peer) -> IpAddr {
        match self {
            Self::Loopback => Ipv4Addr::LOCALHOST.into(),
            Self::Namespaces(namespaces) => namespaces.address(peer).into(),
        }
    }

    /// The same command, run where a node lives.
    pub fn inside(&self, place: usize, command: Command) -> Command {
        match self {
            Self::Loopback => command,
            Self::Namespaces(namespaces) => {
                let mut wrapped = Command::new(program("ip", "iproute2"));
                wrapped.args(["netns", "exec", &namespaces.names[place]]);
                wrapped.arg(command.get_program()).args(command.get_args());
                for (name, value) in command.get_envs() {
                    value.map(|value| wrapped.env(name, value));
                }
                command.get_current_dir().map(|folder| wrapped.current_dir(folder));
                wrapped
            }
        }
    }

    /// Cuts a node off from `peers`: whatever either sends is lost without a word.
    ///
    /// # Panics
    /// On the loopback address, where nothing can be cut.
    pub fn cut(&self, place: usize, peers: &[Peer]) {
        for peer in peers {
            let address = self.address(*peer).to_string();
            self.filter(place, &["-A", "INPUT", "-s", &address, "-j", "DROP"]);
            self.filter(place, &["-A", "OUTPUT", "-d", &address, "-j", "DROP"]);
        }
    }

    /// Undoes all cuts around a node.
    pub fn heal(&self, place: usize) {
        self.filter(place, &["-F"]);
    }

    fn filter(&self, place: usize, arguments: &[&str]) {
        let Self::Namespaces(namespaces) = self else { panic!("only namespaces can be cut") };
        let mut command = Command::new(program("ip", "iproute2"));
        command.args(["netns", "exec", &namespaces.names[place]]).arg(program("iptables", "iptables"));
        run(command.arg("-w").args(arguments));
    }
}

impl Namespaces {
    fn address(&self, peer: Peer) -> Ipv4Addr {
        let host = match peer {
            Peer::Balancer => 1,
            Peer::Postgres => 2,
            Peer::Redis => 3,
            Peer::S3 => 4,
            Peer::Node(place) => 10 + u8::try_from(place).expect("few nodes"),
        };
        let [a, b, c] = self.prefix;
        Ipv4Addr::new(a, b, c, host)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        // The devices inside go with their namespaces.
        for name in &self.names {
            let _ = Command::new(program("ip", "iproute2")).args(["netns", "delete", name]).status();
        }
        let _ = Command::new(program("ip", "iproute2")).args(["link", "delete", &self.bridge]).status();
    }
}

/// Removes what test processes that were killed have left: names hold the process that made them.
fn remove_leftovers() {
    let gone = |rest: &str| {
        let pid = rest.split('x').next().filter(|pid| pid.parse::<u32>().is_ok());
        pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists())
    };
    for line in ip(&["netns", "list"]).lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        if name.strip_prefix("tessera-").is_some_and(gone) {
            let _ = Command::new(program("ip", "iproute2")).args(["netns", "delete", name]).status();
        }
    }
    for line in ip(&["-brief", "link", "show", "type", "bridge"]).lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        if name.strip_prefix("te").is_some_and(gone) {
            let _ = Command::new(program("ip", "iproute2")).args(["link", "delete", name]).status();
        }
    }
}

fn ip(arguments: &[&str]) -> String {
    run(Command::new(program("ip", "iproute2")).args(arguments))
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
