//! `POST /v1/search/visual`

use super::SimilarPostsBody;
use crate::{
    EdgeResult, EdgeState, Problem,
    extract::{Caller, Json, Limit, Query},
};
use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
};
use bytes::Bytes;
use http::header;
use serde::Deserialize;
use tessera_app::visual::{Crop, QueryPicture};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

/// Largest picture to search with, in bytes; uploads may be larger, because those do not pass through memory whole.
const MAX_PICTURE_BYTES: u64 = 20 * 1024 * 1024;

/// How many posts, and which part of the picture: all four sides of a crop, or none.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct PictureQuery {
    /// Posts in the answer.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
    /// Left edge of the crop, 0 to 1.
    #[param(minimum = 0, maximum = 1)]
    x: Option<f64>,
    /// Upper edge of the crop, 0 to 1.
    #[param(minimum = 0, maximum = 1)]
    y: Option<f64>,
    /// Width of the crop; `x + w` is at most 1.
    #[param(minimum = 0, maximum = 1)]
    w: Option<f64>,
    /// Height of the crop; `y + h` is at most 1.
    #[param(minimum = 0, maximum = 1)]
    h: Option<f64>,
}

/// What the body is, for the document: bytes as they are.
struct PictureFile;

impl PartialSchema for PictureFile {
    fn schema() -> RefOr<Schema> {
        let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new().schema_type(Type::String).format(Some(binary)).into()
    }
}

impl ToSchema for PictureFile {}

impl PictureQuery {
    fn crop(&self) -> EdgeResult<Option<Crop>> {
        match (self.x, self.y, self.w, self.h) {
            (None, None, None, None) => Ok(None),
            (Some(x), Some(y), Some(width), Some(height)) => Ok(Some(Crop { x, y, width, height })),
            _ => Err(Problem::invalid("crop", "needs all of x, y, w and h, each from 0 to 1")),
        }
    }
}

/// Posts whose pictures look like the one in the body, by likeness and engagement.
///
/// The body is a JPEG, PNG, WebP, GIF or AVIF of at most 20 MiB, under its content type. `x`, `y`, `w` and `h` choose a
/// part of it. It is looked at and not kept.
#[utoipa::path(post, path = "/v1/search/visual", tag = "discovery", params(PictureQuery),
    request_body(content = inline(PictureFile), content_type = "image/*", description = "The picture"),
    responses((status = 200, description = "Posts that look alike", body = SimilarPostsBody)))]
pub(super) async fn search_by_picture(
    State(state): State<EdgeState>,
    caller: Caller,
    Query(query): Query<PictureQuery>,
    request: Request,
) -> EdgeResult<Json<SimilarPostsBody>> {
    let crop = query.crop();
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().to_owned();
    let place = state.app.visual.admit_picture(&content_type)?;
    let max_bytes = state.app.uploads.max_picture_bytes().min(MAX_PICTURE_BYTES);
    let bytes = read(request, max_bytes).await?;
    // Only now: an answer while the client is still sending may be lost with its connection.
    let crop = crop?;
    let picture = QueryPicture { bytes, content_type, crop };
    let page = state.app.visual.search_by_picture(caller.user_id, place, picture, query.limit.0).await?;
    Ok(Json(SimilarPostsBody::new(&state, &page.items, None, page.degraded)))
}

async fn read(request: Request, max_bytes: u64) -> EdgeResult<Bytes> {
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > max_bytes) {
        return Err(Problem::payload_too_large(max_bytes));
    }
    let body: Body = request.into_body();
    to_bytes(body, max_bytes as usize).await.map_err(|error| {
        // The other error is the connection's: then nobody reads the answer.
        let source = std::error::Error::source(&error);
        if source.is_some_and(|source| source.is::<http_body_util::LengthLimitError>()) {
            Problem::payload_too_large(max_bytes)
        } else {
            Problem::malformed("the body ended early")
        }
    })
}
