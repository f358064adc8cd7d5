//! What tests of adapters and of their users share: [`conformance`] is the suite that every adapter passes; [`faults`]
//! wraps an adapter and makes it fail on a seed.

pub mod conformance;
pub mod faults;
