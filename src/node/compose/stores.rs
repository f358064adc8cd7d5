//! Opens the stores: the one place that tells an embedded node from one of a cluster.

use super::{local_objects, make_folder};
use crate::{
    Failure,
    config::{Config, HotConfig, LedgerConfig},
};
use std::{path::Path, sync::Arc};
use tessera_ports::{Cdn, HotStore, Ledger, Membership, ObjectStore, StoreError};
use tessera_stores::{
    cdn::{CdnOptions, HttpPurgeCdn},
    local_s3::LocalS3,
    memory::MemoryHotStore,
    postgres::{PostgresLedger, PostgresOptions},
    redis::{RedisHotStore, RedisOptions},
    s3::{S3ObjectStore, S3Options},
    sqlite::{SqliteLedger, SqliteOptions},
};

/// The ledger, and who shares it.
pub struct OpenLedger {
    pub ledger: Arc<dyn Ledger>,
    /// The table of the nodes that share it; `None`: it is this process's own.
    pub membership: Option<Arc<dyn Membership>>,
}

/// The objects, and who serves them.
pub struct OpenObjects {
    pub store: Arc<dyn ObjectStore>,
    /// Where presigned uploads go.
    pub upload_origin: String,
    /// The S3 server inside this process, if that is where they are.
    pub server: Option<LocalS3>,
}

/// Opens the ledger that `config` names, bringing its schema up to date.
pub async fn open_ledger(config: &Config) -> Result<OpenLedger, Failure> {
    match &config.ledger {
        LedgerConfig::Sqlite { path, group_commit } => {
            let ledger = open_sqlite(&config.data_dir, path, *group_commit).await?;
            Ok(OpenLedger { ledger, membership: None })
        }
        LedgerConfig::Postgres { url, max_connections, statement_timeout } => {
            let options = PostgresOptions {
                max_connections: *max_connections,
                statement_timeout: *statement_timeout,
                ..PostgresOptions::new(url.expose())
            };
            let ledger = PostgresLedger::open(options).await.map_err(|error| {
                Failure::start_up(format!(
                    "ledger.url = {url}: {error}; is Postgres running, does it answer from here, and may this user use \
                     the database?"
                ))
            })?;
            Ok(OpenLedger { membership: Some(ledger.clone()), ledger: ledger.behind_port() })
        }
    }
}

async fn open_sqlite(data_dir: &Path, path: &Path, group_commit: bool) -> Result<Arc<dyn Ledger>, Failure> {
    make_folder(data_dir)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        make_folder(folder)?;
    }
    let options = SqliteOptions { group_commit, ..SqliteOptions::default() };
    match SqliteLedger::open(path, options).await {
        Ok(ledger) => Ok(ledger.behind_port()),
        Err(error) => Err(Failure::start_up(format!("{}: {error}", path.display()))),
    }
}

/// Opens the hot store. A Redis that does not answer is no reason not to start: it holds only copies.
pub async fn open_hot(config: &Config) -> Result<Arc<dyn HotStore>, Failure> {
    match &config.hot {
        HotConfig::Memory { bytes } => Ok(Arc::new(MemoryHotStore::new(*bytes))),
        HotConfig::Redis { url, ca, sentinel_password } => {
            let options = RedisOptions {
                ca_file: ca.clone(),
                sentinel_password: sentinel_password.as_ref().map(|password| password.expose().to_owned()),
                ..RedisOptions::new(url.expose())
            };
            match RedisHotStore::connect(options).await {
                Ok(store) => Ok(Arc::new(store)),
                Err(error) => Err(Failure::start_up(format!("hot.url = {url}: {error}"))),
            }
        }
    }
}

/// Opens the object store, and starts one where it belongs to this process.
pub async fn open_objects(config: &Config) -> Result<OpenObjects, Failure> {
    let objects = &config.objects;
    let (endpoint, access_key, secret_key, server) = match &objects.endpoint {
        Some(s3) => (s3.url.clone(), s3.access_key.clone(), s3.secret_key.expose().to_owned(), None),
        None => {
            let (server, credentials) = local_objects::start(config).await?;
            (local_objects::endpoint(&server), credentials.access_key, credentials.secret_key, Some(server))
        }
    };
    let failed = |error: StoreError| {
        Failure::start_up(format!(
            "objects.endpoint = {endpoint}: {error}; does the endpoint answer from here, and may these keys use the \
             bucket {:?}?",
            objects.bucket
        ))
    };
    let upload_origin = objects.public_url.clone().unwrap_or_else(|| endpoint.clone());
    let mut options = S3Options::new(&endpoint, &objects.bucket, &objects.region, access_key, secret_key);
    options.public_endpoint = objects.public_url.clone();
    let store = S3ObjectStore::new(options).map_err(failed)?;
    store.ensure_bucket().await.map_err(failed)?;
    Ok(OpenObjects { store: Arc::new(store), upload_origin, server })
}

/// The caches in front of the product, each on its own, to be told what to forget.
pub fn open_caches(config: &Config) -> Result<Vec<Arc<dyn Cdn>>, Failure> {
    let urls = config.cdn_purge_url.iter().flat_map(|urls| urls.split(','));
    urls.map(|url| match HttpPurgeCdn::new(CdnOptions::new(url)) {
        Ok(cache) => Ok(Arc::new(cache) as Arc<dyn Cdn>),
        Err(error) => Err(Failure::start_up(format!("cdn.purge_url: {error}"))),
    })
    .collect()
}
