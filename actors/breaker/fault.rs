//! How calls through a breaker fail, and what their errors say of what stands behind it.

use super::wards::Symptom;
use crate::{ActorError, AskError};
use std::time::Duration;
use tessera_ports::{RankingError, StoreError};

/// An error that may say that a dependency is unwell.
pub trait Fault {
    /// Whether it does. An error that does not is the caller's own: no breaker counts it.
    fn is_fault(&self) -> bool;

    /// What it says of the ward that was asked, where it says something.
    fn symptom(&self) -> Option<Symptom> {
        None
    }
}

impl Fault for StoreError {
    fn is_fault(&self) -> bool {
        self.is_transient()
    }
}

impl Fault for RankingError {
    fn is_fault(&self) -> bool {
        true
    }
}

impl Fault for ActorError {
    fn is_fault(&self) -> bool {
        match self {
            ActorError::Ask(_) => true,
            ActorError::Store(error) => error.is_fault(),
        }
    }

    fn symptom(&self) -> Option<Symptom> {
        match self {
            ActorError::Ask(error) => error.symptom(),
            ActorError::Store(_) => None,
        }
    }
}

impl Fault for AskError {
    fn is_fault(&self) -> bool {
        true
    }

    fn symptom(&self) -> Option<Symptom> {
        match self {
            AskError::Expired { .. } => Some(Symptom::Hung),
            AskError::Restarted { .. } => Some(Symptom::Panicked),
            AskError::Overloaded { .. } => Some(Symptom::Flooded),
            _ => None,
        }
    }
}

/// Why a call through a breaker gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BreakerError<E> {
    /// It was not made: the dependency failed too often.
    #[error("the breaker is open")]
    Open {
        /// When it may be worth asking again; `None` where nobody knows.
        retry_after: Option<Duration>,
    },
    /// It was not made: too many are under way.
    #[error("too many calls are under way")]
    Full,
    /// It did not end in time. It may have had its effect.
    #[error("no answer in time")]
    TimedOut,
    /// It panicked. It may have had its effect.
    #[error("the call panicked")]
    Panicked,
    /// It failed by itself.
    #[error("{0}")]
    Failed(E),
}
