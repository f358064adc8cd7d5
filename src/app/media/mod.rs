//! Public media: the files of posts.

mod open_media;

pub use tessera_ports::object_store::{ObjectBody, ObjectInfo};
