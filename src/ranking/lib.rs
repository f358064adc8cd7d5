//! Ranking: what is known of a candidate as numbers, the model that scores them, and how it is trained.
