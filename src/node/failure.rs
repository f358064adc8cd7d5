//! How a command fails.

/// What ends a command: words for the operator and the exit code.
#[derive(Debug)]
pub struct Failure {
    /// What happened and what to do.
    pub message: String,
    /// 2 for start-up problems and wrong use, 1 for everything later.
    pub code: u8,
}

impl Failure {
    /// A problem that kept the command from starting.
    pub fn start_up(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }

    /// A problem while the command ran.
    pub fn running(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }
}
