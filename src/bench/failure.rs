//! How a bench fails.

/// Why a bench ends early: words for whoever runs it, and the exit code.
#[derive(Debug)]
pub struct Failure {
    /// What happened and what to do.
    pub message: String,
    /// 2 where the bench could not start, 1 for everything later, 128 and the number of the signal that ended it.
    pub code: u8,
}

impl Failure {
    pub(crate) fn start_up(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }

    pub(crate) fn running(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }
}
