//! The composition root: the only place that knows what a node is made of.

use crate::{
    Failure,
    config::{Config, LedgerUrl},
    local_objects,
};
use bytes::Bytes;
use rand::{Rng, distr::Alphanumeric};
use std::{io::Write, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc};
use tessera_actors::tree::{ActorSystem, ActorSystemArgs};
use tessera_app::{App, AppParts, AppSettings, IdSource, hydrate::NodeCaches};
use tessera_cluster::{Deadline, NodeName};
use tessera_http_api::{EdgeSettings, RateSettings};
use tessera_ports::{Ledger, ObjectStore, StoreError};
use tessera_stores::{
    local_s3::LocalS3,
    memory::MemoryHotStore,
    s3::{S3ObjectStore, S3Options},
    sqlite::{SqliteLedger, SqliteOptions},
};

/// Where a generated operators' token is kept.
const ADMIN_TOKEN_FILE: &str = "admin-token";

/// Everything of a node but its listeners.
pub struct Node {
    /// The use cases.
    pub app: Arc<App>,
    /// The actors.
    pub actors: Arc<ActorSystem>,
    /// The truth, to be closed last.
    pub ledger: Arc<dyn Ledger>,
    local_s3: Option<LocalS3>,
    /// Where presigned uploads go.
    pub upload_origin: String,
}

impl Node {
    /// Opens the stores and starts the actors.
    pub async fn start(config: &Config) -> Result<Self, Failure> {
        let ledger: Arc<dyn Ledger> = open_ledger(config).await?;
        let hot = Arc::new(MemoryHotStore::new(config.hot_memory_bytes));
        let (objects, local_s3, upload_origin) = open_objects(config).await?;
        let floor = ledger.id_floor().await.map_err(|error| store_failure(&error))?;
        let ids = Arc::new(IdSource::new(config.node_number, floor));
        let caches = NodeCaches::new();
        let next_id = {
            let ids = ids.clone();
            Arc::new(move || ids.post().0)
        };
        let media_limits = tessera_media::Limits {
            max_pixels: config.max_pixels,
            max_bytes: config.upload_max_bytes,
            ..Default::default()
        };
        let actors = ActorSystem::start(ActorSystemArgs {
            ledger: ledger.clone(),
            hot: hot.clone(),
            objects: objects.clone(),
            next_id,
            caches: caches.clone(),
            node: NodeName(config.node_name.clone()),
            media_workers: config.media_workers,
            media_limits,
            timeline_idle_after: config.timeline_idle_after,
            timeline_memory_bytes: config.timeline_memory_bytes,
        });
        let actors = actors.await.map_err(|error| Failure::start_up(format!("cannot start the actors: {error}")))?;
        let settings = AppSettings {
            celebrity_rule: config.celebrity_rule,
            upload_max_bytes: config.upload_max_bytes,
            daily_upload_quota: config.daily_upload_quota,
            max_queued_jobs: config.max_queued_jobs,
            feed_ratios: config.feed_ratios,
            ..AppSettings::default()
        };
        let actors_refs = actors.refs().clone();
        let parts = AppParts { ledger: ledger.clone(), hot, objects, ids, caches, actors: actors_refs, settings };
        let app = App::new(parts).map_err(|error| Failure::start_up(error.to_string()))?;
        Ok(Self { app, actors: Arc::new(actors), ledger, local_s3, upload_origin })
    }

    /// Saves what is in memory, stops the actors, then closes the stores.
    pub async fn stop(self, deadline: Deadline) {
        self.actors.drain(deadline).await;
        if let Some(server) = self.local_s3 {
            server.shutdown().await;
        }
        self.ledger.close().await;
    }
}

/// Opens the ledger that `config` names, bringing its schema up to date.
pub async fn open_ledger(config: &Config) -> Result<Arc<SqliteLedger>, Failure> {
    let LedgerUrl::Sqlite(path) = &config.ledger;
    make_folder(&config.data_dir)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        make_folder(folder)?;
    }
    let options = SqliteOptions { group_commit: config.group_commit, ..SqliteOptions::default() };
    SqliteLedger::open(path, options).await.map_err(|error| Failure::start_up(format!("{}: {error}", path.display())))
}

/// What the public edge needs to know, given where it listens.
pub fn edge_settings(config: &Config, public_url: String, node: &Node, demo_people: Option<Bytes>) -> EdgeSettings {
    EdgeSettings {
        upload_origin: Some(node.upload_origin.clone()).filter(|origin| *origin != public_url),
        public_url,
        trust_forwarded: config.trust_forwarded,
        rates: RateSettings { enabled: config.limits_enabled, ..RateSettings::default() },
        request_timeout: config.request_timeout,
        max_concurrent_requests: config.max_concurrent_requests,
        demo_people,
    }
}

/// The operators' token: the configured one, or one that is made once and kept in the data folder.
pub fn admin_token(config: &Config) -> Result<String, Failure> {
    if let Some(token) = &config.admin_token {
        return Ok(token.clone());
    }
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

async fn open_objects(config: &Config) -> Result<(Arc<dyn ObjectStore>, Option<LocalS3>, String), Failure> {
    let (endpoint, access_key, secret_key, server) = match &config.s3 {
        Some(s3) => (s3.url.clone(), s3.access_key.clone(), s3.secret_key.clone(), None),
        None => {
            let (server, credentials) = local_objects::start(config).await?;
            (local_objects::endpoint(&server), credentials.access_key, credentials.secret_key, Some(server))
        }
    };
    let public = config.objects_public_url.clone();
    let upload_origin = public.clone().unwrap_or_else(|| endpoint.clone());
    let mut options = S3Options::new(endpoint, &config.bucket, &config.region, access_key, secret_key);
    options.public_endpoint = public;
    let store = S3ObjectStore::new(options).map_err(|error| store_failure(&error))?;
    store.ensure_bucket().await.map_err(|error| store_failure(&error))?;
    Ok((Arc::new(store), server, upload_origin))
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path)
        .map_err(|error| Failure::start_up(format!("data_dir: cannot make {}: {error}", path.display())))
}

fn store_failure(error: &StoreError) -> Failure {
    Failure::start_up(error.to_string())
}
