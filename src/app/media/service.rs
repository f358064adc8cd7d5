//! What use cases of public media need.

use crate::AppParts;
use std::sync::Arc;
use tessera_ports::ObjectStore;

/// The files of posts.
pub struct Media {
    pub(super) objects: Arc<dyn ObjectStore>,
}

impl Media {
    pub(crate) fn new(parts: &AppParts) -> Self {
        Self { objects: parts.objects.clone() }
    }
}
