//! Logs to standard error and metrics for Prometheus.

use crate::config::Config;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use std::{io::IsTerminal, time::Duration};
use tracing_subscriber::EnvFilter;

/// How long a gauge is shown after it was last set. All are set every ten seconds or when they are asked for.
const GAUGE_LIFE: Duration = Duration::from_secs(60);
/// `ractor_cluster` writes whole messages at debug, and what ends its sessions our own link says in better words.
const LINK_CAP: &str = "ractor_cluster=error";

/// Sets up logging as `config` says. `RUST_LOG` wins over `log.level`.
pub fn start_logging(config: &Config) -> Result<(), String> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(directives) => EnvFilter::try_new(directives),
        Err(_) => EnvFilter::try_new(&config.log_level),
    };
    let cap = LINK_CAP.parse().map_err(|error| format!("{LINK_CAP}: {error}"))?;
    let filter = filter.map_err(|error| format!("log.level: {error}"))?.add_directive(cap);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if config.log_json {
        builder.json().try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    started.map_err(|error| error.to_string())
}

/// Starts collecting metrics; the handle renders them.
pub fn start_metrics() -> Result<PrometheusHandle, String> {
    // A gauge of something that is gone (a link to a node that left) must not stand for ever as it was last.
    PrometheusBuilder::new()
        .idle_timeout(MetricKindMask::GAUGE, Some(GAUGE_LIFE))
        .install_recorder()
        .map_err(|error| error.to_string())
}
