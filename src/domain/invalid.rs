//! The one error of validation: which field, and what is wrong with it.

/// A value that a rule refused. Reaches the client as `validation_failed` (422).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Invalid {
    /// The field's name as the API spells it.
    pub field: &'static str,
    /// What is wrong and what would be right, as a sentence without its full stop.
    pub reason: String,
}

impl Invalid {
    /// Refuses `field` for `reason`.
    pub fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self { field, reason: reason.into() }
    }
}
