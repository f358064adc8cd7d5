//! A Varnish with the configuration that the product ships.

use crate::{Port, Process, accepts, await_start, folder_for, program, write};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// What `deploy/varnish.vcl` says of its origin, for one to be put in its place.
const SHIPPED_ORIGIN: &str = ".port = \"8080\";";

/// A Varnish in front of a server on the loopback address.
#[derive(Debug)]
pub struct Varnish {
    process: Process,
    folder: TempDir,
    port: Port,
}

impl Varnish {
    /// Starts one before the server at `origin_port`, with `deploy/varnish.vcl`.
    pub fn start(origin_port: u16) -> Self {
        Self::start_at(Port::free(), origin_port)
    }

    /// Starts one that listens at a port that was told to others before.
    pub fn start_at(port: Port, origin_port: u16) -> Self {
        Self::configured(port, origin_port, &[])
    }

    /// The same with texts of the configuration replaced by others.
    ///
    /// # Panics
    /// When a text to be replaced is not there.
    pub fn start_with(origin_port: u16, changes: &[(&str, &str)]) -> Self {
        Self::configured(Port::free(), origin_port, changes)
    }

    fn configured(port: Port, origin_port: u16, changes: &[(&str, &str)]) -> Self {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/varnish.vcl");
        let shipped = std::fs::read_to_string(&shipped).expect("deploy/varnish.vcl");
        let origin = format!(".port = \"{origin_port}\";");
        let own = [(SHIPPED_ORIGIN, &origin[..])].iter().chain(changes).fold(shipped, |text, (from, to)| {
            assert!(text.contains(from), "deploy/varnish.vcl does not say {from:?}");
            text.replace(from, to)
        });
        let folder = folder_for("varnish");
        write(&folder.path().join("varnish.vcl"), &own);
        let process = launch(folder.path(), &port);
        let mut server = Self { process, folder, port };
        server.await_answers();
        server
    }

    /// Where it listens, on the loopback address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number())
    }

    /// SIGSTOP: it answers nothing and forgets nothing.
    pub fn pause(&mut self) {
        self.signal("STOP");
    }

    /// SIGCONT: goes on after a pause.
    pub fn go_on(&mut self) {
        self.signal("CONT");
    }

    /// To the process that answers, a child of the one that was started.
    fn signal(&mut self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).args(self.workers()).status();
        assert!(sent.expect("kill runs").success(), "there is nobody to signal");
    }

    fn workers(&self) -> Vec<String> {
        let manager = self.process.pid();
        let children = std::fs::read_to_string(format!("/proc/{manager}/task/{manager}/children"));
        children.expect("Varnish runs").split_whitespace().map(str::to_owned).collect()
    }

    /// SIGKILL, its memory included. The process that answers would notice only a moment after the one that was
    /// started.
    pub fn kill(&mut self) {
        let workers = self.workers();
        self.process.kill();
        // Some may have noticed by now.
        let _ = Command::new("kill").arg("-KILL").args(workers).stderr(Stdio::null()).status();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.number()));
        while std::net::TcpStream::connect(address).is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Starts it again on the same address, with nothing in it.
    pub fn start_again(&mut self) {
        self.process.kill();
        self.process = launch(self.folder.path(), &self.port);
        self.await_answers();
    }

    fn await_answers(&mut self) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.number()));
        await_start(&mut self.process, || accepts(address));
    }
}

fn launch(folder: &Path, port: &Port) -> Process {
    let mut command = Command::new(program("varnishd", "varnish"));
    command
        .arg("-F")
        .arg("-j")
        .arg("none")
        .arg("-n")
        .arg(folder.join("work"))
        .arg("-f")
        .arg(folder.join("varnish.vcl"));
    command.args(["-a", &format!("127.0.0.1:{}", port.number()), "-T", "none", "-s", "malloc,32m"]);
    // Two pools of few threads are enough for a test.
    command.args(["-p", "thread_pools=1", "-p", "thread_pool_min=10"]);
    Process::start("varnish", command.current_dir(folder), &folder.join("log"))
}
