//! The celebrity rule: whose posts are pulled by readers instead of pushed to followers.
//!
//! With one threshold an author who hovers around it would flip with every follow, so the rule here has
//! hysteresis: an author becomes a celebrity at the threshold and stops being one only below 90 % of it
//! (docs/functions.md, section 3).

use crate::{Timestamp, UserId, user::User};

/// Readers go on pulling a former celebrity's posts this long, while followers' timelines back-fill.
pub const PULL_AFTER_END_MS: i64 = 10 * 60 * 1_000;

/// The rule with its threshold in followers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CelebrityRule {
    /// An account with at least this many followers becomes a celebrity.
    pub threshold: u64,
}

impl CelebrityRule {
    /// Whether an account with `follower_count` followers is a celebrity, given whether it was one.
    pub fn decide(&self, was_celebrity: bool, follower_count: u64) -> bool {
        if was_celebrity { follower_count >= self.lower_bound() } else { follower_count >= self.threshold }
    }

    /// A celebrity with fewer followers than this stops being one.
    pub fn lower_bound(&self) -> u64 {
        self.threshold - self.threshold / 10
    }
}

/// An author whose posts readers pull, and until when after the celebrity ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PulledAuthor {
    pub author_id: UserId,
    /// `None` while the author is a celebrity.
    pub ended_at: Option<Timestamp>,
}

/// Whether readers pull the posts of `author` at `now`.
pub fn is_pulled(author: &User, now: Timestamp) -> bool {
    author.celebrity || author.celebrity_ended_at.is_some_and(|ended| now.since_ms(ended) < PULL_AFTER_END_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hovering_around_the_threshold_does_not_flip() {
        let rule = CelebrityRule { threshold: 100 };
        let mut celebrity = false;
        let mut flips = 0;
        for count in [98, 99, 100, 99, 100, 95, 90, 100, 89, 95, 99, 100] {
            let next = rule.decide(celebrity, count);
            flips += u32::from(next != celebrity);
            celebrity = next;
        }
        assert_eq!(flips, 3, "up at 100, down at 89, up at 100");
    }
}
