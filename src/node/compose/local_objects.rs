//! The S3 server inside the process, for the embedded mode.

use crate::{Failure, config::Config};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};
use tessera_stores::local_s3::{LocalCredentials, LocalS3, LocalS3Options, load_or_create_credentials};

/// Starts the server on `config.data_dir`/objects; gives it and the credentials that it accepts.
pub async fn start(config: &Config) -> Result<(LocalS3, LocalCredentials), Failure> {
    let credentials = load_or_create_credentials(&config.data_dir.join("objects-credentials"))
        .map_err(|error| Failure::start_up(format!("the object store's credentials: {error}")))?;
    let remembered = config.data_dir.join("objects-port");
    let root = config.data_dir.join("objects");
    let max_object_bytes = config.upload_max_bytes.max(config.max_video_bytes).max(64 << 20);
    let options = |listen: SocketAddr| LocalS3Options {
        max_object_bytes,
        ..LocalS3Options::new(&root, listen, credentials.clone())
    };
    // Presigned URLs hold the port, so a restart takes the same one where it can.
    let server = match remembered_port(&remembered).filter(|_| config.objects.listen.port() == 0) {
        Some(port) => match LocalS3::start(options(SocketAddr::new(config.objects.listen.ip(), port))).await {
            Ok(server) => Ok(server),
            Err(_) => LocalS3::start(options(config.objects.listen)).await,
        },
        None => LocalS3::start(options(config.objects.listen)).await,
    };
    let server = server.map_err(|error| {
        Failure::start_up(format!("objects.listen = {}: {error}; choose another port", config.objects.listen))
    })?;
    if let Err(error) = std::fs::write(&remembered, server.address().port().to_string()) {
        tracing::warn!(%error, "cannot remember the object store's port; presigned URLs will not outlive a restart");
    }
    Ok((server, credentials))
}

/// The URL of the server as this machine reaches it.
pub fn endpoint(server: &LocalS3) -> String {
    match server.address() {
        SocketAddr::V4(address) if address.ip().is_unspecified() => {
            format!("http://{}", SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())))
        }
        _ => server.endpoint(),
    }
}

fn remembered_port(path: &Path) -> Option<u16> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}
