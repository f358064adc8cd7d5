//! The layers: `ARCHITECTURE.md` has them in two tables, which crate may import which, and which library is used where;
//! what cargo knows must be exactly that.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

type Table = BTreeMap<String, BTreeSet<String>>;

#[test]
fn crates_import_what_the_architecture_says() {
    let metadata = workspace();
    let layers: BTreeMap<String, String> =
        metadata.packages.iter().map(|package| (package.name.to_string(), folder_of(&metadata, package))).collect();
    let found: Table = metadata
        .packages
        .iter()
        .map(|package| {
            let imports = normal_dependencies(package).filter_map(|name| layers.get(name));
            (folder_of(&metadata, package), imports.map(|folder| last_part(folder)).collect())
        })
        .collect();
    assert_eq!(found, table("| crate | is | imports |", 2), "found | stated in ARCHITECTURE.md");
}

#[test]
fn libraries_that_are_fenced_in_stay_there() {
    let metadata = workspace();
    let stated = table("| library | used in |", 1);
    assert!(stated.contains_key("sqlx"), "the table was read: {stated:?}");
    let mut found: Table = stated.keys().map(|library| (library.clone(), BTreeSet::new())).collect();
    for package in &metadata.packages {
        for library in normal_dependencies(package) {
            if let Some(users) = found.get_mut(library) {
                users.insert(last_part(&folder_of(&metadata, package)));
            }
        }
    }
    assert_eq!(found, stated, "found | stated in ARCHITECTURE.md");
}

fn workspace() -> Metadata {
    MetadataCommand::new().no_deps().exec().expect("cargo metadata runs")
}

/// A crate's folder, from the root of the workspace.
fn folder_of(metadata: &Metadata, package: &Package) -> String {
    let folder = package.manifest_path.parent().expect("a manifest lies in a folder");
    folder.strip_prefix(&metadata.workspace_root).expect("members lie in the workspace").to_string()
}

fn last_part(folder: &str) -> String {
    folder.rsplit('/').next().unwrap_or(folder).to_owned()
}

fn normal_dependencies(package: &Package) -> impl Iterator<Item = &str> {
    let normal = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
    normal.map(|dependency| dependency.name.as_str())
}

/// The rows below `head` in `ARCHITECTURE.md`: the first cell, and the comma-separated names in the cell `column`.
fn table(head: &str, column: usize) -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md");
    let text = std::fs::read_to_string(path).expect("ARCHITECTURE.md");
    let rows = text.lines().skip_while(|line| *line != head).skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let names = cells[column].split(',').map(|name| name.trim().trim_matches('`').to_owned());
        (cells[0].to_owned(), names.filter(|name| !name.is_empty()).collect())
    })
    .collect()
}
