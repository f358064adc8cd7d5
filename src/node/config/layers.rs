//! Merging the layers: defaults, file, environment, `--set`.

use super::{Config, ConfigError, DEFAULTS, secret::holds_password, validated::RawConfig};
use std::path::Path;
use toml::{Table, Value};

/// Environment variables of this product begin with this; `__` separates the parts of a key.
const ENVIRONMENT_PREFIX: &str = "TESSERA__";
/// Settings that may not stand on a command line, where other users of the machine can read them.
const SECRETS: &[&str] = &["admin.token", "objects.secret_key", "cluster.secret", "hot.sentinel_password"];

/// Loads the configuration from `file`, `environment` and `sets` (`key=value`), later ones winning.
pub fn load(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
    sets: &[String],
) -> Result<Config, ConfigError> {
    let defaults: Table = DEFAULTS.parse().map_err(|error| ConfigError(format!("the built-in defaults: {error}")))?;
    let mut merged = defaults.clone();
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError(format!("cannot read {}: {error}", path.display())))?;
        let table: Table = text.parse().map_err(|error| ConfigError(format!("{}: {error}", path.display())))?;
        merge(&mut merged, table, &defaults, "")
            .map_err(|error| ConfigError(format!("{}: {error}", path.display())))?;
    }
    for (name, text) in environment {
        if let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX) {
            let key = key.split("__").map(str::to_lowercase).collect::<Vec<_>>().join(".");
            set(&mut merged, &defaults, &key, &text).map_err(|error| ConfigError(format!("{name}: {error}")))?;
        }
    }
    for assignment in sets {
        let (key, text) = assignment.split_once('=').ok_or_else(|| {
            ConfigError(format!("--set {assignment}: expected key=value, as in http.listen=127.0.0.1:8080"))
        })?;
        let key = key.trim();
        let variable = || format!("{ENVIRONMENT_PREFIX}{}", key.to_uppercase().replace('.', "__"));
        if SECRETS.contains(&key) {
            return Err(ConfigError(format!(
                "--set {key}: a secret does not belong on a command line; use the environment ({}) or a file",
                variable()
            )));
        }
        if holds_password(text) {
            return Err(ConfigError(format!(
                "--set {key}: a URL with a password does not belong on a command line; use the environment ({}) or a \
                 file",
                variable()
            )));
        }
        set(&mut merged, &defaults, key, text).map_err(|error| ConfigError(format!("--set {error}")))?;
    }
    let raw: RawConfig =
        Value::Table(merged).try_into().map_err(|error: toml::de::Error| ConfigError(error.message().to_owned()))?;
    raw.validate()
}

/// Lays `over` on `base`; every key must stand in `known`, with a value of the same type.
fn merge(base: &mut Table, over: Table, known: &Table, prefix: &str) -> Result<(), ConfigError> {
    for (key, value) in over {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match (known.get(&key), value) {
            (None, _) => return Err(unknown(&path)),
            (Some(Value::Table(known)), Value::Table(over)) => {
                let section = base.entry(&key).or_insert_with(|| Value::Table(Table::new()));
                if let Value::Table(section) = section {
                    merge(section, over, known, &path)?;
                }
            }
            // A whole number is a number too.
            (Some(Value::Float(_)), Value::Integer(whole)) => {
                base.insert(key, Value::Float(whole as f64));
            }
            (Some(Value::Integer(_)), Value::Integer(negative)) if negative < 0 => {
                return Err(ConfigError(format!("{path}: must not be negative, found {negative}")));
            }
            (Some(known), value) => {
                if known.type_str() != value.type_str() {
                    let (expected, found) = (known.type_str(), value.type_str());
                    return Err(ConfigError(format!("{path}: expected {expected}, found {found}")));
                }
                base.insert(key, value);
            }
        }
    }
    Ok(())
}

/// Sets one key from text, read as the type that the default has.
fn set(base: &mut Table, defaults: &Table, key: &str, text: &str) -> Result<(), ConfigError> {
    let known = find(defaults, key).ok_or_else(|| unknown(key))?;
    let value = match known {
        Value::String(_) => Value::String(text.to_owned()),
        Value::Table(_) => return Err(ConfigError(format!("{key} is a section; set one of its keys"))),
        other => {
            let expected = other.type_str();
            let parsed: Table = format!("value = {text}")
                .parse()
                .map_err(|_| ConfigError(format!("{key}: expected {expected}, found {text:?}")))?;
            parsed.get("value").cloned().ok_or_else(|| ConfigError(format!("{key}: expected {expected}")))?
        }
    };
    let mut over = value;
    for part in key.rsplit('.') {
        over = Value::Table(Table::from_iter([(part.to_owned(), over)]));
    }
    match over {
        Value::Table(over) => merge(base, over, defaults, ""),
        _ => Ok(()),
    }
}

fn find<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let mut parts = key.split('.');
    let first = table.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.as_table()?.get(part))
}

fn unknown(key: &str) -> ConfigError {
    let defaults: Table = DEFAULTS.parse().unwrap_or_default();
    let mut keys = Vec::new();
    collect_keys(&defaults, "", &mut keys);
    let nearest = keys
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(a, key).total_cmp(&strsim::jaro_winkler(b, key)).then_with(|| b.cmp(a)));
    ConfigError(match nearest {
        Some(nearest) => format!("there is no setting {key:?}; did you mean {nearest:?}?"),
        None => format!("there is no setting {key:?}"),
    })
}

fn collect_keys(table: &Table, prefix: &str, keys: &mut Vec<String>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(section) => collect_keys(section, &path, keys),
            _ => keys.push(path),
        }
    }
}
