//! The layers of `ARCHITECTURE.md`: who may import whom, and who alone may touch which library.

use cargo_metadata::{DependencyKind, MetadataCommand};
use std::collections::{BTreeMap, BTreeSet};

/// For every crate, the crates of the workspace that it may depend on.
const ALLOWED: &[(&str, &[&str])] = &[
    ("tessera-domain", &[]),
    ("tessera-ports", &["domain"]),
    ("tessera-stores", &["domain", "ports"]),
    ("tessera-media", &["domain", "ports"]),
    ("tessera-visual", &["domain", "ports"]),
    ("tessera-ranking", &["domain", "ports"]),
    ("tessera-ranking-simulation", &["domain", "ranking"]),
    ("tessera-cluster", &["ports"]),
    ("tessera-actors", &["domain", "ports", "media", "visual", "ranking", "cluster"]),
    ("tessera-app", &["domain", "ports", "actors"]),
    ("tessera-http-api", &["domain", "app"]),
    ("tessera-demo", &["media"]),
    ("tessera-bench", &["domain", "ports", "media", "visual", "cluster", "actors", "app"]),
    (
        "tessera",
        &[
            "domain",
            "ports",
            "stores",
            "media",
            "visual",
            "ranking",
            "ranking-simulation",
            "cluster",
            "actors",
            "app",
            "http-api",
            "demo",
            "bench",
        ],
    ),
    ("tessera-test-servers", &[]),
    ("tessera-tests", &["domain", "test-servers"]),
];

/// For every library that is fenced in, the crates that may use it.
const FENCED: &[(&str, &[&str])] = &[
    ("sqlx", &["tessera-stores"]),
    ("redis", &["tessera-stores"]),
    ("aws-sdk-s3", &["tessera-stores"]),
    ("s3s", &["tessera-stores"]),
    ("ractor", &["tessera-cluster", "tessera-actors"]),
    ("bincode", &["tessera-actors", "tessera-cluster", "tessera-visual"]),
    ("axum", &["tessera-http-api", "tessera-bench"]),
    ("image", &["tessera-media", "tessera-tests"]),
    ("turbojpeg", &["tessera-media"]),
    ("libaom-sys", &["tessera-media"]),
    ("webp", &["tessera-media"]),
    ("instant-distance", &["tessera-visual"]),
    ("rten", &["tessera-visual"]),
    ("clap", &["tessera", "tessera-bench"]),
];

#[test]
fn the_layers_import_one_way_only() {
    let metadata = MetadataCommand::new().no_deps().exec().expect("cargo metadata runs");
    let mut seen = BTreeSet::new();
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let may = allowed.get(name).unwrap_or_else(|| panic!("{name} has no place in the layers"));
        seen.insert(name.to_owned());
        for dependency in package.dependencies.iter().filter(|dep| dep.kind != DependencyKind::Development) {
            if let Some(layer) = dependency.name.strip_prefix("tessera-") {
                assert!(may.contains(&layer), "{name} must not depend on {layer}");
            }
            if let Some((library, users)) = FENCED.iter().find(|(library, _)| *library == dependency.name) {
                assert!(users.contains(&name), "{name} must not use {library}: only {users:?} may");
            }
        }
    }
    assert_eq!(seen.len(), ALLOWED.len(), "every layer is checked: {seen:?}");
}

#[test]
fn bincode_stays_in_the_snapshot_codec() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../actors");
    let mut users = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file");
                if text.contains("bincode::") {
                    users.push(path);
                }
            }
        }
    }
    assert_eq!(users.len(), 1, "{users:?}");
    assert!(users[0].ends_with("timeline/codec.rs"), "{users:?}");
}
