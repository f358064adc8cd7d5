//! The whole of processing within small limits: a reason or five pictures, and no panic, even a caught one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tessera_media::{Limits, MediaError, process_image, sniff};

fuzz_target!(|bytes: &[u8]| {
    let Some(format) = sniff(bytes) else { return };
    let limits = Limits { max_pixels: 20_000, max_metadata_bytes: 1 << 16, max_jpeg_scans: 10, ..Limits::default() };
    match process_image(bytes, format.content_type(), &limits, &|_| {}) {
        Ok(processed) => assert!(!processed.large.bytes.is_empty()),
        Err(MediaError::Corrupt { detail, .. }) => assert!(!detail.contains("panicked"), "{detail}"),
        Err(error) => assert!(!error.is_retryable(), "{error:?}"),
    }
});
