//! The tests of the built product, through its public API.

/// What the tests run on; `tests/cluster` runs most of them on three nodes.
use tessera_tests::Node;

mod accounts;
mod ads;
mod bench;
mod breakers;
mod cdn;
mod chaos;
mod circles;
mod command_line;
mod crash;
mod demo;
mod fanout;
mod history;
mod large_uploads;
mod layers;
mod likes;
mod limits;
mod model;
mod notifications;
mod openapi;
mod operators;
mod overload;
mod paging;
mod photos;
mod posts;
mod recommendations;
mod refusals;
mod tidy;
mod upload_queue;
mod videos;
mod visual_search;
