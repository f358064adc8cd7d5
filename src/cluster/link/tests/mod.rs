//! Tests of the link. Registries and process groups of `ractor` are process-wide, so every node but the test's own is a
//! process: this very test binary, started again to run [`child::peer_process`].

#![allow(clippy::unwrap_used)]

mod child;
mod codec;
mod credit;
mod doors;
mod failures;
mod greeting;
mod harness;
mod keeper;
mod membership;
mod requests;
mod service;
mod table;
mod versions;
