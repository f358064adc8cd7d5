//! A Redis server.

use crate::{Port, Process, await_start, folder_for, program};
use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
    process::Command,
};
use tempfile::TempDir;

/// A Redis that keeps nothing on disk unless its arguments say so.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    folder: TempDir,
    address: IpAddr,
    port: Port,
    arguments: Vec<String>,
}

impl Redis {
    /// Starts one on the loopback address, with further arguments such as `--cluster-enabled yes`.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_on(Ipv4Addr::LOCALHOST.into(), arguments)
    }

    /// Starts one that listens on an address of this machine.
    pub fn start_on(address: IpAddr, arguments: &[&str]) -> Self {
        let (folder, port) = (folder_for("redis"), Port::free());
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let process = launch(folder.path(), address, &port, &arguments);
        let mut server = Self { process, folder, address, port, arguments };
        server.await_answers();
        server
    }

    pub fn url(&self) -> String {
        format!("redis://{}:{}", self.address, self.port.number())
    }

    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The folder it runs in and keeps its files in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command, such as `["FLUSHALL"]`; gives what `redis-cli` prints.
    pub fn command(&self, words: &[&str]) -> String {
        let mut client = client(self.address, self.port.number());
        let output = client.args(words).output().expect("redis-cli runs");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    pub fn flush_all(&self) {
        assert_eq!(self.command(&["FLUSHALL"]), "OK");
    }

    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGSTOP: connections stay open and nothing is answered.
    pub fn pause(&mut self) {
        self.process.signal("STOP");
    }

    /// SIGCONT: goes on after a pause.
    pub fn go_on(&mut self) {
        self.process.signal("CONT");
    }

    /// Starts it again on the same address; empty, unless its arguments make it keep files.
    pub fn start_again(&mut self) {
        self.process.kill();
        self.process = launch(self.folder.path(), self.address, &self.port, &self.arguments);
        self.await_answers();
    }

    fn await_answers(&mut self) {
        let (address, port) = (self.address, self.port.number());
        await_start(&mut self.process, || {
            // A server that wants a password or other credentials answers too.
            let pong = client(address, port).arg("PING").output();
            pong.is_ok_and(|output| {
                let said = String::from_utf8_lossy(&output.stdout);
                said.starts_with("PONG") || said.contains("NOAUTH")
            })
        });
    }
}

fn client(address: IpAddr, port: u16) -> Command {
    let mut command = Command::new(program("redis-cli", "redis-tools"));
    command.args(["-h", &address.to_string(), "-p", &port.to_string()]);
    command
}

fn launch(folder: &Path, address: IpAddr, port: &Port, arguments: &[String]) -> Process {
    let mut command = Command::new(program("redis-server", "redis-server"));
    command.args(["--bind", &address.to_string(), "--port", &port.number().to_string(), "--protected-mode", "no"]);
    command.args(["--save", "", "--appendonly", "no"]).arg("--dir").arg(folder).args(arguments);
    Process::start("redis", command.current_dir(folder), &folder.join("log"))
}
