//! Public media: the variants of posts' pictures.

mod open_media;

pub use tessera_ports::object_store::{ObjectBody, ObjectInfo};
