//! Why an attempt at a job made no post, and what the failures of others mean.

use super::settings::{MediaPoolArgs, WorkerTools};
use crate::limited::limited;
use tessera_domain::upload::Upload;
use tessera_media::MediaError;
use tessera_ports::StoreError;

/// Why an attempt made no post.
pub(super) enum Failure {
    /// The file's fault: no attempt will do better.
    Final(String),
    /// The machine's, or a defect: another attempt may do better.
    Passing(&'static str),
    /// A store cannot be reached: says nothing about the file, and costs no attempt. Like the next one it spares the
    /// original.
    Outage(&'static str),
    /// The machine had too little time or memory, or the file takes too much: a few attempts tell. The original stays,
    /// so that an operator can have it tried again.
    Starved(&'static str),
    /// The lease is somebody else's.
    LeaseLost,
}

/// What a failed read of the original means: too large is the file's fault, everything else is ours.
pub(super) async fn unreadable(tools: &WorkerTools, upload: &Upload, error: StoreError, max_bytes: u64) -> Failure {
    let MediaPoolArgs { objects, settings, .. } = &*tools.args;
    if matches!(error, StoreError::Refused { .. }) {
        let info = limited("object store", settings.store_limit, objects.head(&upload.object_key)).await;
        if let Ok(Some(info)) = info
            && info.size_bytes > max_bytes
        {
            let error = MediaError::FileTooLarge { actual_bytes: info.size_bytes, max_bytes };
            return Failure::Final(error.to_string());
        }
    }
    store_failed(upload, &error, "The uploaded file could not be read.")
}

/// What a store's failure means: an outage, or a defect of ours or of what is stored.
pub(super) fn store_failed(upload: &Upload, error: &StoreError, reason: &'static str) -> Failure {
    if !error.is_transient() {
        return passing(upload, error, reason);
    }
    tracing::warn!(upload_id = %upload.id, %error, reason, "a store failed a media job; it is put off");
    Failure::Outage(reason)
}

pub(super) fn passing(upload: &Upload, error: &dyn std::fmt::Display, reason: &'static str) -> Failure {
    tracing::warn!(upload_id = %upload.id, %error, reason, "an attempt at a media job failed; it is tried again");
    Failure::Passing(reason)
}
