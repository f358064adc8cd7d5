//! What a file is, and what its headers say, against the limits: no panic, no overflow, whatever the bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tessera_media::{sniff, sniff_unsupported};

fuzz_target!(|bytes: &[u8]| {
    let _ = sniff_unsupported(bytes);
    if let Some(format) = sniff(bytes) {
        assert_eq!(tessera_media::ImageFormat::from_content_type(format.content_type()), Some(format));
        let _ = tessera_media::fuzzing::check_headers(bytes, format);
    }
});
