//! A real S3 endpoint inside the process, over a local folder: `s3s` speaks the protocol and checks SigV4,
//! `s3s-fs` keeps the files.
//!
//! It makes the embedded mode walk the paths of a real deployment: presigned PUTs come in over HTTP, and the same
//! [`crate::s3::S3ObjectStore`] reads and writes. Guarantees beyond `s3s-fs` 0.14:
//!
//! - *Acknowledged means durable.* `s3s-fs` writes a temporary file and renames it, but never syncs. Here a PUT is
//!   answered after the object, its attributes and every folder on its path were synced, so it survives the loss of
//!   power, not only the death of the process. A deletion is answered after its folders were synced.
//! - *All or nothing.* A body that ends early, stalls or exceeds the limit leaves no object and no temporary file.
//!   Two writers of one key cannot mix one's bytes with the other's attributes, and a reader sees neither half.
//! - *Nothing without a signature.* Unsigned, wrongly signed and expired requests get 403; so does a presigned one
//!   that smuggles in an `x-amz-` header that was not signed. Keys that would leave their bucket get 400.
//! - *What was promised.* A PUT whose SHA-256 was announced is refused where it has another.
//! - *Uploads in parts* by code of its own: a part is answered when it is synced, can be sent again, and is listed with
//!   its entity tag; the object comes into being whole, as by a PUT, and only then the parts go.
//! - *Only what the product uses* is implemented: PUT, GET, HEAD and DELETE of objects, HEAD and PUT of buckets,
//!   uploads in parts. Everything else (lists of objects, copies, form uploads) is 501.
//! - *Bounded.* Connections, header time, idle time of a body, life of a connection and size of an object.
//!
//! Limits, which the product's keys stay inside: a key has at most 105 bytes, and none may be a
//! folder of another. One process owns a folder at a time: `s3s-fs` numbers its temporary files.

mod access;
mod backend;
mod blocking;
mod credentials;
mod cross_origin;
mod files;
mod listing;
mod multipart;
mod receive;
mod server;
#[cfg(test)]
mod tests;

pub use credentials::{LocalCredentials, load_or_create_credentials};
pub use server::{LocalS3, LocalS3Options};
