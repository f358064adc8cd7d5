//! What every handler and guard of the public edge shares.

use crate::{
    EdgeSettings,
    guard::{InFlight, RateLimits},
};
use axum::extract::FromRef;
use std::sync::Arc;
use tessera_app::App;
use tokio::sync::Semaphore;

/// The shared state of the public edge; cloning it is cheap.
#[derive(Clone)]
pub struct EdgeState {
    pub app: Arc<App>,
    /// What the operator set.
    pub settings: Arc<EdgeSettings>,
    pub(crate) rates: Arc<RateLimits>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) permits: Arc<Semaphore>,
}

impl EdgeState {
    /// State over an application.
    pub fn new(app: Arc<App>, settings: EdgeSettings) -> Self {
        Self {
            app,
            rates: Arc::new(RateLimits::new(&settings.rates)),
            in_flight: Arc::new(InFlight::default()),
            permits: Arc::new(Semaphore::new(settings.max_concurrent_requests)),
            settings: Arc::new(settings),
        }
    }
}

impl FromRef<EdgeState> for Arc<App> {
    fn from_ref(state: &EdgeState) -> Self {
        state.app.clone()
    }
}

impl FromRef<EdgeState> for Arc<EdgeSettings> {
    fn from_ref(state: &EdgeState) -> Self {
        state.settings.clone()
    }
}
