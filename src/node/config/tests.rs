//! The layers and their errors.

use super::{ConfigError, load};
use super::{HotConfig, LedgerConfig};
use std::{io::Write, path::Path, time::Duration};

fn with(sets: &[&str]) -> Result<super::Config, ConfigError> {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    load(None, std::iter::empty(), &sets)
}

#[test]
fn the_documented_defaults_are_a_whole_configuration() {
    let config = with(&[]).expect("cluster.toml is valid");
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.daily_upload_quota, Some(500));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cluster.toml");
    load(Some(&file), std::iter::empty(), &[]).expect("the file can be given as it is");
}

/// Whoever has a copy of the released file, with whatever it sets, can go on with it.
#[test]
fn the_released_settings_are_still_taken() {
    let released = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/released/cluster.toml");
    let config = load(Some(&released), std::iter::empty(), &[]).expect("the released file as it stands");
    // Defaults may change, but the file says all of its own.
    assert_eq!((config.max_queued_jobs, config.visual_shards), (10_000, 1));
    let environment = CLUSTER.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(load(Some(&released), environment.into_iter(), &[]).expect("a node of a cluster").visual_shards, 8);
}

#[test]
fn later_layers_win() {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    writeln!(file, "[http]\nlisten = '127.0.0.1:1'\n[feed]\ncelebrity_threshold = 5").expect("written");
    let environment = [("TESSERA__HTTP__LISTEN".to_owned(), "127.0.0.1:2".to_owned()), ("HOME".into(), "/".into())];
    let config = load(Some(file.path()), environment.clone().into_iter(), &[]).expect("valid");
    assert_eq!((config.http.listen.port(), config.celebrity_rule.threshold), (2, 5));
    let sets = ["http.listen=127.0.0.1:3".to_owned(), "limits.enabled=false".to_owned()];
    let config = load(Some(file.path()), environment.into_iter(), &sets).expect("valid");
    assert_eq!((config.http.listen.port(), config.daily_upload_quota), (3, None));
}

#[test]
fn mistakes_are_named_and_the_nearest_setting_is_offered() {
    let check = |set: &str, words: &[&str]| {
        let error = with(&[set]).expect_err(set).to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{set}: {error}");
    };
    check("http.lisen=1", &["http.lisen", "did you mean \"http.listen\""]);
    check("celebrity_treshold=1", &["did you mean \"feed.celebrity_threshold\""]);
    check("http.listen=8080", &["http.listen", "address:port"]);
    check("http.cors_origins=[\"https://app.example/\"]", &["http.cors_origins", "https://app.example:8443"]);
    check("http.cors_origins=[\"app.example\"]", &["http.cors_origins", "\"app.example\""]);
    check("http.cors_origins=https://app.example", &["http.cors_origins", "array"]);
    let origins = "http.cors_origins=[\"https://app.example\", \"http://localhost:5173\"]";
    assert_eq!(with(&[origins]).expect("two origins").http.cors_origins.len(), 2);
    check("chaos=perhaps", &["chaos", "boolean"]);
    check("uploads.max_bytes=-1", &["uploads.max_bytes", "not be negative"]);
    check("log.level=loud", &["log.level", "\"loud\"", "warn"]);
    check("data_dir=", &["data_dir", "folder"]);
    check("media.max_video_bytes=5368709121", &["media.max_video_bytes", "one PUT"]);
    check("feed.ratios=[1.0, 2.0]", &["three numbers"]);
    check("feed.ratios=[0.1, 0.1, 5.0]", &["at most half"]);
    check("breaker.failure_rate=0.0", &["breaker.failure_rate", "above 0"]);
    assert_eq!(with(&["ranking.log_share=0", "breaker.failure_rate=1"]).expect("whole numbers").ranking_log_share, 0.0);
    check("breaker.failure_rate=1.5", &["breaker.failure_rate", "at most 1"]);
    check("visual.engine=hnswlib", &["visual.engine", "\"graph\" or \"instant-distance\""]);
    check("feed.order=random", &["feed.order", "\"newest\" or \"ranked\""]);
    check("ranking.log_share=1.5", &["ranking.log_share", "from 0 to 1"]);
    check("breaker.open_seconds=0", &["breaker.open_seconds", "at least 1"]);
    check("http=1", &["section"]);
    check("novalue", &["key=value"]);
    check("mode=clustered", &["mode", "\"embedded\" or \"cluster\""]);
    check("node.name=", &["node.name", "letters"]);
    check("node.name=über node", &["node.name", "letters"]);
    check("ledger.url=postgres://db/tessera", &["ledger.url", "mode = \"cluster\""]);
    check("hot.url=redis://cache", &["hot.url", "embedded"]);
}

/// What makes a cluster's node of the defaults, in the environment.
const CLUSTER: [(&str, &str); 10] = [
    ("TESSERA__MODE", "cluster"),
    ("TESSERA__LEDGER__URL", "postgres://tessera:w0rd@db/tessera"),
    ("TESSERA__HOT__URL", "redis+sentinel://:w0rd@a:26379,b:26379/main"),
    ("TESSERA__OBJECTS__ENDPOINT", "http://s3:9000"),
    ("TESSERA__OBJECTS__ACCESS_KEY", "key"),
    ("TESSERA__OBJECTS__SECRET_KEY", "very secret"),
    ("TESSERA__CLUSTER__SECRET", "0123456789abcdef"),
    ("TESSERA__CLUSTER__TLS__CERT", "cert.pem"),
    ("TESSERA__CLUSTER__TLS__KEY", "key.pem"),
    ("TESSERA__CLUSTER__TLS__CA", "ca.pem"),
];

fn cluster_with(changed: &str, value: &str) -> Result<super::Config, ConfigError> {
    let unchanged = CLUSTER.into_iter().filter(|(name, _)| *name != changed);
    let changed = Some((changed, value)).filter(|(name, _)| !name.is_empty());
    let environment = unchanged.chain(changed).map(|(name, value)| (name.to_owned(), value.to_owned()));
    load(None, environment, &[])
}

#[test]
fn a_cluster_s_node_needs_what_nodes_share() {
    let config = cluster_with("", "").expect("a whole configuration");
    let cluster = config.cluster.as_ref().expect("a cluster");
    assert_eq!(cluster.advertised("127.0.0.1:5".parse().expect("an address")).port(), 5);
    assert_eq!((cluster.wire_newest, config.http.drain_grace), (None, Duration::from_secs(3)));
    assert!(matches!(&config.ledger, LedgerConfig::Postgres { url, .. } if url.expose().contains(":w0rd@")));
    assert!(matches!(&config.hot, HotConfig::Redis { ca: None, sentinel_password: None, .. }));
    let shown = format!("{config:?}");
    assert!(!shown.contains("w0rd") && !shown.contains("very secret") && !shown.contains("0123456789"), "{shown}");

    let check = |name: &str, value: &str, words: &[&str]| {
        let error = cluster_with(name, value).expect_err(name).to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{name}={value}: {error}");
        assert!(!error.contains(":pass@"), "{name}={value}: {error}");
    };
    check("TESSERA__LEDGER__URL", "", &["ledger.url", "postgres://"]);
    check("TESSERA__LEDGER__URL", "mysql://me:pass@db/x", &["ledger.url", "mysql://me:***@db/x"]);
    check("TESSERA__HOT__URL", "memory:", &["hot.url", "redis://"]);
    check("TESSERA__OBJECTS__ENDPOINT", "", &["objects.endpoint", "share"]);
    check("TESSERA__OBJECTS__SECRET_KEY", "", &["TESSERA__OBJECTS__SECRET_KEY"]);
    check("TESSERA__CLUSTER__SECRET", "", &["cluster.secret", "openssl rand"]);
    check("TESSERA__CLUSTER__SECRET", "short", &["cluster.secret", "16 bytes"]);
    check("TESSERA__CLUSTER__TLS__KEY", "", &["cluster.tls.key", "PEM"]);
    check("TESSERA__CLUSTER__LISTEN", "0.0.0.0:7946", &["cluster.advertise", "7946"]);
    check("TESSERA__CLUSTER__ADVERTISE", "0.0.0.0:1", &["cluster.advertise"]);
    check("TESSERA__CLUSTER__ADVERTISE", "host:1", &["cluster.advertise", "address:port"]);
    check("TESSERA__LEDGER__MAX_CONNECTIONS", "0", &["ledger.max_connections"]);
}

#[test]
fn secrets_do_not_come_from_the_command_line() {
    let check = |set: &str, words: &[&str]| {
        let error = with(&[set]).expect_err(set).to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{set}: {error}");
        assert!(!error.contains("w0rd"), "{error}");
    };
    check("admin.token=abc", &["TESSERA__ADMIN__TOKEN"]);
    check("cluster.secret=abc", &["TESSERA__CLUSTER__SECRET"]);
    check("objects.secret_key=abc", &["TESSERA__OBJECTS__SECRET_KEY"]);
    check("ledger.url=postgres://me:w0rd@db/tessera", &["TESSERA__LEDGER__URL"]);
    check("hot.url=redis://:w0rd@cache", &["TESSERA__HOT__URL"]);
}
