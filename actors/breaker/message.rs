//! What a breaker's actor understands. How calls ended and whom callers complain of is not sent: it lies in bounded
//! places that the actor looks at when it is woken.

use std::time::Duration;
use tessera_domain::breaker::BreakerState;
use tokio::sync::oneshot;

/// What a breaker's actor understands.
#[derive(Debug)]
pub(super) enum BreakerMessage {
    /// There is something to be heard. At most one waits at a time.
    Wake,
    /// The timer set for this moment.
    Timer(Duration),
    /// The first probe of a half-open state was let through.
    ProbesBegan { generation: u32, at: Duration },
    /// An operator's order; answered once calls meet it.
    Force(BreakerState, oneshot::Sender<()>),
    /// Answered once all that came before is heard.
    Hear(oneshot::Sender<()>),
}

impl ractor::Message for BreakerMessage {}
