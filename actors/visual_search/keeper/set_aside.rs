//! Posts that could not be embedded just now, until they are tried again: no I/O, no clock.

use std::{collections::BTreeMap, time::Duration};
use tessera_domain::PostId;
use tessera_ports::back_off::BackOff;
use tokio::time::Instant;

/// While this many posts are set aside, no further ones are begun: then it is no single post's fault.
const ENOUGH: usize = 64;
/// A post that failed so often waits for the next round.
const MOST_FAILURES: u32 = 5;
/// The longest pause before the next attempt, in first pauses.
const LONGEST_PAUSE: u32 = 16;

/// A post to embed, and what came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attempt {
    pub post_id: PostId,
    /// How often it was set aside since the round began.
    times: u32,
    /// How often of these because it failed.
    failures: u32,
}

impl Attempt {
    /// A post's first attempt in a round.
    pub fn first(post_id: PostId) -> Self {
        Self { post_id, times: 0, failures: 0 }
    }
}

/// The posts that are set aside.
pub(super) struct SetAside {
    pauses: BackOff,
    posts: BTreeMap<PostId, (Attempt, Instant)>,
}

impl SetAside {
    /// Nothing is set aside yet. The first pause is `pause`, the next ones twice as long each.
    pub fn new(pause: Duration) -> Self {
        Self { pauses: BackOff::new(pause, pause * LONGEST_PAUSE), posts: BTreeMap::new() }
    }

    /// Sets a post aside whose attempt failed at `now`; says whether it will be tried again before the next round.
    pub fn failed(&mut self, attempt: Attempt, now: Instant) -> bool {
        let failures = attempt.failures + 1;
        let is_tried_again = failures < MOST_FAILURES;
        if is_tried_again {
            self.put_off(Attempt { failures, ..attempt }, now);
        }
        is_tried_again
    }

    /// Sets a post aside that was not tried at all at `now`: it is, however long that takes.
    pub fn put_off(&mut self, attempt: Attempt, now: Instant) {
        let due = now + self.pauses.longest(attempt.times.saturating_add(1));
        let again = Attempt { times: attempt.times.saturating_add(1), ..attempt };
        self.posts.insert(attempt.post_id, (again, due));
    }

    /// Takes up to `count` posts that are due at `now`.
    pub fn take_due(&mut self, now: Instant, count: usize) -> Vec<Attempt> {
        let due = self.posts.values().filter(|(_, due)| *due <= now).map(|(attempt, _)| *attempt);
        let due: Vec<Attempt> = due.take(count).collect();
        due.iter().for_each(|attempt| {
            self.posts.remove(&attempt.post_id);
        });
        due
    }

    /// Whether further posts may be begun.
    pub fn has_room(&self) -> bool {
        self.posts.len() < ENOUGH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(2);

    fn first(post: u64) -> Attempt {
        Attempt::first(PostId(post))
    }

    #[test]
    fn a_post_that_fails_is_tried_again_later_and_later_and_then_left_to_the_next_round() {
        let mut now = Instant::now();
        let mut aside = SetAside::new(PAUSE);
        let mut attempt = first(1);
        let mut pauses = Vec::new();
        while aside.failed(attempt, now) {
            let pause = (0..60).map(Duration::from_secs).find(|pause| {
                let due = aside.take_due(now + *pause, 10);
                due.first().inspect(|again| attempt = **again).is_some()
            });
            pauses.push(pause.expect("it is due within a minute").as_secs());
            now += PAUSE;
        }
        assert_eq!(pauses, [2, 4, 8, 16]);
        assert!(aside.take_due(now + Duration::from_secs(3_600), 10).is_empty(), "given up");
    }

    #[test]
    fn a_post_that_was_not_tried_is_never_given_up_and_waits_half_a_minute_at_most() {
        let mut now = Instant::now();
        let mut aside = SetAside::new(PAUSE);
        let mut attempt = first(1);
        for _ in 0..40 {
            aside.put_off(attempt, now);
            now += Duration::from_secs(32);
            attempt = aside.take_due(now, 10).pop().expect("it is due");
        }
        assert!(aside.failed(attempt, now), "that it was not tried does not count as a failure");
    }

    #[test]
    fn no_more_than_asked_for_are_taken_and_no_end_of_them_is_kept() {
        let now = Instant::now();
        let mut aside = SetAside::new(PAUSE);
        for post in 0..64 {
            assert!(aside.has_room());
            aside.put_off(first(post), now);
        }
        assert!(!aside.has_room());
        assert!(aside.take_due(now, 4).is_empty(), "not yet");
        assert_eq!(aside.take_due(now + PAUSE, 4).len(), 4);
        assert!(aside.has_room());
    }
}
