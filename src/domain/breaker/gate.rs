//! What calls see of a breaker: its state in one word, read and counted down without a lock.
//!
//! The machine is the only one who changes the state; calls only take probes and give them back.

use super::{BreakerState, Outcome};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// States are told apart by number, modulo this many bits: enough for four million changes while one call is under way.
pub(super) const GENERATION_BITS: u32 = 22;
const STATE_BITS: u32 = 3;
const ATTENTIVE: u64 = 1 << STATE_BITS;
const UNTOUCHED: u64 = ATTENTIVE << 1;
const PROBES_AT: u32 = STATE_BITS + 2;
const ONE_PROBE: u64 = 1 << PROBES_AT;
const PROBE_BITS: u32 = 16;
const GENERATION_AT: u32 = PROBES_AT + PROBE_BITS;
/// An open breaker that nobody knows the end of.
const NO_END: u64 = u64::MAX;

/// A call may go ahead. It is ended by [`Gate::end`] or [`Gate::release`], once.
#[derive(Debug)]
#[must_use = "a permission that is neither ended nor released is never given back"]
pub struct Permission {
    /// The state that gave it, by number.
    pub(super) generation: u32,
    is_first_probe: bool,
}

impl Permission {
    /// Whether it is the first of a half-open state: the machine must be told, since the time for probes runs from
    /// here.
    pub fn is_first_probe(&self) -> bool {
        self.is_first_probe
    }

    /// The number of the state that gave it.
    pub fn generation(&self) -> u32 {
        self.generation
    }
}

/// A call may not go ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// When it may be worth asking again; `None` where nobody knows.
    pub retry_after: Option<Duration>,
}

/// How a permitted call ended, for the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The state that permitted it, by number.
    pub generation: u32,
    pub failed: bool,
    /// Whether it was slow.
    pub slow: bool,
    /// When it ended, in milliseconds.
    pub at_ms: u64,
}

impl Ended {
    /// As one word; times past 34 years begin anew.
    pub fn to_bits(self) -> u64 {
        u64::from(self.failed)
            | u64::from(self.slow) << 1
            | u64::from(self.generation & generation_mask()) << 2
            | self.at_ms << (2 + GENERATION_BITS)
    }

    /// The call whose word this is.
    pub fn from_bits(bits: u64) -> Self {
        Self {
            failed: bits & 1 != 0,
            slow: bits & 2 != 0,
            generation: (bits >> 2) as u32 & generation_mask(),
            at_ms: bits >> (2 + GENERATION_BITS),
        }
    }
}

pub(super) fn generation_mask() -> u32 {
    (1 << GENERATION_BITS) - 1
}

/// What the machine says to calls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub state: BreakerState,
    pub generation: u32,
    /// Permissions that a half-open state gives.
    pub probes: u32,
    /// Whether the end of any call may change the state.
    pub is_attentive: bool,
}

impl Standing {
    fn word(self) -> u64 {
        let state = BreakerState::ALL.iter().position(|state| *state == self.state).unwrap_or_default() as u64;
        state
            | if self.is_attentive { ATTENTIVE } else { 0 }
            | UNTOUCHED
            | u64::from(self.probes) << PROBES_AT
            | u64::from(self.generation) << GENERATION_AT
    }
}

fn state_of(word: u64) -> BreakerState {
    let number = (word & (ATTENTIVE - 1)) as usize;
    // Only words of a standing are stored.
    BreakerState::ALL.get(number).copied().unwrap_or(BreakerState::Closed)
}

fn generation_of(word: u64) -> u32 {
    (word >> GENERATION_AT) as u32
}

fn probes_of(word: u64) -> u64 {
    (word >> PROBES_AT) & ((1 << PROBE_BITS) - 1)
}

/// Where calls ask. Shared by all callers of a breaker and its machine.
#[derive(Debug)]
pub struct Gate {
    word: AtomicU64,
    /// When an open breaker lets probes pass, in nanoseconds of the machine's time.
    open_until_ns: AtomicU64,
    not_permitted: AtomicU64,
    slow_call: Duration,
}

impl Gate {
    pub(super) fn new(standing: Standing, slow_call: Duration) -> Self {
        Self {
            word: AtomicU64::new(standing.word()),
            open_until_ns: AtomicU64::new(NO_END),
            not_permitted: AtomicU64::new(0),
            slow_call,
        }
    }

    /// Asks whether a call may go ahead now.
    ///
    /// # Errors
    /// [`Refused`] while open, forced open, or half open with all its probes given out.
    pub fn acquire(&self, now: Duration) -> Result<Permission, Refused> {
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            let (state, generation) = (state_of(word), generation_of(word));
            match state {
                BreakerState::Closed | BreakerState::Disabled => {
                    return Ok(Permission { generation, is_first_probe: false });
                }
                BreakerState::HalfOpen if probes_of(word) > 0 => {
                    let taken = (word - ONE_PROBE) & !UNTOUCHED;
                    match self.word.compare_exchange_weak(word, taken, Ordering::AcqRel, Ordering::Acquire) {
                        Ok(_) => return Ok(Permission { generation, is_first_probe: word & UNTOUCHED != 0 }),
                        Err(current) => word = current,
                    }
                }
                _ => return Err(self.refuse(state, now)),
            }
        }
    }

    fn refuse(&self, state: BreakerState, now: Duration) -> Refused {
        self.not_permitted.fetch_add(1, Ordering::Relaxed);
        let until = self.open_until().filter(|_| state == BreakerState::Open);
        Refused { retry_after: until.map(|until| until.saturating_sub(now)) }
    }

    /// Ends a permitted call that took so long; what the machine has to hear of it. One that says nothing about the
    /// dependency gives its permission back.
    pub fn end(&self, permission: Permission, outcome: Outcome, took: Duration, now: Duration) -> Option<Ended> {
        if outcome == Outcome::Ignored {
            self.release(permission);
            return None;
        }
        let (failed, slow) = (outcome == Outcome::Failure, took > self.slow_call);
        Some(Ended { generation: permission.generation, failed, slow, at_ms: now.as_millis() as u64 })
    }

    /// Gives a permission back whose call was not made, or whose end nobody learned.
    pub fn release(&self, permission: Permission) {
        // No more can come back than were given: each permission is given back once, to the state that gave it.
        let given_back = |word| {
            let is_same = state_of(word) == BreakerState::HalfOpen && generation_of(word) == permission.generation;
            is_same.then(|| word + ONE_PROBE)
        };
        let _ = self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, given_back);
    }

    /// Where the breaker stands.
    pub fn state(&self) -> BreakerState {
        state_of(self.word.load(Ordering::Acquire))
    }

    /// Whether the end of any call may change the state. Where it is not so, those that went well can wait to be heard.
    pub fn is_attentive(&self) -> bool {
        self.word.load(Ordering::Acquire) & ATTENTIVE != 0
    }

    /// Calls refused in its whole life.
    pub fn not_permitted(&self) -> u64 {
        self.not_permitted.load(Ordering::Relaxed)
    }

    /// When an open breaker lets probes pass.
    pub fn open_until(&self) -> Option<Duration> {
        let until = self.open_until_ns.load(Ordering::Relaxed);
        (until != NO_END).then(|| Duration::from_nanos(until))
    }

    pub(super) fn generation(&self) -> u32 {
        generation_of(self.word.load(Ordering::Acquire))
    }

    /// A new state. Whoever took a probe of the old one meanwhile has it of the old one.
    pub(super) fn publish(&self, standing: Standing, open_until: Option<Duration>) {
        let until = open_until.map_or(NO_END, |until| u64::try_from(until.as_nanos()).unwrap_or(NO_END));
        self.open_until_ns.store(until, Ordering::Relaxed);
        self.word.store(standing.word(), Ordering::Release);
    }

    /// The same state, attentive or not.
    pub(super) fn set_attentive(&self, is_attentive: bool) {
        if is_attentive {
            self.word.fetch_or(ATTENTIVE, Ordering::AcqRel);
        } else {
            self.word.fetch_and(!ATTENTIVE, Ordering::AcqRel);
        }
    }
}
