//! Ranking: the model that scores candidates, how it is trained, and how its worth is measured.
//!
//! What a candidate looks like as numbers is `tessera_domain::features`; the port is `tessera_ports::RankingModel`.
//! Here are bytes in and numbers out: no files, no clock. [`log`] reads what was shown and what came of it into a
//! [`log::Dataset`]; [`train()`] makes a [`ModelFile`] of it; [`TreeModel`] loads one and scores. The shipped model
//! learned from the population of the crate `ranking_simulation`. `docs/ranking.md` tells the whole story with figures.

pub mod evaluate;
pub mod log;
pub mod model;
pub mod model_file;
pub mod train;

pub use model::TreeModel;
pub use model_file::{ModelFile, ModelFileError};
pub use train::{TrainError, TrainSettings, train};
