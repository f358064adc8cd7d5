//! How stores fail: what happened, and whether the write may have happened all the same.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whether a failed write may nevertheless have taken effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Determinacy {
    /// It certainly did not happen. Trying again is always safe.
    NotDone,
    /// It may have happened (a time-out, a lost connection). Only idempotent writes may be tried again.
    Unknown,
}

/// A store's failure. Expected outcomes (not found, duplicate, quota) are values, never errors.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached, timed out, or failed in a way that may pass.
    #[error("{store} is unavailable: {detail}")]
    Unavailable {
        /// Which store, for the operator.
        store: &'static str,
        /// Whether the write may have happened.
        determinacy: Determinacy,
        /// What the driver said.
        detail: String,
    },
    /// The store's queue is full. Nothing happened.
    #[error("{store} is overloaded")]
    Overloaded { store: &'static str },
    /// Something stored cannot be understood. Nothing happened; a person must look.
    #[error("{store} holds something unreadable: {detail}")]
    Corrupt { store: &'static str, detail: String },
    /// The store refused the request as wrong: a defect of the caller. Nothing happened.
    #[error("{store} refused the request: {detail}")]
    Refused {
        store: &'static str,
        /// What the store said.
        detail: String,
    },
}

impl StoreError {
    /// Whether the write may have happened.
    pub fn determinacy(&self) -> Determinacy {
        match self {
            StoreError::Unavailable { determinacy, .. } => *determinacy,
            _ => Determinacy::NotDone,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, StoreError::Unavailable { .. } | StoreError::Overloaded { .. })
    }
}

/// A [`StoreError`] on its way to another node: there it says what it said here, but for the store's name.
#[derive(Serialize, Deserialize)]
enum TravellingError {
    Unavailable { determinacy: Determinacy, detail: String },
    Overloaded,
    Corrupt { detail: String },
    Refused { detail: String },
}

impl From<StoreError> for TravellingError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { store, determinacy, detail } => {
                Self::Unavailable { determinacy, detail: format!("{store}: {detail}") }
            }
            StoreError::Overloaded { .. } => Self::Overloaded,
            StoreError::Corrupt { store, detail } => Self::Corrupt { detail: format!("{store}: {detail}") },
            StoreError::Refused { store, detail } => Self::Refused { detail: format!("{store}: {detail}") },
        }
    }
}

impl From<TravellingError> for StoreError {
    fn from(error: TravellingError) -> Self {
        let store = "another node's store";
        match error {
            TravellingError::Unavailable { determinacy, detail } => Self::Unavailable { store, determinacy, detail },
            TravellingError::Overloaded => Self::Overloaded { store },
            TravellingError::Corrupt { detail } => Self::Corrupt { store, detail },
            TravellingError::Refused { detail } => Self::Refused { store, detail },
        }
    }
}

impl Serialize for StoreError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        TravellingError::from(self.clone()).serialize(serializer)
    }
}

// By hand, because the derived one would ask for input that lives as long as the names in it.
impl<'de> Deserialize<'de> for StoreError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        TravellingError::deserialize(deserializer).map(Self::from)
    }
}

pub type StoreResult<T> = Result<T, StoreError>;
