//! Who may do what: the one key pair everything, everybody else nothing.

use async_trait::async_trait;
use http::{HeaderMap, Uri};
use s3s::access::{S3Access, S3AccessContext};
use s3s::{S3Result, s3_error};

/// Requires a signature, which `s3s` has verified, over everything that steers the request.
pub(super) struct SignedOnly;

#[async_trait]
impl S3Access for SignedOnly {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        if context.credentials().is_none() {
            return Err(s3_error!(AccessDenied, "Signature is required"));
        }
        match unsigned_header(context.uri(), context.headers()) {
            Some(name) => Err(s3_error!(AccessDenied, "the header {name} is present but not signed")),
            None => Ok(()),
        }
    }
}

/// An `x-amz-` header that a presigned URL does not cover.
///
/// Such headers steer S3 (`x-amz-copy-source` turns a PUT into a copy of any object), so SigV4 has all of them signed
/// ("Authenticating Requests: Using Query Parameters" of the S3 API reference); `s3s` 0.14 does not check that.
fn unsigned_header<'a>(uri: &Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut parameters = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    let (_, signed) = parameters.find(|(name, _)| *name == "X-Amz-SignedHeaders")?;
    // The list's separator may stand encoded; header names themselves never need it.
    let signed = signed.replace("%3B", ";").replace("%3b", ";");
    let mut names = headers.keys().map(|name| name.as_str()).filter(|name| name.starts_with("x-amz-"));
    names.find(|name| !signed.split(';').any(|signed| signed == *name))
}
