//! The tests of the built product, through its public API.

mod layers;
