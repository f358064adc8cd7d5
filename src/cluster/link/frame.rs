//! Frames: what a plain cast to a peer's gateway carries. Pure; whatever the bytes are, reading them never panics.
//!
//! ```text
//! header  magic u16 · version u16 · flags u8 · session u64 · acknowledged u64 · (version 2:) sent_at_ms u32
//! entry   kind u8 · id u64 · length u32 · body, as many as fit
//! request (the body of kinds 1 and 2) method u16 · flags u8 · epoch u64 · remaining_ms u32 · payload
//! ```
//!
//! Integers are big-endian. A length stands before every body, so that a reader steps over a kind that it does not
//! know and says so to whoever asked. Version 2 adds the sender's clock: see [`super::transit`].

use crate::{
    transport::{RemoteError, Request},
    wire,
};
use bytes::{Buf, BufMut, Bytes};
use std::time::Duration;

const MAGIC: u16 = 0x5446;
const FLAGS_AT: usize = 2 + 2;
const FLAG_COUNTED: u8 = 1;
const FLAG_ONLY_IF_ACTIVE: u8 = 1;
const ENTRY_HEADER_BYTES: usize = 1 + 8 + 4;
const REQUEST_HEADER_BYTES: usize = 2 + 1 + 8 + 4;

/// The most bytes of a frame beside one payload: what the inbound limit allows on top of a value.
pub(super) const FRAME_OVERHEAD_BYTES: usize = 1024;

/// The first version whose frames carry the sender's clock.
pub(super) const VERSION_WITH_CLOCK: u16 = 2;

/// What an entry is. With the high bit set it is about a request of its reader, without it about one of its writer, so
/// that a reader of an older version knows whom to tell that it does not understand.
mod kind {
    pub(super) const REQUEST: u8 = 1;
    pub(super) const NOTICE: u8 = 2;
    pub(super) const PING: u8 = 3;
    pub(super) const GOODBYE: u8 = 4;
    pub(super) const ANSWERS: u8 = 0x80;
    pub(super) const ANSWER: u8 = ANSWERS | 1;
    pub(super) const FAILURE: u8 = ANSWERS | 2;
    pub(super) const PONG: u8 = ANSWERS | 3;
}

/// Why bytes are no frame. The session that carried them is at an end, for nothing after them can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    #[error("it does not begin as a frame does")]
    Magic,
    #[error("it is of wire version {0}, which was not agreed")]
    Version(u16),
    #[error("it ends too early")]
    Truncated,
    #[error("it acknowledges frames that were not sent")]
    Acknowledgement,
}

/// The beginning of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: u16,
    /// Whether the frame takes one of the sender's few credits.
    pub(super) counted: bool,
    /// The session it belongs to, as both sides derived it from their handshake.
    pub(super) session: u64,
    /// How many counted frames the sender has handled so far.
    pub(super) acknowledged: u64,
    /// The sender's clock, from version 2 on.
    pub(super) sent_at_ms: Option<u32>,
}

/// One thing said in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// To be answered under `id`, unless `remaining` has passed.
    Request {
        id: u64,
        request: Request,
        remaining: Duration,
    },
    /// Like a request; nobody waits for an answer.
    Notice {
        request: Request,
        remaining: Duration,
    },
    Answer {
        id: u64,
        payload: Bytes,
    },
    Failure {
        id: u64,
        error: RemoteError,
    },
    /// Asks for a pong with the same number, which is the sender's clock.
    Ping {
        at_us: u64,
    },
    Pong {
        at_us: u64,
    },
    /// The sender is leaving in good order and has said everything.
    Goodbye,
    /// Something of a later version, or nonsense. `id` names the request it is about: one of the writer, which waits
    /// for an answer unless the id is 0, or one of the reader.
    Unreadable {
        id: u64,
        is_request: bool,
        detail: String,
    },
}

impl Entry {
    /// About how many bytes it takes up in a frame.
    pub(super) fn wire_bytes(&self) -> usize {
        ENTRY_HEADER_BYTES
            + match self {
                Entry::Request { request, .. } | Entry::Notice { request, .. } => {
                    REQUEST_HEADER_BYTES + request.payload.len()
                }
                Entry::Answer { payload, .. } => payload.len(),
                Entry::Failure { .. } | Entry::Unreadable { .. } => 64,
                Entry::Ping { .. } | Entry::Pong { .. } => 8,
                Entry::Goodbye => 0,
            }
    }

    /// Appends it to a frame.
    pub(super) fn write(&self, frame: &mut Vec<u8>) {
        match self {
            Entry::Request { id, request, remaining } => write_request(frame, kind::REQUEST, *id, request, *remaining),
            Entry::Notice { request, remaining } => write_request(frame, kind::NOTICE, 0, request, *remaining),
            Entry::Answer { id, payload } => write_entry(frame, kind::ANSWER, *id, payload),
            Entry::Failure { id, error } => {
                // An error whose text cannot be encoded still is an answer.
                write_entry(frame, kind::FAILURE, *id, &wire::encode(error).unwrap_or_default());
            }
            Entry::Ping { at_us } => write_entry(frame, kind::PING, *at_us, &[]),
            Entry::Pong { at_us } => write_entry(frame, kind::PONG, *at_us, &[]),
            Entry::Goodbye => write_entry(frame, kind::GOODBYE, 0, &[]),
            // Nobody sends what nobody can read.
            Entry::Unreadable { .. } => {}
        }
    }
}

fn write_entry(frame: &mut Vec<u8>, kind: u8, id: u64, body: &[u8]) {
    frame.put_u8(kind);
    frame.put_u64(id);
    frame.put_u32(body.len() as u32);
    frame.put_slice(body);
}

fn write_request(frame: &mut Vec<u8>, kind: u8, id: u64, request: &Request, remaining: Duration) {
    frame.put_u8(kind);
    frame.put_u64(id);
    frame.put_u32((REQUEST_HEADER_BYTES + request.payload.len()) as u32);
    frame.put_u16(request.method);
    frame.put_u8(if request.only_if_active { FLAG_ONLY_IF_ACTIVE } else { 0 });
    frame.put_u64(request.epoch);
    // Rounded up: a request must not expire because of its trip through an integer.
    frame.put_u32(u32::try_from(remaining.as_micros().div_ceil(1_000)).unwrap_or(u32::MAX));
    frame.put_slice(&request.payload);
}

impl Header {
    pub(super) fn write(&self, frame: &mut Vec<u8>) {
        frame.put_u16(MAGIC);
        frame.put_u16(self.version);
        frame.put_u8(if self.counted { FLAG_COUNTED } else { 0 });
        frame.put_u64(self.session);
        frame.put_u64(self.acknowledged);
        if self.version >= VERSION_WITH_CLOCK {
            frame.put_u32(self.sent_at_ms.unwrap_or_default());
        }
    }

    /// Makes a frame that was begun take a credit.
    pub(super) fn count(frame: &mut [u8]) {
        frame[FLAGS_AT] |= FLAG_COUNTED;
    }

    /// Reads the beginning of a frame of any version, and leaves what follows.
    pub(super) fn read(mut frame: Bytes) -> Result<(Self, Entries), FrameError> {
        if frame.try_get_u16().map_err(|_| FrameError::Truncated)? != MAGIC {
            return Err(FrameError::Magic);
        }
        let version = frame.try_get_u16().map_err(|_| FrameError::Truncated)?;
        if !(wire::WIRE_OLDEST..=wire::WIRE_NEWEST).contains(&version) {
            return Err(FrameError::Version(version));
        }
        let counted = frame.try_get_u8().map_err(|_| FrameError::Truncated)? & FLAG_COUNTED != 0;
        let session = frame.try_get_u64().map_err(|_| FrameError::Truncated)?;
        let acknowledged = frame.try_get_u64().map_err(|_| FrameError::Truncated)?;
        let sent_at_ms = match version >= VERSION_WITH_CLOCK {
            true => Some(frame.try_get_u32().map_err(|_| FrameError::Truncated)?),
            false => None,
        };
        let frame_bytes = frame.len();
        Ok((Self { version, counted, session, acknowledged, sent_at_ms }, Entries { rest: frame, frame_bytes }))
    }
}

/// The entries of a frame, one by one.
#[derive(Debug)]
pub(super) struct Entries {
    rest: Bytes,
    frame_bytes: usize,
}

impl Entries {
    fn read(&mut self) -> Result<Entry, FrameError> {
        if self.rest.len() < ENTRY_HEADER_BYTES {
            return Err(FrameError::Truncated);
        }
        let kind = self.rest.get_u8();
        let id = self.rest.get_u64();
        let length = self.rest.get_u32() as usize;
        if self.rest.len() < length {
            return Err(FrameError::Truncated);
        }
        let body = self.rest.split_to(length);
        let unreadable = |detail: String| Entry::Unreadable { id, is_request: kind & kind::ANSWERS == 0, detail };
        Ok(match kind {
            kind::REQUEST | kind::NOTICE => match self.read_request(body) {
                Ok((request, remaining)) if kind == kind::REQUEST => Entry::Request { id, request, remaining },
                Ok((request, remaining)) => Entry::Notice { request, remaining },
                Err(detail) => unreadable(detail),
            },
            kind::ANSWER => Entry::Answer { id, payload: self.keep(body) },
            kind::FAILURE => match wire::decode(&body) {
                Ok(error) => Entry::Failure { id, error },
                Err(detail) => unreadable(format!("an error that this version does not know: {detail}")),
            },
            kind::PING => Entry::Ping { at_us: id },
            kind::PONG => Entry::Pong { at_us: id },
            kind::GOODBYE => Entry::Goodbye,
            unknown => unreadable(format!("this version knows no entry of kind {unknown}")),
        })
    }

    fn read_request(&self, mut body: Bytes) -> Result<(Request, Duration), String> {
        if body.len() < REQUEST_HEADER_BYTES {
            return Err("the request ends too early".into());
        }
        let method = body.get_u16();
        let flags = body.get_u8();
        let epoch = body.get_u64();
        let remaining = Duration::from_millis(u64::from(body.get_u32()));
        if flags & !FLAG_ONLY_IF_ACTIVE != 0 {
            return Err(format!("this version does not know the request flags {flags:#010b}"));
        }
        let only_if_active = flags & FLAG_ONLY_IF_ACTIVE != 0;
        Ok((Request { method, epoch, only_if_active, payload: self.keep(body) }, remaining))
    }

    /// A payload as a part of its frame, or a copy where it would keep a much larger frame in memory.
    fn keep(&self, payload: Bytes) -> Bytes {
        if payload.len() * 4 < self.frame_bytes { Bytes::copy_from_slice(&payload) } else { payload }
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.read();
        if entry.is_err() {
            self.rest.clear();
        }
        Some(entry)
    }
}
