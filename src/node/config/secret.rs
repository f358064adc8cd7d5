//! Values that are never shown: secrets, and URLs that may hold a password.

use std::fmt;

/// A secret: left out of `Debug`, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for those who must present it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}

/// The URL of a server, which may hold a password: shown without it.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// Keeps `url` as it is.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL with its password, for the client that connects.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A query may hold a password too (Postgres' `?password=`), so it is not shown at all.
        let shown = self.0.split('?').next().unwrap_or_default();
        match password(shown) {
            Some(password) => formatter.write_str(&shown.replacen(&format!(":{password}@"), ":***@", 1)),
            None => formatter.write_str(shown),
        }
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

/// Whether `text` is a URL with a password in it.
pub fn holds_password(text: &str) -> bool {
    let query = text.split_once('?').map_or("", |(_, query)| query);
    password(text).is_some() || query.split('&').any(|pair| pair.starts_with("password="))
}

/// The password in a URL's authority: what stands between the first colon and the last `@` before the host.
fn password(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (user_info, _) = rest.rsplit_once('@')?;
    let (_, password) = user_info.split_once(':')?;
    Some(password).filter(|password| !password.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{Secret, ServerUrl, holds_password};

    #[test]
    fn passwords_are_found_and_never_shown() {
        let check = |url: &str, found: bool, shown: &str| {
            assert_eq!(holds_password(url), found, "{url}");
            assert_eq!(ServerUrl::new(url).to_string(), shown);
            assert_eq!(format!("{:?}", ServerUrl::new(url)), shown);
        };
        check("postgres://tessera@db:5432/tessera", false, "postgres://tessera@db:5432/tessera");
        check("postgres://tessera:pa@ss/w:d@db/tessera", true, "postgres://tessera:***@db/tessera");
        check("postgres://db/tessera?user=a&password=b", true, "postgres://db/tessera");
        check("rediss://:word@cache:6379", true, "rediss://:***@cache:6379");
        check("redis+sentinel://:w@a:26379,b:26379/main", true, "redis+sentinel://:***@a:26379,b:26379/main");
        check("memory:", false, "memory:");
        assert_eq!(format!("{:?}", Secret::new("word")), "(secret)");
    }
}
