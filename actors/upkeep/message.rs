//! What upkeep understands.

/// What upkeep understands.
#[derive(Debug)]
pub enum UpkeepMessage {
    /// It is time for a round.
    RoundDue,
    /// A round ended; these objects could not be deleted yet.
    RoundEnded {
        /// Their keys.
        undeleted: Vec<String>,
    },
}

impl ractor::Message for UpkeepMessage {}
