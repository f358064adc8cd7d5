//! Query parameters.

use crate::Problem;
use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_path_to_error::Error;

/// The query's parameters. A value that does not fit is `validation_failed` and names its parameter;
/// parameters that nobody asked for are ignored.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(pairs).map(Self).map_err(|error: Error<serde_urlencoded::de::Error>| {
            let field = error.path().to_string();
            Problem::invalid(field, error.into_inner())
        })
    }
}
