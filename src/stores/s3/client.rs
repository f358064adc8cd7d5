//! The SDK's client, configured.

use super::S3Options;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Config, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedHttpClient,
};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// A client for `endpoint`. It connects on first use.
pub(super) fn build(options: &S3Options, endpoint: &str) -> Client {
    let credentials = Credentials::new(&options.access_key, &options.secret_key, None, None, "configuration");
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(options.connect_timeout)
        .operation_timeout(options.attempt_timeout)
        .build();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http_client(endpoint))
        .endpoint_url(endpoint)
        .region(Region::new(options.region.clone()))
        .credentials_provider(credentials)
        .force_path_style(options.force_path_style)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::disabled())
        // By default the SDK adds checksums of its own: a presigned PUT would then demand a header that plain
        // clients cannot know, and servers other than Amazon's may refuse the trailers.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .build();
    Client::from_conf(config)
}

/// TLS only where it is used: it reads the system's certificates, which a bare machine may lack.
fn http_client(endpoint: &str) -> SharedHttpClient {
    if endpoint.to_ascii_lowercase().starts_with("https:") {
        Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https()
    } else {
        Builder::new().build_http()
    }
}
