//! Where the bucket is and how long to wait for it.

use http::Uri;
use std::fmt;
use std::time::Duration;

/// Everything the S3 adapter needs to know. Secrets are left out of `Debug`.
#[derive(Clone)]
pub struct S3Options {
    /// The endpoint's URL, as this process reaches it.
    pub endpoint: String,
    /// The endpoint's URL as uploading clients reach it, used for signing only; `None`: as `endpoint`.
    pub public_endpoint: Option<String>,
    pub bucket: String,
    /// The region, which is part of every signature.
    pub region: String,
    /// The access key's id.
    pub access_key: String,
    /// The access key's secret.
    pub secret_key: String,
    /// Whether the bucket stands in the path instead of the host name (most servers but Amazon's).
    pub force_path_style: bool,
    /// Time to connect, TLS included.
    pub connect_timeout: Duration,
    /// Time of one attempt of one operation, the request's body included; a streamed reply's body is
    /// bounded by the SDK's protection against stalled streams instead.
    pub attempt_timeout: Duration,
    /// How often an operation is tried at most, the first time included.
    pub max_attempts: u32,
}

impl S3Options {
    /// Options with path style, 3 s to connect, 30 s an attempt and three attempts.
    pub fn new(
        endpoint: impl Into<String>,
        bucket: impl Into<String>,
        region: impl Into<String>,
        access_key: impl Into<String>,
        secret_key: impl Into<String>,
    ) -> Self {
        S3Options {
            endpoint: endpoint.into(),
            public_endpoint: None,
            bucket: bucket.into(),
            region: region.into(),
            access_key: access_key.into(),
            secret_key: secret_key.into(),
            force_path_style: true,
            connect_timeout: Duration::from_secs(3),
            attempt_timeout: Duration::from_secs(30),
            max_attempts: 3,
        }
    }

    /// What is wrong with the options, for the operator.
    pub(super) fn validate(&self) -> Result<(), String> {
        for endpoint in [Some(&self.endpoint), self.public_endpoint.as_ref()].into_iter().flatten() {
            let uri = endpoint.parse::<Uri>().map_err(|error| format!("the S3 endpoint {endpoint:?}: {error}"))?;
            if !matches!(uri.scheme_str(), Some("http" | "https")) {
                return Err(format!("the S3 endpoint {endpoint:?} is no http or https URL"));
            }
            // The path is signed: a proxy that adds or strips a prefix would break every signature.
            if uri.path() != "/" || uri.query().is_some() {
                return Err(format!("the S3 endpoint {endpoint:?} must have no path and no query"));
            }
        }
        if self.bucket.is_empty() || self.region.is_empty() {
            return Err("the S3 bucket and region must be named".to_owned());
        }
        if self.max_attempts == 0 || self.connect_timeout.is_zero() || self.attempt_timeout.is_zero() {
            return Err("attempts and time-outs of the S3 store must be above zero".to_owned());
        }
        Ok(())
    }
}

impl fmt::Debug for S3Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("S3Options")
            .field("endpoint", &self.endpoint)
            .field("public_endpoint", &self.public_endpoint)
            .field("bucket", &self.bucket)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}
