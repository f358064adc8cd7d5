//! The body of a PUT on its way to the disk: counted, timed, and locked in before it becomes visible.

use futures::{StreamExt, stream};
use parking_lot::Mutex;
use s3s::dto::StreamingBlob;
use s3s::{S3Result, s3_error};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};
use tokio::time::timeout;

/// What must come in, and what became of it.
#[derive(Clone)]
pub(super) struct Reception {
    size: u64,
    idle_timeout: Duration,
    lock: Arc<RwLock<()>>,
    state: Arc<Mutex<State>>,
}

enum State {
    /// Not all is there.
    Incomplete,
    /// The client fell silent.
    Stalled,
    /// All is there, and the key is locked.
    Complete(OwnedRwLockWriteGuard<()>),
}

impl Reception {
    /// Of exactly `size` bytes, no two of them further apart than `idle_timeout`; `lock` is the key's.
    pub(super) fn new(size: u64, idle_timeout: Duration, lock: Arc<RwLock<()>>) -> Self {
        Reception { size, idle_timeout, lock, state: Arc::new(Mutex::new(State::Incomplete)) }
    }

    /// The key's lock, which the body's end took; an error where the body never came to its end.
    pub(super) fn finish(&self) -> S3Result<OwnedRwLockWriteGuard<()>> {
        match std::mem::replace(&mut *self.state.lock(), State::Incomplete) {
            State::Complete(guard) => Ok(guard),
            State::Stalled => Err(s3_error!(RequestTimeout)),
            State::Incomplete => Err(s3_error!(IncompleteBody)),
        }
    }
}

/// Passes the body on. `s3s-fs` moves its temporary file into place as soon as the stream ends well, so the stream
/// ends well only once the byte count is right and the key's lock is held: the move, the attributes and the sync are
/// then one step to everybody else, and no lock is held while a slow client sends.
pub(super) fn receive(body: StreamingBlob, reception: Reception) -> StreamingBlob {
    let stream = stream::try_unfold((body, 0_u64), move |(mut body, received)| {
        let reception = reception.clone();
        async move {
            let Ok(next) = timeout(reception.idle_timeout, body.next()).await else {
                *reception.state.lock() = State::Stalled;
                return Err(io::Error::from(io::ErrorKind::TimedOut));
            };
            match next.transpose().map_err(io::Error::other)? {
                Some(bytes) if received + bytes.len() as u64 > reception.size => {
                    Err(io::Error::other("the body is longer than announced"))
                }
                Some(bytes) => {
                    let received = received + bytes.len() as u64;
                    Ok(Some((bytes, (body, received))))
                }
                None if received < reception.size => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
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
