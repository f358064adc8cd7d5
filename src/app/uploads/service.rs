//! What use cases of uploads need.

use crate::{AppParts, IdSource};
use std::sync::Arc;
use tessera_actors::broadcast::Invalidation;
use tessera_ports::{HotStore, ObjectStore, ledger::UploadLedger};

/// From a presigned URL to a queued media job.
pub struct Uploads {
    pub(super) ledger: Arc<dyn UploadLedger>,
    pub(super) hot: Arc<dyn HotStore>,
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) invalidation: Invalidation,
    pub(super) ids: Arc<IdSource>,
    pub(super) upload_max_bytes: u64,
    /// `None`: videos are not taken.
    pub(super) video_max_bytes: Option<u64>,
    pub(super) daily_upload_quota: Option<u32>,
    pub(super) max_queued_jobs: u64,
}

impl Uploads {
    pub(crate) fn new(parts: &AppParts) -> Self {
        Self {
            ledger: parts.ledger.clone(),
            hot: parts.hot.clone(),
            objects: parts.objects.clone(),
            invalidation: parts.actors.invalidation.clone(),
            ids: parts.ids.clone(),
            upload_max_bytes: parts.settings.upload_max_bytes,
            video_max_bytes: parts.settings.video_max_bytes,
            daily_upload_quota: parts.settings.daily_upload_quota,
            max_queued_jobs: parts.settings.max_queued_jobs,
        }
    }
}
