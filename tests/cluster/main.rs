//! The tests of a whole cluster: real processes, real servers, and networks that are cut. `scripts/test` builds the
//! binary first. Cuts need root.

/// What the API tests run on here.
use tessera_tests::cluster::ThreeNodes as Node;

mod api;
mod crashes;
mod drains;
mod faults;
mod feeds;
mod networks;
mod partitions;
mod stores;
mod visibility;
mod visual_search;
