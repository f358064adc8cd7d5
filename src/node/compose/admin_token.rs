//! The operators' token of a node that was not given one.

use crate::{Failure, config::Config};
use rand::{Rng, distr::Alphanumeric};
use std::{io::Write, os::unix::fs::OpenOptionsExt, path::Path};

/// Where a generated operators' token is kept.
const ADMIN_TOKEN_FILE: &str = "admin-token";

/// The operators' token: the configured one, or one that is made once and kept in the data folder.
pub fn admin_token(config: &Config) -> Result<String, Failure> {
    if let Some(token) = &config.admin.token {
        return Ok(token.expose().to_owned());
    }
    super::make_folder(&config.data_dir)?;
    let path = config.data_dir.join(ADMIN_TOKEN_FILE);
    let failed = |error: std::io::Error| Failure::start_up(format!("{}: {error}", path.display()));
    match std::fs::read_to_string(&path) {
        Ok(token) if !token.trim().is_empty() => return Ok(token.trim().to_owned()),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let token: String = rand::rng().sample_iter(Alphanumeric).take(40).map(char::from).collect();
    // Written aside and renamed, so that a kill in between leaves no empty token, which would admit nobody.
    let aside = path.with_extension("new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside).map_err(failed)?;
    file.write_all(token.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&aside, &path).map_err(failed)?;
    Ok(token)
}

/// The operators' token that a node generated in its data folder.
pub fn read_admin_token(data_dir: &Path) -> Result<String, Failure> {
    let path = data_dir.join(ADMIN_TOKEN_FILE);
    let token = std::fs::read_to_string(&path).map_err(|error| {
        Failure::start_up(format!(
            "no operators' token: {}: {error}; give it in TESSERA__ADMIN__TOKEN or the node's folder in --data-dir",
            path.display()
        ))
    })?;
    Ok(token.trim().to_owned())
}
