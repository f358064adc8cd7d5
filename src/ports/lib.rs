//! What the product needs of the outside: traits with stated guarantees, and their errors.
//!
//! Adapters live in `stores`. [`decorators`] puts something around every call of a port.

pub mod back_off;
pub mod cdn;
pub mod clock;
pub mod decorators;
pub mod embedding;
pub mod error;
pub mod hot_store;
pub mod ledger;
pub mod membership;
pub mod object_store;
pub mod ranking;

pub use cdn::Cdn;
pub use embedding::{EmbeddingError, EmbeddingModel};
pub use error::{Determinacy, StoreError, StoreResult};
pub use hot_store::HotStore;
pub use ledger::Ledger;
pub use membership::Membership;
pub use object_store::ObjectStore;
pub use ranking::{RankingError, RankingLog, RankingModel, RankingModelSlot};
