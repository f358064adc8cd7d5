//! `tessera s3`: our S3 server as a process of its own, for development clusters and tests.

use crate::Failure;
use clap::Args;
use std::{io::Write, net::SocketAddr, path::PathBuf};
use tessera_stores::local_s3::{LocalCredentials, LocalS3, LocalS3Options};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

const ACCESS_KEY: &str = "TESSERA__OBJECTS__ACCESS_KEY";
const SECRET_KEY: &str = "TESSERA__OBJECTS__SECRET_KEY";
/// Amazon's bound of one PUT: what nodes accept is bounded by their own settings.
const MAX_OBJECT_BYTES: u64 = 5 << 30;

/// Arguments of `tessera s3`.
#[derive(Debug, Args)]
pub struct S3Arguments {
    /// Where to listen; port 0 picks a free port, and the ready line says which
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// Where the objects are kept; made where it is missing. One process owns a folder at a time
    #[arg(long, value_name = "FOLDER")]
    folder: PathBuf,
}

/// Serves until SIGTERM or SIGINT, then lets requests under way end.
pub async fn run(arguments: S3Arguments) -> Result<(), Failure> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    // Nobody else has set a subscriber up: this is the whole process.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    let unavailable = |error| Failure::start_up(format!("cannot watch signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(unavailable)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unavailable)?;
    let credentials =
        LocalCredentials { access_key: from_environment(ACCESS_KEY)?, secret_key: from_environment(SECRET_KEY)? };
    let mut options = LocalS3Options::new(&arguments.folder, arguments.listen, credentials);
    options.max_object_bytes = MAX_OBJECT_BYTES;
    let server = LocalS3::start(options).await;
    let server = server.map_err(|error| {
        Failure::start_up(format!(
            "cannot serve {} at {}: {error}; choose another --folder or --listen",
            arguments.folder.display(),
            arguments.listen
        ))
    })?;
    println!("ready s3={}", server.endpoint());
    let _ = std::io::stdout().flush();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tokio::select! {
        () = server.shutdown() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn from_environment(name: &str) -> Result<String, Failure> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(value),
        _ => Err(Failure::start_up(format!("{name} is not set: it is the key that clients must present"))),
    }
}
