//! The S3 server of the product, as a process of its own.

use crate::{Port, Process, accepts, await_start, folder_for};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// `tessera s3` with a folder of its own.
#[derive(Debug)]
pub struct S3 {
    process: Process,
    folder: TempDir,
    binary: PathBuf,
    address: IpAddr,
    port: Port,
}

impl S3 {
    pub const ACCESS_KEY: &str = "tessera-tests";
    pub const SECRET_KEY: &str = "tessera-tests-secret";

    /// Starts `binary s3` on the loopback address.
    pub fn start(binary: &Path) -> Self {
        Self::start_on(Ipv4Addr::LOCALHOST.into(), binary)
    }

    /// Starts `binary s3` on an address of this machine.
    pub fn start_on(address: IpAddr, binary: &Path) -> Self {
        let (folder, port) = (folder_for("s3"), Port::free());
        let process = launch(folder.path(), binary, SocketAddr::new(address, port.number()));
        let mut server = Self { process, folder, binary: binary.to_owned(), address, port };
        server.await_answers();
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}:{}", self.address, self.port.number())
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

    /// Starts it again on the same address and objects.
    pub fn start_again(&mut self) {
        self.process.kill();
        let address = SocketAddr::new(self.address, self.port.number());
        self.process = launch(self.folder.path(), &self.binary, address);
        self.await_answers();
    }

    fn await_answers(&mut self) {
        let address = SocketAddr::new(self.address, self.port.number());
        await_start(&mut self.process, || accepts(address));
    }
}

fn launch(folder: &Path, binary: &Path, address: SocketAddr) -> Process {
    let mut command = Command::new(binary);
    command.args(["s3", "--listen", &address.to_string(), "--folder"]).arg(folder.join("objects"));
    command.env("TESSERA__OBJECTS__ACCESS_KEY", S3::ACCESS_KEY);
    command.env("TESSERA__OBJECTS__SECRET_KEY", S3::SECRET_KEY);
    Process::start("s3", command.current_dir(folder), &folder.join("log"))
}
