//! Public media: the files of posts.

mod open_media;
mod service;

pub use service::Media;
pub use tessera_ports::object_store::{ObjectBody, ObjectInfo};
