//! An HAProxy load balancer.

use crate::{Process, accepts, await_start, folder_for, program, write};
use std::{net::SocketAddr, path::PathBuf, process::Command, time::Duration};
use tempfile::TempDir;

/// An HAProxy with a configuration of the caller's.
#[derive(Debug)]
pub struct HaProxy {
    process: Process,
    folder: TempDir,
    address: SocketAddr,
}

impl HaProxy {
    /// Starts one; `address` is where the configuration makes it listen.
    ///
    /// # Panics
    /// When the configuration is refused; with what HAProxy says of it.
    pub fn start(configuration: &str, address: SocketAddr) -> Self {
        let folder = folder_for("haproxy");
        let file = folder.path().join("haproxy.cfg");
        write(&file, configuration);
        check(&file);
        let mut command = Command::new(program("haproxy", "haproxy"));
        // -W: a master process that can reload its worker. -db: in the foreground.
        command.args(["-W", "-db", "-f"]).arg(&file).current_dir(folder.path());
        let process = Process::start("haproxy", &command, &folder.path().join("log"));
        let mut server = Self { process, folder, address };
        await_start(&mut server.process, || accepts(address));
        server
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes another configuration; open connections are served to their end by the old worker.
    pub fn reload(&mut self, configuration: &str) {
        let file = self.folder.path().join("haproxy.cfg");
        write(&file, configuration);
        check(&file);
        let loadings = |log: &str| log.matches("Loading success").count();
        let before = loadings(&self.process.log());
        self.process.signal("USR2");
        let process = &self.process;
        let loaded = crate::becomes_true(Duration::from_secs(30), || loadings(&process.log()) > before);
        assert!(loaded, "haproxy did not reload:\n{}", self.process.log());
    }

    /// Everything it has logged.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        self.process.end_with("TERM", Duration::from_secs(5));
    }
}

fn check(file: &PathBuf) {
    let output = Command::new(program("haproxy", "haproxy")).arg("-c").arg("-f").arg(file).output();
    let output = output.expect("haproxy runs");
    assert!(output.status.success(), "haproxy refuses it: {}", String::from_utf8_lossy(&output.stderr));
}
