//! What is the same in both dialects is written once.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// A statement's text without its layout, and with SQLite's placeholders as Postgres writes them.
fn normalised(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('?', "$")
}

/// The string literals of a source file, each with the word before it.
fn literals(source: &str) -> Vec<(String, String)> {
    let mut literals = Vec::new();
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .fold(String::new(), |code, line| code + line + "\n");
    let mut rest = code.as_str();
    while let Some(begin) = rest.find('"') {
        let word = rest[..begin].split_whitespace().last().unwrap_or_default().to_owned();
        let mut literal = String::new();
        let mut characters = rest[begin + 1..].char_indices();
        let mut end = rest.len();
        while let Some((place, character)) = characters.next() {
            match character {
                '"' => {
                    end = begin + 1 + place + 1;
                    break;
                }
                '\\' => literal.extend(characters.next().map(|(_, escaped)| escaped)),
                other => literal.push(other),
            }
        }
        literals.push((word, literal));
        rest = &rest[end..];
    }
    literals
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let files = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).flatten();
    let rust = files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|path| (path.clone(), std::fs::read_to_string(path).expect("a source file"))).collect()
}

/// Every statement that stands in a dialect's folder, with its file.
fn statements(folder: &Path) -> BTreeMap<String, PathBuf> {
    let mut statements = BTreeMap::new();
    for (path, source) in sources(folder) {
        for (_, literal) in literals(&source) {
            let statement = normalised(&literal);
            if ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "].iter().any(|verb| statement.starts_with(verb)) {
                statements.insert(statement, path.clone());
            }
        }
    }
    assert!(statements.len() >= 5, "statements are found in {}: {statements:?}", folder.display());
    statements
}

fn ledger() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ledger")
}

#[test]
fn no_statement_is_written_for_each_dialect_that_is_the_same_in_both() {
    let postgres = statements(&ledger().join("postgres"));
    let twice: Vec<_> = statements(&ledger().join("sqlite"))
        .into_iter()
        .filter_map(|(statement, file)| Some((postgres.get(&statement)?.clone(), file, statement)))
        .collect();
    assert!(twice.is_empty(), "{} statements belong into src/stores/ledger: {twice:#?}", twice.len());
}

#[test]
fn pieces_that_are_told_apart_differ() {
    let mut seen = 0;
    for (path, source) in sources(&ledger()) {
        for pair in literals(&source).windows(2) {
            let [(sqlite_word, sqlite), (postgres_word, postgres)] = pair else { continue };
            if sqlite_word.ends_with("sqlite:") && postgres_word.ends_with("postgres:") {
                seen += 1;
                assert_ne!(normalised(sqlite), normalised(postgres), "{}", path.display());
            }
        }
    }
    assert!(seen >= 5, "pieces are found: {seen}");
}

#[test]
fn a_statement_is_put_together_for_each_dialect() {
    let statement = sql!(
        "SELECT id FROM users" [index "users_by_name"] " WHERE id " [any "$1"] " AND " [not "private"]
        {sqlite: "", postgres: " FOR SHARE"}
    );
    let sqlite =
        "SELECT id FROM users INDEXED BY users_by_name WHERE id IN (SELECT value FROM json_each($1)) AND private = 0";
    assert_eq!(statement.sqlite, sqlite);
    assert_eq!(statement.postgres, "SELECT id FROM users WHERE id = ANY($1) AND NOT private FOR SHARE");
}
