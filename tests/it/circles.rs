//! No circle of more than two files inside a crate: files that import each other can only be understood together.
//!
//! An import is a `use` of a file of the same crate, or a path to one. A file that only hands an item on (`pub use`) is
//! looked through. Tests are left out.

use cargo_metadata::MetadataCommand;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A file, by the path of its module: empty for the crate's root.
type Module = Vec<String>;

#[test]
fn no_circle_is_of_more_than_two_files() {
    let metadata = MetadataCommand::new().no_deps().exec().expect("cargo metadata runs");
    let targets = metadata.packages.iter().flat_map(|package| &package.targets);
    let mut circles = Vec::new();
    let mut files = 0;
    for target in targets.filter(|target| target.is_lib() || target.is_bin()) {
        let sources = Sources::read(target.src_path.as_std_path());
        files += sources.texts.len();
        let names = |circle: Vec<Module>| circle.iter().map(|file| file.join("::")).collect::<Vec<_>>();
        let large = sources.circles().into_iter().filter(|circle| circle.len() > 2);
        circles.extend(large.map(|circle| (target.name.clone(), names(circle))));
    }
    assert!(files > 500, "the crates' files are found: {files}");
    assert!(circles.is_empty(), "files that import each other in a circle: {circles:#?}");
}

#[test]
fn a_circle_is_found_and_who_only_hands_on_is_no_part_of_it() {
    let module = |path: &str| path.split("::").map(str::to_owned).collect::<Module>();
    let sources = |texts: &[(&str, &str)]| Sources {
        texts: texts.iter().map(|(path, text)| (module(path), without_comments_and_tests(text))).collect(),
    };
    let circle = sources(&[
        ("a", "use super::b::{self, B};\npub use inner::{I as J};"),
        ("b", "use crate::{c::C, std_like};"),
        ("c", "fn c() -> super::a::A {}"),
        ("a::inner", "use crate::d::D;"),
        ("d", "use crate::a::J;"),
        ("e", "pub(in crate::a) fn e() {}\nmod inner {\n    use super::e;\n}"),
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

/// A file's text as far as it imports: without comments, tests and the scopes of visibilities (`pub(in path)`), and
/// with what a module inside of the file says to its parent said to the file.
fn without_comments_and_tests(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut is_inside = false;
    let lines = text.lines().map(|line| match line {
        _ if line.trim_start().starts_with("//") => String::new(),
        "}" => {
            is_inside = false;
            line.to_owned()
        }
        _ if line.ends_with('{') && (line.starts_with("mod ") || line.contains(" mod ")) => {
            is_inside = true;
            line.to_owned()
        }
        _ if is_inside => {
            without_scope(line).replace("super::super::", "\0").replace("super::", "self::").replace('\0', "super::")
        }
        _ => without_scope(line),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn without_scope(line: &str) -> String {
    match line.split_once("pub(in ").and_then(|(before, rest)| Some((before, rest.split_once(')')?.1))) {
        Some((before, after)) => format!("{before}pub(crate){after}"),
        None => line.to_owned(),
    }
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
