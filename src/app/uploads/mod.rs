//! From a presigned URL to a queued media job.

mod cancel_upload;
mod complete_upload;
mod create_upload;
mod get_upload;
mod service;
mod upload_parts;

pub use create_upload::{CreatedUpload, UploadRequest};
pub use get_upload::UploadView;
pub use service::Uploads;
pub use tessera_domain::upload::UploadStatus;
pub use upload_parts::{PartState, UploadPart, UploadParts};
