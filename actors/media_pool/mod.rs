//! media_pool
