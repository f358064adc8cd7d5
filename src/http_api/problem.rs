//! Problems: every refusal and failure in one form (RFC 9457), from one table.

use crate::guard::current_request_id;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use std::time::Duration;
use tessera_app::AppError;
use utoipa::ToSchema;

/// An endpoint's answer.
pub type EdgeResult<T> = Result<T, Problem>;

/// After this time an overloaded or unavailable service may be asked again.
const RETRY_SOON: Duration = Duration::from_secs(1);
/// When one of many open uploads may have come to its end.
const RETRY_LATER: Duration = Duration::from_secs(60);

/// A kind of problem: its status, its stable code and its title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
}

impl Kind {
    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        self.status
    }

    /// The stable code.
    pub fn code(self) -> &'static str {
        self.code
    }
}

macro_rules! kinds {
    ($($name:ident = $status:ident, $code:literal, $title:literal;)*) => {
        $(
            #[doc = $title]
            pub const $name: Kind = Kind { status: StatusCode::$status, code: $code, title: $title };
        )*
        /// Every kind.
        pub const ALL: &[Kind] = &[$($name),*];
    };
}

/// The table of problems.
pub mod kinds {
    use super::{Kind, StatusCode};
    kinds! {
        MALFORMED_REQUEST = BAD_REQUEST, "malformed_request", "The request cannot be read";
        UNAUTHENTICATED = UNAUTHORIZED, "unauthenticated", "A valid bearer token is needed";
        FORBIDDEN = FORBIDDEN, "forbidden", "This is not allowed";
        NOT_FOUND = NOT_FOUND, "not_found", "There is no such thing";
        METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED, "method_not_allowed", "The path does not take this method";
        REQUEST_TIMEOUT = REQUEST_TIMEOUT, "request_timeout", "The request took too long to arrive";
        CONFLICT = CONFLICT, "conflict", "The request contradicts what is there";
        DUPLICATE_LIKE = CONFLICT, "duplicate_like", "The post is liked already";
        USERNAME_TAKEN = CONFLICT, "username_taken", "The username is taken";
        PAYLOAD_TOO_LARGE = PAYLOAD_TOO_LARGE, "payload_too_large", "The body is too large";
        UNSUPPORTED_MEDIA_TYPE = UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The content type is not supported";
        RANGE_NOT_SATISFIABLE = RANGE_NOT_SATISFIABLE, "range_not_satisfiable", "The range lies outside";
        VALIDATION_FAILED = UNPROCESSABLE_ENTITY, "validation_failed", "A value is not acceptable";
        QUOTA_EXCEEDED = TOO_MANY_REQUESTS, "quota_exceeded", "The quota is used up";
        RATE_LIMITED = TOO_MANY_REQUESTS, "rate_limited", "Too many requests";
        INTERNAL = INTERNAL_SERVER_ERROR, "internal", "Something went wrong here";
        OVERLOADED = SERVICE_UNAVAILABLE, "overloaded", "Too much to do at the moment";
        UNAVAILABLE = SERVICE_UNAVAILABLE, "unavailable", "A needed part is not available at the moment";
    }
}

/// A refusal or failure on its way to the client. Boxed, because results carry it everywhere.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    kind: Kind,
    detail: String,
    field: Option<String>,
    retry_after: Option<Duration>,
    lasting: bool,
    log: Option<String>,
}

/// A problem's JSON (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// A URI that names the kind of problem.
    #[schema(example = "urn:tessera:problem:validation_failed")]
    r#type: String,
    /// The kind of problem in words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request.
    detail: &'a str,
    /// The stable code of the kind.
    #[schema(example = "validation_failed")]
    code: &'a str,
    /// The field that is not acceptable, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// The id of the request, also in `x-request-id`.
    request_id: &'a str,
}

/// Put beside a problem's response: what the log should say, and whether the same request would always get it.
#[derive(Debug, Clone)]
pub(crate) struct ProblemNote {
    pub(crate) code: &'static str,
    pub(crate) lasting: bool,
    pub(crate) log: Option<String>,
}

impl Problem {
    /// A problem of `kind` with words for this request.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self(Box::new(Parts { kind, detail, field: None, retry_after: None, lasting: false, log: None }))
    }

    /// The request cannot be read: bad syntax, wrong JSON types.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(kinds::MALFORMED_REQUEST, detail).lasting()
    }

    /// A value is not acceptable.
    pub fn invalid(field: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        let field = field.into();
        let mut problem = Self::new(kinds::VALIDATION_FAILED, format!("{field}: {reason}"));
        problem.0.field = Some(field);
        problem.lasting()
    }

    /// There were too many requests; the next one is taken after `wait`.
    pub fn rate_limited(wait: Duration) -> Self {
        Self::new(kinds::RATE_LIMITED, "too many requests").retry_after(wait)
    }

    /// The body is too large.
    pub fn payload_too_large(max_bytes: u64) -> Self {
        Self::new(kinds::PAYLOAD_TOO_LARGE, format!("the body is larger than {max_bytes} bytes"))
    }

    /// The body's type is not one that is understood.
    pub fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::new(kinds::UNSUPPORTED_MEDIA_TYPE, detail).lasting()
    }

    /// A queue is full, and nothing happened; the log says which.
    pub fn overloaded(log: impl Into<String>) -> Self {
        let detail = "too much is waiting; try again soon";
        Self::new(kinds::OVERLOADED, detail).retry_after(RETRY_SOON).logged(log.into())
    }

    /// Something that is needed does not answer; the log says what.
    pub fn unavailable(log: impl Into<String>) -> Self {
        let detail = "a needed part does not answer; the request is safe to send again";
        Self::new(kinds::UNAVAILABLE, detail).retry_after(RETRY_SOON).logged(log.into())
    }

    /// A defect; only the log says which.
    pub fn internal(log: impl Into<String>) -> Self {
        Self::new(kinds::INTERNAL, "the request failed and was logged").logged(log.into())
    }

    /// Says that the same request would get the same refusal again, so that it may be replayed for its key.
    fn lasting(mut self) -> Self {
        self.0.lasting = true;
        self
    }

    fn passing(mut self) -> Self {
        self.0.lasting = false;
        self
    }

    fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    fn logged(mut self, log: String) -> Self {
        self.0.log = Some(log);
        self
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        use kinds::*;
        let words = error.to_string();
        match error {
            AppError::Invalid(invalid) => Problem::invalid(invalid.field, invalid.reason),
            AppError::TooEarly(invalid) => Problem::invalid(invalid.field, invalid.reason).passing(),
            AppError::Unauthenticated | AppError::WrongCredentials => Problem::new(UNAUTHENTICATED, words),
            AppError::Forbidden => Problem::new(FORBIDDEN, words),
            AppError::NotFound(_) => Problem::new(NOT_FOUND, words),
            AppError::DuplicateLike => Problem::new(DUPLICATE_LIKE, words).lasting(),
            AppError::UsernameTaken => Problem::new(USERNAME_TAKEN, words).lasting(),
            AppError::Conflict(_) => Problem::new(CONFLICT, words),
            AppError::QuotaExceeded { retry_after } => Problem::new(QUOTA_EXCEEDED, words).retry_after(retry_after),
            AppError::TooManyPendingUploads => Problem::new(QUOTA_EXCEEDED, words).retry_after(RETRY_LATER),
            AppError::Overloaded(_) => Problem::overloaded(words),
            AppError::Unavailable(_) => Problem::unavailable(words),
            AppError::UnsupportedPicture { .. } => Problem::unsupported_media_type(words),
            AppError::PictureTooLarge { .. } => Problem::new(PAYLOAD_TOO_LARGE, words),
            AppError::Internal(_) => Problem::internal(words),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let request_id = current_request_id();
        let Parts { kind, detail, field, retry_after, lasting, log } = *self.0;
        let body = ProblemBody {
            r#type: format!("urn:tessera:problem:{}", kind.code),
            title: kind.title,
            status: kind.status.as_u16(),
            detail: &detail,
            code: kind.code,
            field: field.as_deref(),
            request_id: &request_id,
        };
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (kind.status, json).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = retry_after {
            // Whole seconds, rounded up: a client that waits so long is early for nothing.
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_millis().div_ceil(1_000).max(1) as u64));
        }
        let unread = [StatusCode::PAYLOAD_TOO_LARGE, StatusCode::UNSUPPORTED_MEDIA_TYPE, StatusCode::REQUEST_TIMEOUT];
        if unread.contains(&kind.status) {
            // Answered before the body was read, which ends the connection: a client that is not told would send its
            // next request into the end.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if kind.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let note = ProblemNote { code: kind.code, lasting, log };
        response.extensions_mut().insert(note);
        response
    }
}
