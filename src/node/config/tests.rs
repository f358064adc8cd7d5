//! The layers and their errors.

use super::{ConfigError, load};
use std::{io::Write, path::Path};

fn with(sets: &[&str]) -> Result<super::Config, ConfigError> {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    load(None, std::iter::empty(), &sets)
}

#[test]
fn the_documented_defaults_are_a_whole_configuration() {
    let config = with(&[]).expect("cluster.toml is valid");
    assert_eq!(config.http_listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.daily_upload_quota, Some(500));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cluster.toml");
    load(Some(&file), std::iter::empty(), &[]).expect("the file can be given as it is");
}

#[test]
fn later_layers_win() {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    writeln!(file, "[http]\nlisten = '127.0.0.1:1'\n[feed]\ncelebrity_threshold = 5").expect("written");
    let environment = [("TESSERA__HTTP__LISTEN".to_owned(), "127.0.0.1:2".to_owned()), ("HOME".into(), "/".into())];
    let config = load(Some(file.path()), environment.clone().into_iter(), &[]).expect("valid");
    assert_eq!((config.http_listen.port(), config.celebrity_rule.threshold), (2, 5));
    let sets = ["http.listen=127.0.0.1:3".to_owned(), "limits.enabled=false".to_owned()];
    let config = load(Some(file.path()), environment.into_iter(), &sets).expect("valid");
    assert_eq!((config.http_listen.port(), config.daily_upload_quota), (3, None));
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
    check("chaos=perhaps", &["chaos", "boolean"]);
    check("uploads.max_bytes=-1", &["invalid value"]);
    check("feed.ratios=[1.0, 2.0]", &["three numbers"]);
    check("feed.ratios=[0.1, 0.1, 5.0]", &["at most half"]);
    check("http=1", &["section"]);
    check("novalue", &["key=value"]);
    check("admin.token=abc", &["TESSERA__ADMIN__TOKEN"]);
    check("mode=cluster", &["not in this version"]);
}
