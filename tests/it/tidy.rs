//! Rules that no compiler knows: how long lines are, where modules lie, which words are used, and that the documents
//! name what is there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// No line is longer, in characters. rustfmt sees to code, but neither to comments nor to literals.
const LONGEST_LINE: usize = 120;
/// A comment that documents something says more than so many words, or it is left out.
const WORDS_THAT_SAY_NOTHING: usize = 3;

#[test]
fn comments_keep_to_the_width_of_code() {
    let long = lines(|_, line| is_comment(line) && line.chars().count() > LONGEST_LINE);
    assert_none(&long, "comments over 120 characters");
}

#[test]
fn what_is_documented_is_worth_it() {
    // clap and utoipa make texts for users of them: those may be short.
    let speaks_to_users = |text: &str| text.contains("clap::") || text.contains("utoipa::");
    let mut found = Vec::new();
    for (path, text) in sources().into_iter().filter(|(_, text)| !speaks_to_users(text)) {
        let all: Vec<&str> = text.lines().map(str::trim).collect();
        for (place, line) in all.iter().enumerate() {
            let Some(words) = line.strip_prefix("/// ") else { continue };
            let goes_on = |other: Option<&&str>| other.is_some_and(|other| other.starts_with("///"));
            let alone =
                !goes_on(place.checked_sub(1).and_then(|before| all.get(before))) && !goes_on(all.get(place + 1));
            if alone && words.split_whitespace().count() <= WORDS_THAT_SAY_NOTHING {
                found.push(format!("{}:{}: {line}", path.display(), place + 1));
            }
        }
    }
    assert_none(&found, "doc comments of three words or fewer");
}

#[test]
fn a_module_with_a_folder_is_its_mod_rs() {
    let split =
        sources().into_iter().map(|(path, _)| path).filter(|path| root().join(path).with_extension("").is_dir());
    let split: Vec<String> = split.map(|path| path.display().to_string()).collect();
    assert_none(&split, "modules beside their folders");
}

#[test]
fn nothing_is_left_for_later() {
    let marks = ["TODO", "FIXME", "XXX", "todo!", "unimplemented!"];
    let found = lines(|path, line| !path.ends_with("it/tidy.rs") && marks.iter().any(|mark| line.contains(mark)));
    assert_none(&found, "marks; what is left belongs into docs/roadmap.md");
}

/// `docs/glossary.md` has a table of our words; its last column names those that were given up for them.
#[test]
fn words_that_were_given_up_stay_away() {
    let glossary = document("docs/glossary.md");
    let banned: BTreeSet<String> = rows(&glossary, "| word | means | instead of |")
        .flat_map(|cells| {
            cells[2].split(',').map(|word| word.trim_matches([' ', '`']).to_lowercase()).collect::<Vec<_>>()
        })
        .filter(|word| !word.is_empty())
        .collect();
    assert!(banned.contains("parley"), "the glossary was read: {banned:?}");
    let found = lines(|path, line| !path.ends_with("it/tidy.rs") && parts(line).any(|part| banned.contains(&part)));
    assert_none(&found, "words that the glossary gives up");
}

#[test]
fn every_decision_stands_in_the_index() {
    let index = document("docs/adr/README.md");
    let files = fs::read_dir(root().join("docs/adr")).expect("docs/adr").flatten();
    let names = files.map(|file| file.file_name().to_string_lossy().into_owned()).filter(|name| name != "README.md");
    for name in names {
        let text = document(&format!("docs/adr/{name}"));
        let title = text.lines().next().unwrap_or_default().trim_start_matches("# ");
        let (number, title) = title.split_once(' ').expect("a title begins with its number");
        assert!(name.starts_with(number), "{name} begins with number {number}");
        let line = index.lines().find(|line| line.contains(&format!("({name})")));
        let line = line.unwrap_or_else(|| panic!("{name} is missing in docs/adr/README.md"));
        assert!(line.contains(title), "the index calls {name} by another title than {title:?}: {line}");
    }
}

#[test]
fn bincode_is_where_its_decision_says() {
    let decision = document("docs/adr/0008-bincode-2-behind-one-codec.md");
    let named = |path: &Path| decision.contains(&format!("`{}`", path.display()));
    for (path, text) in sources().into_iter().filter(|(path, _)| !path.ends_with("it/tidy.rs")) {
        assert_eq!(text.contains("bincode::"), named(&path), "{} (used | named in ADR 0008)", path.display());
    }
}

#[test]
fn functions_are_where_their_document_says() {
    let text = document("docs/functions.md");
    let named = text.split('`').skip(1).step_by(2).filter(|word| word.contains('/') && word.contains('.'));
    let paths: Vec<&str> = named.map(|word| word.split("::").next().unwrap_or(word)).collect();
    assert!(paths.len() > 40, "the document was read: {} paths", paths.len());
    let missing: Vec<String> =
        paths.into_iter().filter(|path| !root().join(path).exists()).map(str::to_owned).collect();
    assert_none(&missing, "files of docs/functions.md that are not there");
}

/// A setting that is declared and not read would be accepted and do nothing.
#[test]
fn every_setting_is_read() {
    let folder = Path::new("src/node/config");
    let configuration: String =
        sources().into_iter().filter(|(path, _)| path.starts_with(folder)).map(|(_, text)| text).collect();
    let settings = settings(&document("cluster.toml"));
    assert!(settings.len() > 50, "the settings were read: {}", settings.len());
    let unread = settings.into_iter().filter(|(section, key)| {
        // `[http] listen` is `self.http.listen`, or `self.listen` where the section's own type is read.
        let own_type = format!("impl Raw{} {{", capitalised(section));
        let own = configuration.split(&own_type).skip(1).filter_map(|rest| rest.split("\n}\n").next());
        let last = section.rsplit('.').next().unwrap_or_default();
        let whole = if last.is_empty() { format!("self.{key}") } else { format!("self.{last}.{key}") };
        let mut own = own.map(|body| body.to_owned());
        !mentions(&configuration, &whole) && !own.any(|body| mentions(&body, &format!("self.{key}")))
    });
    let unread: Vec<String> = unread.map(|(section, key)| format!("{section}.{key}")).collect();
    assert_none(&unread, "settings of cluster.toml that nothing reads");
}

/// The sections and keys of a TOML file that has one of them a line.
fn settings(text: &str) -> Vec<(String, String)> {
    let (mut section, mut found) = (String::new(), Vec::new());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((key, _)) = line.split_once('=') {
            found.push((section.clone(), key.trim().to_owned()));
        }
    }
    found
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Whether a text has a path of fields, and not as a part of a longer one.
fn mentions(text: &str, path: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    text.match_indices(path).any(|(at, _)| ends(&text[at + path.len()..]))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn document(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All Rust sources with their paths from the root.
fn sources() -> Vec<(PathBuf, String)> {
    let root = root();
    let mut folders: Vec<PathBuf> = ["src", "actors", "tests", "fuzz"].map(|name| root.join(name)).to_vec();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                found.push((path.strip_prefix(&root).expect("below the root").to_owned(), text));
            }
        }
    }
    assert!(found.len() > 500, "the sources were found: {}", found.len());
    found
}

fn lines(is_wrong: impl Fn(&Path, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources() {
        let wrong = text.lines().enumerate().filter(|(_, line)| is_wrong(&path, line));
        found.extend(wrong.map(|(place, line)| format!("{}:{}: {}", path.display(), place + 1, line.trim())));
    }
    found
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

/// The words of a line, those of names in `snake_case` and `CamelCase` apart, in lower case.
fn parts(line: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in line.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            words.last_mut().expect("never empty").extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.into_iter().filter(|word| !word.is_empty())
}

fn rows<'t>(text: &'t str, head: &'t str) -> impl Iterator<Item = Vec<&'t str>> {
    let rows = text.lines().skip_while(move |line| *line != head).skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
}

fn assert_none(found: &[String], what: &str) {
    assert!(found.is_empty(), "{} {what}:\n{}", found.len(), found.join("\n"));
}
