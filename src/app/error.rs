//! Why a use case refuses or fails. The edge maps each variant to one status and code.

use std::time::Duration;
use tessera_actors::{ActorError, AskError, breaker::Fault};
use tessera_domain::Invalid;
use tessera_ports::StoreError;

/// A use case's refusal or failure.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppError {
    /// A value that a rule refuses.
    #[error("{0}")]
    Invalid(#[from] Invalid),
    /// The request is right but came before what it needs; the same one may succeed later.
    #[error("{0}")]
    TooEarly(Invalid),
    /// Nobody, or somebody who cannot prove it.
    #[error("a valid bearer token is needed")]
    Unauthenticated,
    /// Log-in with a wrong name or password; which of the two is not told.
    #[error("the username or the password is wrong")]
    WrongCredentials,
    #[error("this belongs to somebody else")]
    Forbidden,
    /// It does not exist, or the caller may not know that it does.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The caller likes the post already.
    #[error("the post is liked already")]
    DuplicateLike,
    /// Somebody has the name.
    #[error("the username is taken")]
    UsernameTaken,
    /// The request contradicts what is there or under way.
    #[error("{0}")]
    Conflict(String),
    /// The day's quota is used up.
    #[error("the daily upload limit is reached")]
    QuotaExceeded {
        /// When it is filled again.
        retry_after: Duration,
    },
    /// So many uploads of the caller are open that there may be no further one.
    #[error("too many uploads are open: complete or cancel some first")]
    TooManyPendingUploads,
    /// A queue is full. Nothing happened.
    #[error("overloaded: {0}")]
    Overloaded(&'static str),
    /// A part that is needed cannot be reached. A write may have happened; it is safe to send it again.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// A picture of a type that is not taken.
    #[error("the picture's content type must be one of {taken}")]
    UnsupportedPicture { taken: String },
    /// A picture that is too large.
    #[error("the picture is larger than {max_bytes} bytes")]
    PictureTooLarge {
        /// The most that is taken.
        max_bytes: u64,
    },
    /// A defect. The detail is for the log only.
    #[error("internal error: {0}")]
    Internal(String),
}

/// A use case's answer.
pub type AppResult<T> = Result<T, AppError>;

impl Fault for AppError {
    fn is_fault(&self) -> bool {
        matches!(self, AppError::Unavailable(_) | AppError::Overloaded(_) | AppError::Internal(_))
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } => AppError::Unavailable(error.to_string()),
            StoreError::Overloaded { store } => AppError::Overloaded(store),
            StoreError::Corrupt { .. } | StoreError::Refused { .. } => AppError::Internal(error.to_string()),
        }
    }
}

impl From<ActorError> for AppError {
    fn from(error: ActorError) -> Self {
        match error {
            ActorError::Ask(AskError::Overloaded { kind }) => AppError::Overloaded(kind),
            ActorError::Ask(error) => AppError::Unavailable(error.to_string()),
            ActorError::Store(error) => error.into(),
        }
    }
}
