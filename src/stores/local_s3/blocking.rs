//! Work on files, off the async threads.

use s3s::{S3Result, s3_error};
use std::io;

pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> S3Result<T> {
    let outcome = tokio::task::spawn_blocking(work).await.map_err(io::Error::from).flatten();
    outcome.map_err(|error| s3_error!(error, InternalError))
}
