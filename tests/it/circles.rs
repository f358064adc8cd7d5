//! No circle of more than two files inside a crate: files that import each other can only be understood together.
//!
//! An import is a `use` of a file of the same crate, or a path to one. A file that only hands an item on (`pub use`) is
//! looked through. Tests are left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A file, by the path of its module: empty for the crate's root.
type Module = Vec<String>;

/// Circles that are still there: their crate, one of their files, and how many they are at most. The list only shrinks.
const EXCEPTIONS: &[(&str, &str, usize)] = &[
    ("actors", "breaker", 13),
    ("actors", "timeline::core", 3),
    ("app", "recommendations::list", 7),
    ("bench", "report", 27),
    ("http_api", "state", 4),
    ("media", "process", 18),
    ("media", "video", 3),
    ("node", "cli", 12),
    ("node", "config::validated", 3),
    ("ranking", "train", 3),
    ("stores", "ledger::dialect", 6),
    ("stores", "ledger::postgres::pool", 3),
    ("stores", "local_s3::backend", 3),
    ("stores", "redis::session", 3),
    ("visual", "index", 5),
];

#[test]
fn no_circle_is_of_more_than_two_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![root.join("actors")];
    folders.extend(fs::read_dir(root.join("src")).expect("a folder").flatten().map(|entry| entry.path()));
    let mut circles = Vec::new();
    let mut files = 0;
    for folder in folders {
        let entry = ["lib.rs", "main.rs"].map(|name| folder.join(name)).into_iter().find(|entry| entry.exists());
        let Some(entry) = entry else { continue };
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let sources = Sources::read(&entry);
        files += sources.texts.len();
        let names = |circle: Vec<Module>| circle.iter().map(|file| file.join("::")).collect::<Vec<_>>();
        let large = sources.circles().into_iter().filter(|circle| circle.len() > 2);
        circles.extend(large.map(|circle| (name.clone(), names(circle))));
    }
    assert!(files > 300, "the crates' files are found: {files}");
    let is_known = |name: &str, circle: &[String]| {
        let covers = |(of, file, most): &(&str, &str, usize)| {
            *of == name && circle.len() <= *most && circle.iter().any(|one| one == file)
        };
        EXCEPTIONS.iter().any(covers)
    };
    circles.retain(|(name, circle)| !is_known(name, circle));
    assert!(circles.is_empty(), "files that import each other in a circle: {circles:#?}");
}

#[test]
fn a_circle_is_found_and_who_only_hands_on_is_no_part_of_it() {
    let module = |path: &str| path.split("::").map(str::to_owned).collect::<Module>();
    let sources = |texts: &[(&str, &str)]| Sources {
        texts: texts.iter().map(|(path, text)| (module(path), (*text).to_owned())).collect(),
    };
    let circle = sources(&[
        ("a", "use super::b::{self, B};\npub use inner::{I as J};"),
        ("b", "use crate::{c::C, std_like};"),
        ("c", "fn c() -> super::a::A {}"),
        ("a::inner", "use crate::d::D;"),
        ("d", "use crate::a::J;"),
    ]);
    let found: Vec<Module> = ["a", "b", "c"].map(module).to_vec();
    let pair: Vec<Module> = ["a::inner", "d"].map(module).to_vec();
    assert_eq!(circle.circles(), [found, pair]);
    assert!(sources(&[("a", "use crate::b::B;"), ("b", "use std::fmt;")]).circles().is_empty());
}

/// The files of a crate, without their tests and comments.
struct Sources {
    texts: BTreeMap<Module, String>,
}

impl Sources {
    fn read(entry: &Path) -> Self {
        let mut texts = BTreeMap::new();
        let mut left = vec![(Module::new(), entry.to_owned())];
        while let Some((module, file)) = left.pop() {
            let text = without_comments_and_tests(&fs::read_to_string(&file).expect("a source file"));
            for child in declared(&text) {
                if let Some(path) = file_of(&file, &child) {
                    left.push(([module.clone(), vec![child]].concat(), path));
                }
            }
            texts.insert(module, text);
        }
        Self { texts }
    }

    /// Strongly connected files, each group sorted; by reachability, which suffices for a few hundred files.
    fn circles(&self) -> Vec<Vec<Module>> {
        let imports: BTreeMap<&Module, BTreeSet<Module>> =
            self.texts.iter().map(|(module, text)| (module, self.imports(module, text))).collect();
        let reached: BTreeMap<&Module, BTreeSet<&Module>> =
            self.texts.keys().map(|from| (from, reach(from, &imports))).collect();
        let mut circles = BTreeSet::new();
        for (module, reaches) in &reached {
            let back = |other: &&&Module| reached[**other].contains(*module);
            let circle: BTreeSet<&Module> = reaches.iter().filter(back).copied().collect();
            if circle.len() > 1 {
                circles.insert(circle);
            }
        }
        circles.into_iter().map(|circle| circle.into_iter().cloned().collect()).collect()
    }

    /// The files that one imports.
    fn imports(&self, module: &Module, text: &str) -> BTreeSet<Module> {
        let (uses, rest) = uses_of(text);
        let used = uses.into_iter().filter(|(is_public, _)| !is_public).flat_map(|(_, tree)| flatten(&tree));
        let found = used.map(|(path, _)| path).chain(paths_in(&rest)).filter_map(|path| self.resolve(module, &path, 0));
        found.filter(|found| found != module).collect()
    }

    /// The file that a path seen in `module` leads to; `None` where it leads out of the crate.
    fn resolve(&self, module: &Module, path: &[String], depth: usize) -> Option<Module> {
        let (mut at, mut rest) = match path.first().map(String::as_str) {
            Some("crate") => (Module::new(), &path[1..]),
            Some("self") => (module.clone(), &path[1..]),
            Some("super") => {
                let up = path.iter().take_while(|part| *part == "super").count();
                (module[..module.len().checked_sub(up)?].to_vec(), &path[up..])
            }
            Some(first) if self.texts.contains_key(&[module.clone(), vec![first.to_owned()]].concat()) => {
                (module.clone(), path)
            }
            _ => return None,
        };
        while let Some((next, left)) = rest.split_first() {
            let deeper = [at.clone(), vec![next.clone()]].concat();
            if !self.texts.contains_key(&deeper) {
                break;
            }
            (at, rest) = (deeper, left);
        }
        let Some((item, _)) = rest.split_first() else { return Some(at) };
        if depth > 8 {
            return Some(at);
        }
        let handed_on = uses_of(self.texts.get(&at)?).0.into_iter().filter(|(is_public, _)| *is_public);
        let mut handed_on = handed_on.flat_map(|(_, tree)| flatten(&tree));
        match handed_on.find(|(_, name)| name == item) {
            Some((path, _)) => self.resolve(&at, &path, depth + 1),
            None => Some(at),
        }
    }
}

fn reach<'a>(from: &'a Module, imports: &'a BTreeMap<&Module, BTreeSet<Module>>) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut left = vec![from];
    while let Some(at) = left.pop() {
        left.extend(imports.get(at).into_iter().flatten().filter(|next| reached.insert(*next)));
    }
    reached
}

fn without_comments_and_tests(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

/// The names of the modules that a file declares, but for tests.
fn declared(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let declares = line
            .strip_suffix(';')
            .and_then(|line| line.rsplit_once("mod "))
            .filter(|(before, _)| before.is_empty() || (before.starts_with("pub") && before.ends_with(' ')));
        let is_test = at > 0 && lines[at - 1].starts_with("#[cfg(test)]");
        if let (Some((_, name)), false) = (declares, is_test) {
            found.push(name.to_owned());
        }
    }
    found
}

fn file_of(parent: &Path, child: &str) -> Option<PathBuf> {
    let stem = parent.file_stem()?.to_str()?;
    let folder = match stem {
        "mod" | "lib" | "main" => parent.parent()?.to_owned(),
        stem => parent.parent()?.join(stem),
    };
    let places = [folder.join(format!("{child}.rs")), folder.join(child).join("mod.rs")];
    places.into_iter().find(|place| place.exists())
}

/// The trees of all `use` items, with whether they are public, and the text without them.
fn uses_of(text: &str) -> (Vec<(bool, String)>, String) {
    let (mut uses, mut rest, mut left) = (Vec::new(), String::new(), text);
    while let Some(start) = left.find("use ") {
        let line_start = left[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let before = left[line_start..start].trim();
        let is_public = before == "pub" || (before.starts_with("pub(") && before.ends_with(')'));
        let end = left[start..].find(';').filter(|_| is_public || before.is_empty());
        let Some(end) = end.map(|end| start + end) else {
            rest.push_str(&left[..start + 4]);
            left = &left[start + 4..];
            continue;
        };
        rest.push_str(&left[..start]);
        uses.push((is_public, left[start + 4..end].to_owned()));
        left = &left[end + 1..];
    }
    rest.push_str(left);
    (uses, rest)
}

/// Every path of a `use` tree, in parts, and the name that it gives.
fn flatten(tree: &str) -> Vec<(Vec<String>, String)> {
    let tree = tree.trim();
    let Some((prefix, group)) = tree.split_once('{') else {
        let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias)));
        let mut parts: Vec<String> = path.split("::").map(|part| part.trim().to_owned()).collect();
        if parts.last().is_some_and(|last| last == "self") {
            parts.pop();
        }
        let name = alias.map(|alias| alias.trim().to_owned()).or_else(|| parts.last().cloned()).unwrap_or_default();
        return vec![(parts, name)];
    };
    let (mut depth, mut start, mut paths) = (0, 0, Vec::new());
    let group = &group[..group.rfind('}').unwrap_or(group.len())];
    let mut branches = Vec::new();
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                branches.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    branches.push(&group[start..]);
    for branch in branches.into_iter().filter(|branch| !branch.trim().is_empty()) {
        paths.extend(flatten(&format!("{prefix}{}", branch.trim())));
    }
    paths
}

/// Paths from the crate's root or from a parent that stand in code.
fn paths_in(text: &str) -> Vec<Vec<String>> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let words = text.split(|letter: char| !is_part(letter));
    let paths = words.filter(|word| word.starts_with("crate::") || word.starts_with("super::"));
    paths.map(|path| path.trim_end_matches(':').split("::").map(str::to_owned).collect()).collect()
}
