//! Rate limits: per token for those who are signed in, per address for the others.

use super::{ClientAddress, Identity};
use crate::{Quota, RateSettings};
use governor::{
    RateLimiter,
    clock::{Clock, DefaultClock},
    state::keyed::DefaultKeyedStateStore,
};
use http::Method;
use std::{
    hash::Hash,
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};
use tessera_app::accounts::TokenHash;

/// Where passwords are tried and accounts are made.
const CREDENTIAL_PATHS: [&str; 2] = ["/v1/users", "/v1/sessions"];
/// Where pictures are looked at, which costs more than anything else that one request does.
const PICTURE_PATH: &str = "/v1/search/visual";
/// How often keys that are back at their full burst are forgotten.
const SWEEP_SECONDS: u64 = 30;

/// A limiter with one budget per key.
struct Keyed<K: Hash + Eq + Clone>(RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock>);

impl<K: Hash + Eq + Clone> Keyed<K> {
    fn new(quota: Quota) -> Self {
        let least_one = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let rate = governor::Quota::per_minute(least_one(quota.per_minute)).allow_burst(least_one(quota.burst));
        Self(RateLimiter::keyed(rate))
    }

    fn check(&self, key: &K) -> Result<(), Duration> {
        self.0.check_key(key).map(drop).map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }

    fn sweep(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }
}

/// All limiters. Memory stays bounded by the callers of the last minutes, because idle keys are swept.
pub(crate) struct RateLimits {
    pub(super) enabled: bool,
    credentials: Keyed<ClientAddress>,
    anonymous: Keyed<ClientAddress>,
    writes: Keyed<TokenHash>,
    pictures: Keyed<TokenHash>,
    reads: Keyed<TokenHash>,
    started: Instant,
    next_sweep_seconds: AtomicU64,
}

impl RateLimits {
    pub(crate) fn new(settings: &RateSettings) -> Self {
        Self {
            enabled: settings.enabled,
            credentials: Keyed::new(settings.credentials),
            anonymous: Keyed::new(settings.anonymous),
            writes: Keyed::new(settings.writes),
            pictures: Keyed::new(settings.pictures),
            reads: Keyed::new(settings.reads),
            started: Instant::now(),
            next_sweep_seconds: AtomicU64::new(SWEEP_SECONDS),
        }
    }

    /// Takes one request from the budget that it belongs to, or says how long to wait.
    pub(super) fn check(
        &self,
        method: &Method,
        path: &str,
        identity: Identity,
        address: ClientAddress,
    ) -> Result<(), Duration> {
        self.sweep_now_and_then();
        if *method == Method::POST && CREDENTIAL_PATHS.contains(&path) {
            return self.credentials.check(&address);
        }
        match identity {
            Identity::User(_, token) if method.is_safe() => self.reads.check(&token),
            Identity::User(_, token) if path == PICTURE_PATH => self.pictures.check(&token),
            Identity::User(_, token) => self.writes.check(&token),
            Identity::Anonymous | Identity::Refused => self.anonymous.check(&address),
        }
    }

    fn sweep_now_and_then(&self) {
        let now = self.started.elapsed().as_secs();
        let due = self.next_sweep_seconds.load(Ordering::Relaxed);
        let next = now + SWEEP_SECONDS;
        let mine = now >= due
            && self.next_sweep_seconds.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if mine {
            self.credentials.sweep();
            self.anonymous.sweep();
            self.writes.sweep();
            self.pictures.sweep();
            self.reads.sweep();
        }
    }
}
