//! What upkeep understands.

#[derive(Debug)]
pub enum UpkeepMessage {
    /// It is time for a round.
    RoundDue,
    RoundEnded,
}

impl ractor::Message for UpkeepMessage {}
