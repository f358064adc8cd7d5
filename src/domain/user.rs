//! Accounts and how two of them stand to each other.

use crate::{Invalid, Timestamp, UserId, text};
use serde::{Deserialize, Serialize};

/// Longest display name, in characters.
pub const MAX_DISPLAY_NAME_CHARS: usize = 60;
/// Longest biography, in characters.
pub const MAX_BIO_CHARS: usize = 300;
/// Password length in bytes: at least, at most. The upper bound keeps hashing bounded.
pub const PASSWORD_BYTES: (usize, usize) = (8, 256);

/// Length of a user name, in characters: at least, at most.
pub const USERNAME_CHARS: (usize, usize) = (3, 30);

/// A user name: 3 to 30 of `a-z`, `0-9`, `_` and `.`, unique whatever its case was.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Username(String);

impl Username {
    /// Checks and lower-cases `text`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let name = text.trim().to_ascii_lowercase();
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.';
        let (least, most) = USERNAME_CHARS;
        if !(least..=most).contains(&name.len()) || !name.chars().all(good) {
            return Err(Invalid::new("username", "must be 3 to 30 letters a to z, digits, underscores or full stops"));
        }
        if name.starts_with('.') || name.ends_with('.') || name.chars().all(|c| c.is_ascii_digit()) {
            return Err(Invalid::new("username", "must not begin or end with a full stop, nor be only digits"));
        }
        Ok(Self(name))
    }

    /// Takes a name back from the ledger, which only ever stored checked ones.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Refuses passwords that are too short or too long. Nothing else is demanded (NIST SP 800-63B, 5.1.1.2).
pub fn check_password(password: &str) -> Result<(), Invalid> {
    let (least, most) = PASSWORD_BYTES;
    if (least..=most).contains(&password.len()) {
        Ok(())
    } else {
        Err(Invalid::new("password", format!("must be {least} to {most} bytes long")))
    }
}

/// A cleaned display name. It stands beside others on one line: it can be seen, and neither breaks nor turns the line.
pub fn display_name(name: &str) -> Result<String, Invalid> {
    const FIELD: &str = "display_name";
    let name = text::clean(FIELD, name, MAX_DISPLAY_NAME_CHARS)?;
    if !name.chars().any(text::is_visible) {
        return Err(Invalid::new(FIELD, "must hold a visible character"));
    }
    if name.contains(['\n', '\r', '\u{2028}', '\u{2029}']) {
        return Err(Invalid::new(FIELD, "must not hold line breaks"));
    }
    if name.chars().any(text::turns_direction) {
        return Err(Invalid::new(FIELD, "must not hold characters that change the direction of text"));
    }
    Ok(name)
}

/// An account as the ledger keeps it, without its password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    pub username: Username,
    pub display_name: String,
    /// A few words about the person.
    pub bio: String,
    /// Only followers see the posts of a private account, and it is never recommended.
    pub private: bool,
    /// Posts of celebrities are pulled by readers, not pushed to followers.
    pub celebrity: bool,
    /// When `celebrity` last became false after having been true; readers go on pulling for a while.
    pub celebrity_ended_at: Option<Timestamp>,
    /// Posts that are not deleted.
    pub post_count: u64,
    /// Accounts that follow this one.
    pub follower_count: u64,
    /// Accounts that this one follows.
    pub following_count: u64,
    /// When the account was made.
    pub created_at: Timestamp,
    /// Set once the account is gone; its posts are then hidden everywhere.
    pub deleted_at: Option<Timestamp>,
}

/// How a viewer stands to another account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Relationship {
    /// The viewer follows the account.
    pub following: bool,
    /// The account follows the viewer.
    pub followed_by: bool,
    /// The viewer blocks the account.
    pub blocking: bool,
    /// The account blocks the viewer.
    pub blocked_by: bool,
    /// The viewer mutes the account.
    pub muting: bool,
}

impl Relationship {
    /// Whether either side blocks the other: then neither sees anything of the other.
    pub fn is_blocked(&self) -> bool {
        self.blocking || self.blocked_by
    }
}

/// What of a viewer's standing to an account decides what they see of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// The viewer follows the account.
    pub following: bool,
    /// Either blocks the other: then neither sees anything of the other.
    pub blocked: bool,
    /// The viewer mutes the account.
    pub muting: bool,
}

impl From<Relationship> for Standing {
    fn from(relationship: Relationship) -> Self {
        let Relationship { following, muting, .. } = relationship;
        Self { following, blocked: relationship.is_blocked(), muting }
    }
}

/// What of an author's posts a viewer may see, decided at read time whatever was pushed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    Visible,
    /// Not in feeds and recommendations, but when asked for by name (muted).
    HiddenInFeeds,
    /// Not at all (blocked either way, private and not followed, or deleted).
    Hidden,
}

/// Decides what `viewer` may see of `author`, given how the viewer stands to the author.
pub fn visibility(viewer: UserId, author: &User, standing: Standing) -> Visibility {
    if author.deleted_at.is_some() {
        Visibility::Hidden
    } else if viewer == author.id {
        Visibility::Visible
    } else if standing.blocked || (author.private && !standing.following) {
        Visibility::Hidden
    } else if standing.muting {
        Visibility::HiddenInFeeds
    } else {
        Visibility::Visible
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_are_lower_cased_and_checked() {
        assert_eq!(Username::parse(" Ada_L ").expect("valid").as_str(), "ada_l");
        for bad in ["ab", "a b c", "ünal", ".abc", "abc.", "12345", &"a".repeat(31), "a/b", "<b>x"] {
            assert!(Username::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_display_name_can_be_seen_and_keeps_to_its_place() {
        // The joiner holds an emoji together, and right-to-left letters need no controls.
        for good in [" Ada L. ", "👩\u{200d}🚀", "עדה לאבלייס", "a\u{a0}b"] {
            assert_eq!(display_name(good).as_deref(), Ok(good.trim()));
        }
        for unseen in ["", " \u{3000}\t", "\u{200b}\u{200d}\u{feff}", "\u{2800}", "\u{3164}", "\u{2060}\u{fe0f}"] {
            let refused = display_name(unseen).expect_err(unseen);
            assert_eq!((refused.field, &*refused.reason), ("display_name", "must hold a visible character"));
        }
        for bad in ["a\nb", "a\rb", "a\u{2028}b", "ada\u{202e}nimda", "a\u{2066}b", "a\u{61c}b", "a\u{200f}b"] {
            assert!(display_name(bad).is_err(), "{bad:?}");
        }
    }
}
