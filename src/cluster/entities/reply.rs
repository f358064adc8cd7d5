//! Where the answer to a call goes.

use std::fmt;
use tokio::sync::oneshot;

/// Where an answer goes. Dropping it unanswered tells the caller that the entity restarted.
pub struct Reply<T>(ReplyTo<T>);

enum ReplyTo<T> {
    Here(oneshot::Sender<T>),
    /// Encodes the answer and hands it to the link; what it holds says `Restarted` when it is dropped.
    Elsewhere(Box<dyn FnOnce(T) + Send + Sync>),
}

impl<T> Reply<T> {
    /// Answers. A caller that no longer waits is no error.
    pub fn send(self, answer: T) {
        match self.0 {
            ReplyTo::Here(sender) => {
                let _ = sender.send(answer);
            }
            ReplyTo::Elsewhere(give) => give(answer),
        }
    }

    /// Whether the caller is known to have given up waiting.
    pub fn is_abandoned(&self) -> bool {
        match &self.0 {
            ReplyTo::Here(sender) => sender.is_closed(),
            ReplyTo::Elsewhere(_) => false,
        }
    }

    /// A reply port and the receiver of its answer: for tests and for actors that ask each other directly.
    pub fn channel() -> (Self, oneshot::Receiver<T>) {
        let (sender, receiver) = oneshot::channel();
        (Self(ReplyTo::Here(sender)), receiver)
    }

    /// A reply port whose answer goes to `give`.
    pub(super) fn elsewhere(give: impl FnOnce(T) + Send + Sync + 'static) -> Self {
        Self(ReplyTo::Elsewhere(Box::new(give)))
    }

    /// A reply port whose answer nobody waits for.
    pub(super) fn nobody() -> Self {
        Self::elsewhere(|_| ())
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}
