//! The edge as a client meets it, over the real embedded stores, without a socket.

mod accounts;
mod admin;
mod bounds;
mod compatibility;
mod discovery;
mod engagement;
mod feed;
mod graph;
mod idempotency;
mod media;
mod notifications;
mod openapi;
mod posts;
mod problems;
mod rates;
mod recommendations;
mod server;
mod support;
mod uploads;
mod web;
mod world;
