//! A few pixels of each kind through a colour profile: converted, or left as they are.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tessera_media::fuzzing::apply_profile(bytes));
