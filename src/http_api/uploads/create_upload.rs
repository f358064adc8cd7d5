//! `POST /v1/uploads`

use super::get_parts::Parts;
use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Json},
    present::Rfc3339,
};
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tessera_app::uploads::UploadRequest;
use tessera_domain::UploadId;
use utoipa::ToSchema;

/// What is to be uploaded.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUpload {
    /// The file's name; only for the client's own use.
    #[schema(example = "sunset.jpg", min_length = 1, max_length = 255)]
    filename: String,
    /// Exact size in bytes.
    #[schema(example = 2_485_760)]
    file_size: u64,
    /// Content type.
    #[schema(example = "image/jpeg")]
    content_type: String,
    /// The SHA-256 of the file in base64. Other bytes are refused by the object store, or fail the upload.
    #[schema(example = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")]
    checksum_sha256: Option<String>,
}

/// An open upload and how to send its bytes.
#[derive(Serialize, ToSchema)]
pub(super) struct UploadTicket {
    /// The upload's id.
    #[schema(value_type = String, example = "019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8")]
    upload_id: UploadId,
    /// Where the original will lie.
    object_key: String,
    /// Where to PUT the bytes, straight to the object store.
    presigned_url: String,
    /// How to send them.
    #[schema(example = "PUT")]
    method: &'static str,
    /// Headers to send as they are; they are signed.
    headers: BTreeMap<String, String>,
    /// When the URL runs out.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Rfc3339,
    /// How to send a file of more than 16 MiB in parts instead: in any order, several at a time, again after a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    multipart: Option<Parts>,
}

/// Opens an upload: takes it from the day's quota and signs a URL for exactly this size and type.
#[utoipa::path(post, path = "/v1/uploads", tag = "uploads", request_body = NewUpload,
    responses((status = 201, description = "Where to PUT the bytes", body = UploadTicket)))]
pub(super) async fn create_upload(
    State(state): State<EdgeState>,
    caller: Caller,
    Json(body): Json<NewUpload>,
) -> EdgeResult<(StatusCode, Json<UploadTicket>)> {
    let request = UploadRequest {
        filename: body.filename,
        file_size_bytes: body.file_size,
        content_type: body.content_type,
        checksum_sha256: body.checksum_sha256,
        idempotency_key: caller.idempotency_key,
    };
    let created = state.app.uploads.create_upload(caller.user_id, request).await?;
    let ticket = UploadTicket {
        upload_id: created.upload_id,
        object_key: created.object_key,
        presigned_url: created.presigned_url,
        method: "PUT",
        headers: created.headers.into_iter().collect(),
        expires_at: Rfc3339(created.expires_at),
        multipart: created.multipart.map(Parts::from),
    };
    Ok((StatusCode::CREATED, Json(ticket)))
}
