//! Ids in paths.

use crate::{Problem, problem::kinds};
use axum::extract::{FromRequestParts, path::ErrorKind, rejection::PathRejection};
use http::request::Parts;
use serde::de::DeserializeOwned;

/// The path's parameters. What can be no id names nothing: `not_found`.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(failed)) => match failed.kind() {
                ErrorKind::InvalidUtf8InPathParam { .. } => Err(Problem::malformed("the path is not valid UTF-8")),
                _ => Err(Problem::new(kinds::NOT_FOUND, "nothing has this id")),
            },
            Err(_) => Err(Problem::new(kinds::NOT_FOUND, "nothing has this id")),
        }
    }
}
