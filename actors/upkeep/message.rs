//! What upkeep understands.

/// What upkeep understands.
#[derive(Debug)]
pub enum UpkeepMessage {
    /// It is time for a round.
    RoundDue,
    /// A round ended.
    RoundEnded,
}

impl ractor::Message for UpkeepMessage {}
