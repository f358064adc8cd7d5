//! The conformance suite that every adapter passes.
