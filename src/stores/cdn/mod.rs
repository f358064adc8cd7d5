//! Caches that understand `PURGE`, such as Varnish (`deploy/varnish.vcl`).

use async_trait::async_trait;
use futures::{StreamExt, stream};
use reqwest::{Client, Method, StatusCode, Url, redirect::Policy};
use std::time::Duration;
use tessera_ports::{Cdn, Determinacy, StoreError, StoreResult};

const STORE: &str = "CDN";

/// Where the caches are, and how long to wait for them.
#[derive(Debug, Clone)]
pub struct CdnOptions {
    /// `http` URLs of all caches, with commas between them; a purge is this URL and the path.
    pub purge_url: String,
    /// Time for one purge of one path at one cache, connecting included.
    pub timeout: Duration,
    /// Purges under way at once for one call, at most.
    pub concurrency: usize,
}

impl CdnOptions {
    /// Two seconds a purge, 16 at once.
    pub fn new(purge_url: impl Into<String>) -> Self {
        Self { purge_url: purge_url.into(), timeout: Duration::from_secs(2), concurrency: 16 }
    }

    fn endpoints(&self) -> Result<Vec<String>, String> {
        let endpoints: Vec<String> =
            self.purge_url.split(',').map(|url| url.trim().trim_end_matches('/').to_owned()).collect();
        for endpoint in &endpoints {
            let url = Url::parse(endpoint).map_err(|error| format!("the purge URL {endpoint:?}: {error}"))?;
            if url.scheme() != "http" || url.query().is_some() || url.fragment().is_some() {
                return Err(format!("the purge URL {endpoint:?} must be http:// and a host, without a query"));
            }
        }
        if self.timeout.is_zero() || self.concurrency == 0 {
            return Err("time-outs and concurrency of purges must be above zero".to_owned());
        }
        Ok(endpoints)
    }
}

/// Purges by HTTP: `PURGE path` at every cache. Any 2xx says that the path is forgotten, and 404 that it was not
/// there.
pub struct HttpPurgeCdn {
    client: Client,
    endpoints: Vec<String>,
    concurrency: usize,
}

impl HttpPurgeCdn {
    /// Connects to nothing yet: caches may come and go.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where the options cannot be right.
    pub fn new(options: CdnOptions) -> StoreResult<Self> {
        let refused = |detail| StoreError::Refused { store: STORE, detail };
        let endpoints = options.endpoints().map_err(refused)?;
        let client = Client::builder()
            .timeout(options.timeout)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| refused(error.to_string()))?;
        Ok(Self { client, endpoints, concurrency: options.concurrency })
    }

    /// Whether there was a copy.
    async fn purge_one(client: Client, url: String) -> StoreResult<bool> {
        let method = Method::from_bytes(b"PURGE").map_err(|error| unavailable(error.to_string()))?;
        let answer = client.request(method, &url).send().await;
        let status = answer.map_err(|error| unavailable(causes(&error)))?.status();
        if status.is_success() || status == StatusCode::NOT_FOUND {
            return Ok(status != StatusCode::NOT_FOUND);
        }
        Err(unavailable(format!("{status} is the answer to a purge of {url}")))
    }
}

#[async_trait]
impl Cdn for HttpPurgeCdn {
    async fn purge(&self, paths: &[String]) -> StoreResult<u64> {
        if let Some(path) = paths.iter().find(|path| !path.starts_with('/')) {
            return Err(StoreError::Refused { store: STORE, detail: format!("{path:?} is no path") });
        }
        let url = |endpoint| paths.iter().map(move |path| format!("{endpoint}{path}"));
        let urls: Vec<String> = self.endpoints.iter().flat_map(url).collect();
        // All of them, whatever becomes of the first: a cache that is away does not keep others from being told.
        let outcomes: Vec<StoreResult<bool>> = stream::iter(urls)
            .map(|url| Self::purge_one(self.client.clone(), url))
            .buffer_unordered(self.concurrency)
            .collect()
            .await;
        outcomes.into_iter().map(|purged| purged.map(u64::from)).sum()
    }
}

/// An error with what it was caused by: the outermost one says little.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// A purge that was not answered may have happened; it does no harm twice.
fn unavailable(detail: String) -> StoreError {
    StoreError::Unavailable { store: STORE, determinacy: Determinacy::Unknown, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purge_urls_are_checked() {
        let endpoints = |url: &str| CdnOptions::new(url).endpoints();
        assert_eq!(
            endpoints("http://a:6081/, http://b/caches").expect("two caches"),
            ["http://a:6081", "http://b/caches"]
        );
        for wrong in ["", "varnish:6081", "https://a", "http://a,", "http://a/?x=1", "ftp://a"] {
            assert!(endpoints(wrong).is_err(), "{wrong:?}");
        }
    }
}
