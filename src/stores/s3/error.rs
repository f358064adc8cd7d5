//! From the SDK's errors to the port's: who is to blame, and whether a write may have happened.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use std::error::Error;
use tessera_ports::{Determinacy, StoreError};

/// The store's name in errors.
pub(super) const STORE: &str = "object store";

/// What a request would change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing: a failure is always "not done".
    Read,
    /// Something: a failure may hide a success.
    Write,
}

/// The request was wrong.
pub(super) fn refused(detail: impl Into<String>) -> StoreError {
    StoreError::Refused { store: STORE, detail: detail.into() }
}

/// The store failed in a way that may pass.
pub(super) fn unavailable(determinacy: Determinacy, detail: impl Into<String>) -> StoreError {
    StoreError::Unavailable { store: STORE, determinacy, detail: detail.into() }
}

/// Whether the server says that there is no such object (or, asked for a bucket, no such bucket).
pub(super) fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    // A HEAD's reply has no body and therefore no code. Where there is one, a missing bucket is no missing object.
    status(error) == Some(404) && !has_code(error, "NoSuchBucket")
}

/// Whether the server's error carries `code`.
pub(super) fn has_code<E: ProvideErrorMetadata>(error: &SdkError<E>, code: &str) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some(code)
}

/// The reply's HTTP status, where there was a reply.
pub(super) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response: &HttpResponse| response.status().as_u16())
}

/// The port's error for a failed call.
pub(super) fn classify<E>(error: &SdkError<E>, effect: Effect) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let detail = describe(error);
    let maybe_done = match effect {
        Effect::Read => Determinacy::NotDone,
        Effect::Write => Determinacy::Unknown,
    };
    match error {
        SdkError::ConstructionFailure(_) => refused(detail),
        SdkError::DispatchFailure(failure) if failure.is_user() => refused(detail),
        SdkError::DispatchFailure(_) if never_connected(error) => unavailable(Determinacy::NotDone, detail),
        SdkError::ServiceError(_) => match status(error) {
            // Throttled or in conflict with another writer: said before anything was done.
            Some(409 | 429) => unavailable(Determinacy::NotDone, detail),
            Some(503) if has_code(error, "SlowDown") => unavailable(Determinacy::NotDone, detail),
            Some(501) => refused(detail),
            Some(408 | 500..=599) | None => unavailable(maybe_done, detail),
            Some(_) => refused(detail),
        },
        _ => unavailable(maybe_done, detail),
    }
}

/// Whether the failure came before a connection stood, so that no byte was sent.
fn never_connected(error: &(dyn Error + 'static)) -> bool {
    causes(error)
        .any(|cause| cause.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(|error| error.is_connect()))
}

/// What the server said, else the whole chain of causes.
fn describe<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let (Some(service), Some(status)) = (error.as_service_error(), status(error)) {
        let code = service.code().unwrap_or("no code");
        let message = service.message().unwrap_or("no message");
        return format!("status {status}, {code}: {message}");
    }
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause: &&'a (dyn Error + 'static)| (*cause).source())
}
