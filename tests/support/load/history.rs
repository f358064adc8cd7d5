//! What a load did, attempt by attempt, and what it was told.

use crate::Problem;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// Who waits longer than this for an answer is not served.
const SLOW: Duration = Duration::from_secs(1);

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// It was refused for good (4xx): it had no effect.
    Refused(Problem),
    /// 503, another 5xx, or no answer: it may have had its effect or not.
    Unknown(Problem),
}

/// One request of a load.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Who made it, by number.
    pub person: usize,
    /// What it was, such as `like`.
    pub what: &'static str,
    /// When it was sent.
    pub started: Instant,
    /// When it was answered, or given up.
    pub ended: Instant,
    /// What became of it.
    pub outcome: Outcome,
}

impl Attempt {
    /// Whether it failed: neither acknowledged nor refused for good.
    pub fn failed(&self) -> bool {
        matches!(self.outcome, Outcome::Unknown(_))
    }
}

/// Something that is or is not, such as a like: what a person asked for last, and whether that was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Acknowledged: it must be.
    Is,
    /// Acknowledged: it must not be.
    IsNot,
    /// Never acknowledged: it may be or not.
    Either,
}

impl Standing {
    /// Whether what was found contradicts what was acknowledged.
    pub fn contradicts(self, found: bool) -> bool {
        matches!((self, found), (Self::Is, false) | (Self::IsNot, true))
    }
}

/// Everything that one person did.
#[derive(Debug, Default)]
pub struct Deeds {
    /// All attempts, in order.
    pub attempts: Vec<Attempt>,
    /// Posts they like, by id.
    pub likes: BTreeMap<String, Standing>,
    /// Authors they follow, by number.
    pub follows: BTreeMap<usize, Standing>,
    /// Comments, by text, with the post; `Is` or `Either`.
    pub comments: BTreeMap<String, (String, Standing)>,
    /// Uploads that were completed, by id; `Is` or `Either`. The caption of each post is its upload's id.
    pub uploads: BTreeMap<String, Standing>,
    /// What failed once and is left as it is from then on.
    pub settled: BTreeSet<String>,
}

/// Everything that a load did.
#[derive(Debug, Default)]
pub struct History {
    pub people: Vec<Deeds>,
}

impl History {
    /// All attempts, by the time they were sent.
    pub fn attempts(&self) -> Vec<&Attempt> {
        let mut all: Vec<&Attempt> = self.people.iter().flat_map(|deeds| &deeds.attempts).collect();
        all.sort_by_key(|attempt| attempt.started);
        all
    }

    /// The attempts that failed.
    pub fn failures(&self) -> Vec<&Attempt> {
        self.attempts().into_iter().filter(|attempt| attempt.failed()).collect()
    }

    /// How long after `since` people were still kept waiting: until the last of the attempts sent between `since` and
    /// `until` that failed or took longer than a second had ended. Zero where there is none.
    pub fn outage(&self, since: Instant, until: Instant) -> Duration {
        let hurt = |attempt: &&&Attempt| {
            let sent = attempt.started <= until && attempt.ended >= since;
            sent && (attempt.failed() || attempt.ended - attempt.started > SLOW)
        };
        let last = self.attempts().iter().filter(hurt).map(|attempt| attempt.ended).max();
        last.map_or(Duration::ZERO, |last| last.saturating_duration_since(since))
    }

    /// The longest that an attempt sent between `since` and `until` took.
    pub fn slowest(&self, since: Instant, until: Instant) -> Duration {
        let sent = |attempt: &&&Attempt| attempt.started <= until && attempt.ended >= since;
        let times = self.attempts();
        times.iter().filter(sent).map(|attempt| attempt.ended - attempt.started).max().unwrap_or_default()
    }

    /// Numbers for the log: attempts, failures and the slowest, by kind.
    pub fn summary(&self) -> String {
        let mut kinds: BTreeMap<&str, (usize, usize, Duration)> = BTreeMap::new();
        for attempt in self.attempts() {
            let (count, failed, slowest) = kinds.entry(attempt.what).or_default();
            *count += 1;
            *failed += usize::from(attempt.failed());
            *slowest = (*slowest).max(attempt.ended - attempt.started);
        }
        let words = kinds.iter().map(|(kind, (count, failed, slowest))| {
            format!("{kind} {count} ({failed} failed, slowest {} ms)", slowest.as_millis())
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// The failures in words, for messages: at most `most` of them.
    pub fn describe_failures(&self, since: Instant, most: usize) -> String {
        let failures = self.failures();
        let words = failures.iter().take(most).map(|attempt| {
            let Outcome::Unknown(problem) = &attempt.outcome else { return String::new() };
            let at = attempt.started.saturating_duration_since(since);
            let took = attempt.ended - attempt.started;
            format!("  {at:?} +{took:?} {} by {}: {} {}\n", attempt.what, attempt.person, problem.status, problem.body)
        });
        format!("{} failures:\n{}", failures.len(), words.collect::<String>())
    }
}
