//! `GET /v1/uploads/{upload_id}/parts`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Json, Path},
    present::Rfc3339,
};
use axum::extract::State;
use serde::Serialize;
use std::collections::BTreeMap;
use tessera_app::uploads::{PartState, UploadPart, UploadParts};
use tessera_domain::UploadId;
use utoipa::ToSchema;

/// A file in parts.
#[derive(Serialize, ToSchema)]
pub(super) struct Parts {
    /// The size of every part but the last, in bytes.
    #[schema(example = 8_388_608)]
    part_size: u64,
    /// All parts, by their numbers.
    parts: Vec<Part>,
    /// Until when the upload may be completed. The URLs run out earlier: ask for the parts again to get fresh ones.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Rfc3339,
}

/// One part of a file: stored, with its entity tag, or still to be PUT, with a URL.
#[derive(Serialize, ToSchema)]
struct Part {
    /// Its number, counted from 1.
    part_number: u32,
    /// Its exact size in bytes.
    size: u64,
    /// Of a part that is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    /// Where to PUT a part that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    presigned_url: Option<String>,
    /// Headers to send with it as they are; they are signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<String, String>>,
}

impl From<UploadParts> for Parts {
    fn from(of: UploadParts) -> Self {
        let parts = of.parts.into_iter().map(Part::from).collect();
        Self { part_size: of.part_size_bytes, parts, expires_at: Rfc3339(of.expires_at) }
    }
}

impl From<UploadPart> for Part {
    fn from(part: UploadPart) -> Self {
        let (etag, put) = match part.state {
            PartState::Stored(etag) => (Some(etag), None),
            PartState::Missing(put) => (None, Some(put)),
        };
        let (presigned_url, headers) = put.map(|put| (put.url, put.headers.into_iter().collect())).unzip();
        Self { part_number: part.part_number, size: part.size_bytes, etag, presigned_url, headers }
    }
}

/// Which parts of a pending upload are stored, with fresh URLs for the others: how to go on after an interruption.
#[utoipa::path(get, path = "/v1/uploads/{upload_id}/parts", tag = "uploads",
    params(("upload_id" = String, Path, description = "The upload's id")),
    responses((status = 200, description = "Its parts", body = Parts)))]
pub(super) async fn get_parts(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(upload_id): Path<UploadId>,
) -> EdgeResult<Json<Parts>> {
    Ok(Json(state.app.uploads.upload_parts(caller.user_id, upload_id).await?.into()))
}
