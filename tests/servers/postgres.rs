//! A Postgres server.

use crate::{Port, Process, as_user, await_start, folder_for, write};
use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

/// Small, but as durable as in production: `fsync` stays on.
const SETTINGS: &str = "
max_connections = 200
shared_buffers = 64MB
max_wal_size = 512MB
max_wal_senders = 0
wal_level = minimal
unix_socket_directories = ''
dynamic_shared_memory_type = mmap
log_min_messages = warning
log_line_prefix = '%m [%p] '
";

/// A Postgres of the newest version installed, with the superuser `tessera`, who needs no password.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    folder: TempDir,
    address: IpAddr,
    port: Port,
}

impl Postgres {
    /// Starts one on the loopback address, with an empty database `postgres`.
    pub fn start() -> Self {
        Self::start_on(Ipv4Addr::LOCALHOST.into())
    }

    /// Starts one that listens on an address of this machine.
    pub fn start_on(address: IpAddr) -> Self {
        let folder = folder_for("postgres");
        give_to_postgres(folder.path());
        let data = folder.path().join("data");
        run(&mut as_postgres(Command::new("cp").arg("-a").arg(template()).arg(&data)));
        let port = Port::free();
        let process = launch(folder.path(), address, &port);
        let mut server = Self { process, folder, address, port };
        server.await_answers();
        server
    }

    /// The URL of the database `postgres`.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The URL of a database.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://tessera@{}:{}/{database}", self.address, self.port.number())
    }

    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Makes an empty database; gives its URL.
    pub fn create_database(&self, name: &str) -> String {
        self.sql("postgres", &format!("CREATE DATABASE \"{name}\""));
        self.url_of(name)
    }

    /// Runs SQL in a database; gives the rows, columns separated by `|`.
    ///
    /// # Panics
    /// When it fails.
    pub fn sql(&self, database: &str, text: &str) -> String {
        run(Command::new(binary("psql")).args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text, &self.url_of(database)]))
    }

    /// Stops it as an operator does ("fast": connections are cut, everything is written).
    pub fn stop(&mut self) {
        self.process.end_with("INT", Duration::from_secs(30));
    }

    /// SIGKILL of all its processes: what a crash of the machine leaves, but for the kernel's buffers.
    pub fn kill(&mut self) {
        // The server would start a killed backend's siblings again, so it goes first.
        let server = self.process.pid().to_string();
        self.process.signal("STOP");
        let _ = Command::new("pkill").args(["-KILL", "-P", &server]).status();
        self.process.kill();
    }

    /// Sends it a signal, such as `STOP` and `CONT` for a pause. Only the server process gets it, not its backends.
    pub fn signal(&mut self, name: &str) {
        self.process.signal(name);
    }

    /// Starts it again on the same address and data.
    pub fn start_again(&mut self) {
        self.process.kill();
        self.process = launch(self.folder.path(), self.address, &self.port);
        self.await_answers();
    }

    /// Everything the server has logged.
    pub fn log(&self) -> String {
        self.process.log()
    }

    fn await_answers(&mut self) {
        let (address, port) = (self.address.to_string(), self.port.number().to_string());
        await_start(&mut self.process, || {
            let mut asks = Command::new(binary("pg_isready"));
            asks.args(["-q", "-h", &address, "-p", &port]).status().is_ok_and(|status| status.success())
        });
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // An immediate shutdown gives its shared memory back, which a kill leaves behind.
        self.process.end_with("QUIT", Duration::from_secs(5));
    }
}

fn launch(folder: &Path, address: IpAddr, port: &Port) -> Process {
    let mut command = Command::new(binary("postgres"));
    command.arg("-D").arg(folder.join("data")).args(["-h", &address.to_string(), "-p", &port.number().to_string()]);
    Process::start("postgres", &as_postgres(&command), &folder.join("log"))
}

/// The data folder of an empty server, made once per machine and copied for every start.
fn template() -> PathBuf {
    let bin = binary("initdb");
    let version = bin.iter().rev().nth(2).expect("…/<version>/bin/initdb").to_string_lossy().into_owned();
    let user = run(&mut as_postgres(Command::new("id").arg("-un")));
    let template = std::env::temp_dir().join(format!("tessera-postgres-{version}-{}", user.trim()));
    if template.exists() {
        return template;
    }
    let folder = folder_for("initdb");
    give_to_postgres(folder.path());
    let made = folder.path().join("data");
    let mut initdb = Command::new(bin);
    initdb.args(["-U", "tessera", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--wal-segsize=16"]);
    run(&mut as_postgres(initdb.arg("-D").arg(&made)));
    let configuration = made.join("postgresql.conf");
    let defaults = std::fs::read_to_string(&configuration).expect("initdb wrote it");
    write(&configuration, &format!("{defaults}{SETTINGS}"));
    // Tests run nodes in network namespaces, from addresses of their own.
    write(&made.join("pg_hba.conf"), "host all all all trust\n");
    // Somebody else may have been quicker.
    if std::fs::rename(&made, &template).is_err() {
        assert!(template.exists(), "the template can be moved to {}", template.display());
    }
    template
}

/// A program of the newest Postgres that Debian installed.
fn binary(name: &str) -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = installed.map(|entry| entry.path()).filter(|path| path.join("bin").join(name).exists());
    match newest.max_by_key(version) {
        Some(path) => path.join("bin").join(name),
        None => panic!("{name} is missing: install the Debian package postgresql (scripts/prepare --tests)"),
    }
}

/// Postgres refuses to run as root.
fn as_postgres(command: &Command) -> Command {
    as_user("postgres", command)
}

fn give_to_postgres(folder: &Path) {
    let user: Option<u32> = run(&mut as_postgres(Command::new("id").arg("-u"))).trim().parse().ok();
    std::os::unix::fs::chown(folder, user, None).expect("the folder changes hands");
}

/// Runs a command to its end; gives its standard output.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
