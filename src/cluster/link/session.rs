//! One session with one peer: what both directions share between a handshake and its end.

use super::{
    events::DownReason,
    frame::{Entries, Entry, FrameError, Header},
    gateway::GatewayMessage,
    outbox::{NOTICE_LIFETIME, Outbox, OutboxLimits, Refused},
    pending::{Outcome, Pending},
    settings::LinkSettings,
    transit::Transit,
};
use crate::{
    Deadline, NodeName,
    transport::{Inbound, RemoteError, Request, Responder},
    wire::MAX_VALUE_BYTES,
};
use parking_lot::Mutex;
use ractor::ActorRef;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A request never stays valid for longer, whatever its sender says.
const MAX_REMAINING: Duration = Duration::from_secs(600);

/// Pings that may be without an answer before no more are sent: nothing piles up for a peer that is stuck.
const MAX_UNANSWERED_PINGS: u64 = 8;

/// What a handshake came to.
#[derive(Debug, Clone)]
pub(super) struct Agreement {
    pub(super) peer: NodeName,
    /// Names the session in frames.
    pub(super) id: u64,
    pub(super) wire: u16,
    pub(super) instance: u64,
    /// Whether this side dialled.
    pub(super) dialled: bool,
}

/// One session with one peer.
pub(super) struct Session {
    pub(super) agreement: Agreement,
    outbox: Mutex<Outbox>,
    pending: Mutex<Pending>,
    transit: Mutex<Transit>,
    wake: Notify,
    /// While a frame is being handled its answers gather, and one wake-up sends them all.
    gathering: AtomicBool,
    ended: CancellationToken,
    reason: OnceLock<DownReason>,
    began: Instant,
    heard_us: AtomicU64,
    unanswered_pings: AtomicU64,
    round_trip_us: AtomicU64,
    pub(super) silent: AtomicBool,
    serving: AtomicUsize,
    max_serving: usize,
    expired: AtomicU64,
}

impl Session {
    pub(super) fn new(agreement: Agreement, settings: &LinkSettings) -> Arc<Self> {
        let now = Instant::now();
        let limits = OutboxLimits { requests: settings.queue_requests, bytes: settings.queue_bytes };
        Arc::new(Self {
            outbox: Mutex::new(Outbox::new(agreement.wire, agreement.id, limits, now)),
            pending: Mutex::new(Pending::new(settings.pending_requests)),
            transit: Mutex::new(Transit::new(now)),
            wake: Notify::new(),
            gathering: AtomicBool::new(false),
            ended: CancellationToken::new(),
            reason: OnceLock::new(),
            began: now,
            heard_us: AtomicU64::new(0),
            unanswered_pings: AtomicU64::new(0),
            round_trip_us: AtomicU64::new(0),
            silent: AtomicBool::new(false),
            serving: AtomicUsize::new(0),
            max_serving: settings.pending_requests,
            expired: AtomicU64::new(0),
            agreement,
        })
    }

    /// Sends a request and waits for its answer.
    pub(super) async fn request(&self, request: Request, deadline: Deadline) -> Outcome {
        let (id, receiver) = self.pending.lock().open()?;
        let _waiting = Waiting { session: self, id };
        self.offer(Entry::Request { id, request, remaining: Duration::ZERO }, deadline)?;
        match tokio::time::timeout_at(deadline.instant().into(), receiver).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(RemoteError::Lost),
            Err(_) => Err(RemoteError::Expired),
        }
    }

    /// Queues a request that nobody waits for.
    pub(super) fn notify(&self, request: Request) -> Result<(), RemoteError> {
        self.offer(Entry::Notice { request, remaining: Duration::ZERO }, Deadline::after(NOTICE_LIFETIME))
    }

    fn offer(&self, entry: Entry, deadline: Deadline) -> Result<(), RemoteError> {
        self.outbox.lock().offer(entry, deadline).map_err(|refused| match refused {
            Refused::Overloaded => RemoteError::Overloaded,
            Refused::Closed => RemoteError::Unlinked,
        })?;
        self.wake();
        Ok(())
    }

    fn wake(&self) {
        if !self.gathering.load(Ordering::Acquire) {
            self.wake.notify_one();
        }
    }

    /// Casts frames to the peer's gateway until the session ends.
    pub(super) async fn write(&self, gateway: &ActorRef<GatewayMessage>, sent: &metrics::Counter) {
        loop {
            tokio::select! {
                () = self.ended.cancelled() => return,
                () = self.wake.notified() => {}
            }
            // Whoever is ready to run may have something to add to the same frame.
            tokio::task::yield_now().await;
            loop {
                let next = self.outbox.lock().next_frame(Instant::now());
                let Some(frame) = next else { break };
                sent.increment(1);
                if gateway.cast(GatewayMessage(frame)).is_err() {
                    return self.close(DownReason::broken("the peer's gateway is gone"));
                }
            }
        }
    }

    /// Handles a frame of the peer.
    pub(super) fn receive(self: &Arc<Self>, header: Header, entries: Entries, inbound: &dyn Inbound) {
        if let Err(error) = self.receive_frame(header, entries, inbound) {
            tracing::warn!(peer = %self.agreement.peer, %error, "a frame cannot be read; the session ends");
            self.close(DownReason::Protocol { detail: error.to_string() });
        }
    }

    fn receive_frame(
        self: &Arc<Self>,
        header: Header,
        entries: Entries,
        inbound: &dyn Inbound,
    ) -> Result<(), FrameError> {
        if header.version != self.agreement.wire {
            return Err(FrameError::Version(header.version));
        }
        let now = Instant::now();
        self.heard();
        self.outbox.lock().acknowledged(header.acknowledged)?;
        let late = header.sent_at_ms.map_or(Duration::ZERO, |sent| self.transit.lock().lateness(sent, now));
        self.gathering.store(true, Ordering::Release);
        let handled = entries.into_iter().try_for_each(|entry| {
            self.handle(entry?, late, inbound);
            Ok(())
        });
        // Before the look at the outbox: whoever adds to it after that look must wake the writer.
        self.gathering.store(false, Ordering::Release);
        let mut outbox = self.outbox.lock();
        if header.counted {
            outbox.handled();
        }
        if outbox.has_frame() {
            self.wake.notify_one();
        }
        handled
    }

    fn handle(self: &Arc<Self>, entry: Entry, late: Duration, inbound: &dyn Inbound) {
        match entry {
            Entry::Request { id, request, remaining } => self.serve(id, request, remaining, late, inbound),
            Entry::Notice { request, remaining } => self.serve(0, request, remaining, late, inbound),
            Entry::Answer { id, payload } => self.pending.lock().complete(id, Ok(payload)),
            Entry::Failure { id, error } => self.pending.lock().complete(id, Err(error)),
            Entry::Ping { at_us } => self.outbox.lock().control(Entry::Pong { at_us }),
            Entry::Pong { at_us } => self.round_trip_us.store(self.now_us().saturating_sub(at_us), Ordering::Relaxed),
            Entry::Goodbye => self.close(DownReason::Left),
            Entry::Unreadable { id, is_request, detail } => {
                tracing::debug!(peer = %self.agreement.peer, detail, "something of another version");
                let error = RemoteError::Malformed { detail };
                match is_request {
                    true if id != 0 => self.answer(id, Err(error)),
                    true => {}
                    false => self.pending.lock().complete(id, Err(error)),
                }
            }
        }
    }

    fn serve(self: &Arc<Self>, id: u64, request: Request, remaining: Duration, late: Duration, inbound: &dyn Inbound) {
        let remaining = remaining.min(MAX_REMAINING).saturating_sub(late);
        if remaining.is_zero() {
            self.expired.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let responder = match id {
            0 => Responder::nobody(),
            _ if self.serving.load(Ordering::Relaxed) >= self.max_serving => {
                return self.answer(id, Err(RemoteError::Overloaded));
            }
            _ => {
                self.serving.fetch_add(1, Ordering::Relaxed);
                let session = self.clone();
                Responder::new(move |outcome| {
                    session.serving.fetch_sub(1, Ordering::Relaxed);
                    session.answer(id, outcome);
                })
            }
        };
        let deadline = Deadline::after(remaining);
        // A panic ends this request alone: its responder answers as it is dropped.
        let served = || inbound.serve(&self.agreement.peer, request, deadline, responder);
        if catch_unwind(AssertUnwindSafe(served)).is_err() {
            tracing::error!(peer = %self.agreement.peer, "serving a request of a peer panicked");
        }
    }

    fn answer(&self, id: u64, outcome: Outcome) {
        let entry = match outcome {
            Ok(payload) if payload.len() > MAX_VALUE_BYTES => Entry::Failure { id, error: RemoteError::TooLarge },
            Ok(payload) => Entry::Answer { id, payload },
            Err(error) => Entry::Failure { id, error },
        };
        self.outbox.lock().answer(entry, || Entry::Failure { id, error: RemoteError::Lost });
        self.wake();
    }

    fn heard(&self) {
        self.heard_us.store(self.now_us(), Ordering::Relaxed);
        self.unanswered_pings.store(0, Ordering::Relaxed);
    }

    fn now_us(&self) -> u64 {
        self.began.elapsed().as_micros() as u64
    }

    /// Asks for a sign of life.
    pub(super) fn ping(&self) {
        if self.unanswered_pings.fetch_add(1, Ordering::Relaxed) < MAX_UNANSWERED_PINGS {
            self.outbox.lock().control(Entry::Ping { at_us: self.now_us() });
            self.wake();
        }
    }

    /// How long the peer has said nothing.
    pub(super) fn silent_for(&self) -> Duration {
        Duration::from_micros(self.now_us().saturating_sub(self.heard_us.load(Ordering::Relaxed)))
    }

    /// Pretends that the peer was just heard: after this process itself was suspended it knows nothing of others.
    pub(super) fn excuse(&self) {
        self.heard();
    }

    /// The last round trip of a ping.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        match self.round_trip_us.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros)),
        }
    }

    /// Says goodbye once everything else is said; the peer then closes.
    pub(super) fn goodbye(&self) {
        self.outbox.lock().goodbye();
        self.wake();
    }

    /// Ends the session: what waits is told at once. Only the first reason counts.
    pub(super) fn close(&self, reason: DownReason) {
        let reason = match reason {
            // A peer that was told goodbye closes the connection, as it should.
            DownReason::Broken { .. } if self.outbox.lock().is_leaving() => DownReason::Stopped,
            reason => reason,
        };
        if self.reason.set(reason).is_ok() {
            let unsent = self.outbox.lock().close();
            self.pending.lock().close(&unsent);
            self.ended.cancel();
        }
    }

    /// Ends when the session does.
    pub(super) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    pub(super) fn reason(&self) -> Option<&DownReason> {
        self.reason.get()
    }

    /// Bytes waiting, frames in flight, requests waiting for answers.
    pub(super) fn load(&self) -> (usize, u64, usize) {
        let (bytes, in_flight) = {
            let outbox = self.outbox.lock();
            (outbox.waiting_bytes(), outbox.in_flight())
        };
        (bytes, in_flight, self.pending.lock().len())
    }

    /// How many requests, of either direction, were dropped because their deadline had passed.
    pub(super) fn expired(&self) -> u64 {
        self.expired.load(Ordering::Relaxed) + self.outbox.lock().expired()
    }
}

/// Takes a request out of the table when its caller stops waiting, for whatever reason.
struct Waiting<'a> {
    session: &'a Session,
    id: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.session.pending.lock().forget(self.id);
    }
}
