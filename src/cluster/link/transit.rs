//! How late a frame is, from the sender's clock in it (wire version 2). Pure.
//!
//! A deadline travels as the time that remains when the frame is written. A frame that then lies in buffers,
//! because its reader was suspended or swamped, would have its requests served long after their callers gave up. The
//! clocks of two nodes have nothing in common, but the least difference between "received here" and "sent there" is
//! a trip without waiting, so whatever a frame needs beyond that it spent waiting. The least difference is
//! taken over the last half to full minute only, because clocks drift apart.

use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(30);

/// The shortest trips seen lately.
#[derive(Debug)]
pub(super) struct Transit {
    began: Instant,
    window_began: Instant,
    current: Option<i32>,
    previous: Option<i32>,
}

impl Transit {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, window_began: now, current: None, previous: None }
    }

    /// How much longer than the shortest trip a frame took that was sent at `sent_at_ms` of its sender's clock.
    pub(super) fn lateness(&mut self, sent_at_ms: u32, now: Instant) -> Duration {
        if now.saturating_duration_since(self.window_began) >= WINDOW {
            self.previous = self.current.take();
            self.window_began = now;
        }
        let here_ms = now.saturating_duration_since(self.began).as_millis() as u32;
        // Both clocks wrap after 49 days; their difference stays right.
        let trip = here_ms.wrapping_sub(sent_at_ms) as i32;
        let shorter = |known: i32| if trip.wrapping_sub(known) < 0 { trip } else { known };
        self.current = Some(self.current.map_or(trip, shorter));
        let shortest = [self.previous, self.current]
            .into_iter()
            .flatten()
            .fold(trip, |least, known| if known.wrapping_sub(least) < 0 { known } else { least });
        Duration::from_millis(u64::from(trip.wrapping_sub(shortest).max(0) as u32))
    }
}
