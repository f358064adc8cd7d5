//! What waits for one peer: a bounded queue, cut into frames while credits last. Pure, without a clock of its own.
//!
//! A counted frame takes a credit, and the peer's acknowledgement gives it back, so that at most
//! [`FRAMES_IN_FLIGHT`] are under way. What comes meanwhile waits here and forms the next frame: the slower the peer,
//! the fuller the frames. Acknowledgements ride on frames; alone they go once half the credits wait for one.

use super::frame::{Entry, FrameError, Header, VERSION_WITH_CLOCK};
use crate::Deadline;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// How many counted frames may be under way to one peer.
pub(super) const FRAMES_IN_FLIGHT: u64 = 4;

/// From this size on a frame takes nothing more; a larger value has a frame of its own.
const FRAME_BYTES: usize = 64 * 1024;

/// So many frames handled and not yet acknowledged are told even if there is nothing else to say.
const ACKNOWLEDGE_AFTER: u64 = FRAMES_IN_FLIGHT / 2;

/// The most control entries (pings and pongs) that wait.
const MAX_CONTROL: usize = 16;

/// How much may wait for one peer.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutboxLimits {
    pub(super) requests: usize,
    pub(super) bytes: usize,
}

/// Why an entry was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Overloaded,
    Closed,
}

#[derive(Debug)]
struct Queued {
    entry: Entry,
    deadline: Option<Deadline>,
}

/// What waits for one peer, and the credits of both directions.
#[derive(Debug)]
pub(super) struct Outbox {
    version: u16,
    session: u64,
    limits: OutboxLimits,
    /// When the session began: what the clock in a frame counts from.
    began: Instant,
    queue: VecDeque<Queued>,
    control: VecDeque<Entry>,
    bytes: usize,
    requests: usize,
    sent: u64,
    sent_acknowledged: u64,
    handled: u64,
    handled_told: u64,
    expired: u64,
    goodbye: bool,
    closed: bool,
}

impl Outbox {
    pub(super) fn new(version: u16, session: u64, limits: OutboxLimits, began: Instant) -> Self {
        Self {
            version,
            session,
            limits,
            began,
            queue: VecDeque::new(),
            control: VecDeque::new(),
            bytes: 0,
            requests: 0,
            sent: 0,
            sent_acknowledged: 0,
            handled: 0,
            handled_told: 0,
            expired: 0,
            goodbye: false,
            closed: false,
        }
    }

    /// Takes a request or a notice, within the bounds.
    pub(super) fn offer(&mut self, entry: Entry, deadline: Deadline) -> Result<(), Refused> {
        if self.closed || self.goodbye {
            return Err(Refused::Closed);
        }
        let bytes = entry.wire_bytes();
        if self.requests >= self.limits.requests || self.bytes + bytes > self.limits.bytes {
            return Err(Refused::Overloaded);
        }
        self.requests += 1;
        self.bytes += bytes;
        self.queue.push_back(Queued { entry, deadline: Some(deadline) });
        Ok(())
    }

    /// Takes an answer. Their number is bounded by what is being served; `substitute` takes the place of one whose
    /// size goes beyond twice the bound.
    pub(super) fn answer(&mut self, answer: Entry, substitute: impl FnOnce() -> Entry) {
        if self.closed {
            return;
        }
        let fits = self.bytes + answer.wire_bytes() <= self.limits.bytes * 2;
        let entry = if fits { answer } else { substitute() };
        self.bytes += entry.wire_bytes();
        self.queue.push_back(Queued { entry, deadline: None });
    }

    /// Takes a ping or a pong; drops it when nothing gets through anyway.
    pub(super) fn control(&mut self, entry: Entry) {
        if !self.closed && self.control.len() < MAX_CONTROL {
            self.control.push_back(entry);
        }
    }

    /// Says goodbye once everything else is said. Requests are no longer taken.
    pub(super) fn goodbye(&mut self) {
        if !self.goodbye && !self.closed {
            self.goodbye = true;
            self.queue.push_back(Queued { entry: Entry::Goodbye, deadline: None });
            self.bytes += Entry::Goodbye.wire_bytes();
        }
    }

    /// Whether goodbye was said, or is about to be.
    pub(super) fn is_leaving(&self) -> bool {
        self.goodbye
    }

    /// Another counted frame of the peer was handled.
    pub(super) fn handled(&mut self) {
        self.handled += 1;
    }

    /// The peer has handled so many counted frames.
    pub(super) fn acknowledged(&mut self, total: u64) -> Result<(), FrameError> {
        if total > self.sent {
            return Err(FrameError::Acknowledgement);
        }
        self.sent_acknowledged = self.sent_acknowledged.max(total);
        Ok(())
    }

    /// Whether [`Outbox::next_frame`] would give one.
    pub(super) fn has_frame(&self) -> bool {
        let data = !self.queue.is_empty() && self.in_flight() < FRAMES_IN_FLIGHT;
        data || !self.control.is_empty() || self.handled - self.handled_told >= ACKNOWLEDGE_AFTER
    }

    /// The next frame, if there is something to say and a credit to say it with.
    pub(super) fn next_frame(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.closed || !self.has_frame() {
            return None;
        }
        let mut frame = Vec::with_capacity((self.bytes + 256).min(FRAME_BYTES));
        let header = Header {
            version: self.version,
            counted: false,
            session: self.session,
            acknowledged: self.handled,
            sent_at_ms: (self.version >= VERSION_WITH_CLOCK).then(|| self.clock_ms(now)),
        };
        header.write(&mut frame);
        self.handled_told = self.handled;
        self.control.drain(..).for_each(|entry| entry.write(&mut frame));
        if self.in_flight() < FRAMES_IN_FLIGHT && self.fill(&mut frame, now) {
            Header::count(&mut frame);
            self.sent += 1;
        }
        Some(frame)
    }

    /// Moves what waits into a frame; whether there was anything.
    fn fill(&mut self, frame: &mut Vec<u8>, now: Instant) -> bool {
        let begin = frame.len();
        while let Some(next) = self.queue.front() {
            if frame.len() > begin && frame.len() + next.entry.wire_bytes() > FRAME_BYTES {
                break;
            }
            let Some(Queued { mut entry, deadline }) = self.queue.pop_front() else { break };
            self.bytes -= entry.wire_bytes();
            if let Some(deadline) = deadline {
                self.requests -= 1;
                let left = deadline.instant().saturating_duration_since(now);
                if left.is_zero() {
                    self.expired += 1;
                    continue;
                }
                if let Entry::Request { remaining, .. } | Entry::Notice { remaining, .. } = &mut entry {
                    *remaining = left;
                }
            }
            entry.write(frame);
        }
        frame.len() > begin
    }

    /// The clock that version 2 sends along: milliseconds, wrapping.
    fn clock_ms(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.began).as_millis() as u32
    }

    /// Ends it. Gives the requests that were never sent.
    pub(super) fn close(&mut self) -> Vec<u64> {
        self.closed = true;
        self.control.clear();
        self.bytes = 0;
        self.requests = 0;
        let request_id = |queued: Queued| match queued.entry {
            Entry::Request { id, .. } => Some(id),
            _ => None,
        };
        self.queue.drain(..).filter_map(request_id).collect()
    }

    /// How many counted frames are under way.
    pub(super) fn in_flight(&self) -> u64 {
        self.sent - self.sent_acknowledged
    }

    /// How many bytes wait.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.bytes
    }

    /// How many requests were dropped because their deadline passed while they waited here.
    pub(super) fn expired(&self) -> u64 {
        self.expired
    }
}

/// How long a notice stays worth delivering: it has no deadline of its own.
pub(super) const NOTICE_LIFETIME: Duration = Duration::from_secs(10);
