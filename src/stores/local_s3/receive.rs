//! The body of a PUT on its way to the disk: counted, timed, and locked in before it becomes visible.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use s3s::dto::StreamingBlob;
use s3s::{S3Result, s3_error};
use sha2::{Digest, Sha256};
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};
use tokio::time::timeout;

/// What must come in, and what became of it.
#[derive(Clone)]
pub(super) struct Reception {
    size: u64,
    checksum: Option<[u8; 32]>,
    idle_timeout: Duration,
    lock: Arc<RwLock<()>>,
    state: Arc<Mutex<State>>,
}

enum State {
    /// Not all is there yet.
    Receiving,
    /// It ended early, broke off, or was longer than announced.
    Broken,
    /// All is there, and it has another checksum than announced.
    Different,
    /// The client fell silent.
    Stalled,
    /// All is there, and the key is locked.
    Complete(OwnedRwLockWriteGuard<()>),
}

impl Reception {
    /// Of exactly `size` bytes with this SHA-256 where it is known, no two of them further apart than `idle_timeout`;
    /// `lock` is the key's.
    pub(super) fn new(size: u64, checksum: Option<[u8; 32]>, idle_timeout: Duration, lock: Arc<RwLock<()>>) -> Self {
        Reception { size, checksum, idle_timeout, lock, state: Arc::new(Mutex::new(State::Receiving)) }
    }

    /// What became of a PUT of which `outcome` is known, with the key's lock, which the body's end took. Where the
    /// body is to blame, the error says so.
    pub(super) fn finish<T>(&self, outcome: S3Result<T>) -> S3Result<(OwnedRwLockWriteGuard<()>, T)> {
        match (std::mem::replace(&mut *self.state.lock(), State::Receiving), outcome) {
            (State::Complete(guard), Ok(value)) => Ok((guard, value)),
            (State::Complete(_) | State::Receiving, Err(error)) => Err(error),
            (State::Stalled, _) => Err(s3_error!(RequestTimeout)),
            (State::Different, _) => Err(s3_error!(BadDigest)),
            (State::Broken | State::Receiving, _) => Err(s3_error!(IncompleteBody)),
        }
    }

    fn fail(&self, state: State, error: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
        *self.state.lock() = state;
        io::Error::other(error)
    }
}

/// The bytes of an announced SHA-256.
pub(super) fn checksum_of(text: Option<&str>) -> S3Result<Option<[u8; 32]>> {
    let decode = |text: &str| BASE64_STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    match text.map(decode) {
        None => Ok(None),
        Some(Some(checksum)) => Ok(Some(checksum)),
        Some(None) => Err(s3_error!(InvalidArgument, "x-amz-checksum-sha256 is no SHA-256")),
    }
}

/// Passes the body on. `s3s-fs` moves its temporary file into place as soon as the stream ends well, so the stream
/// ends well only once the byte count is right and the key's lock is held: the move, the attributes and the sync are
/// then one step to everybody else, and no lock is held while a slow client sends.
pub(super) fn receive(body: StreamingBlob, reception: Reception) -> StreamingBlob {
    let stream = stream::try_unfold((body, 0_u64, Sha256::new()), move |(mut body, received, mut hash)| {
        let reception = reception.clone();
        async move {
            let Ok(next) = timeout(reception.idle_timeout, body.next()).await else {
                return Err(reception.fail(State::Stalled, "the client fell silent"));
            };
            match next.transpose().map_err(|error| reception.fail(State::Broken, error))? {
                Some(bytes) if received + bytes.len() as u64 > reception.size => {
                    Err(reception.fail(State::Broken, "the body is longer than announced"))
                }
                Some(bytes) => {
                    let received = received + bytes.len() as u64;
                    if reception.checksum.is_some() {
                        hash.update(&bytes);
                    }
                    Ok(Some((bytes, (body, received, hash))))
                }
                None if received < reception.size => Err(reception.fail(State::Broken, "the body ended early")),
                None if reception.checksum.is_some_and(|checksum| checksum[..] != hash.finalize()[..]) => {
                    Err(reception.fail(State::Different, "the body has another checksum"))
                }
                None => {
                    let guard = reception.lock.clone().write_owned().await;
                    *reception.state.lock() = State::Complete(guard);
                    Ok(None)
                }
            }
        }
    });
    StreamingBlob::wrap(stream)
}
