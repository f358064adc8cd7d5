//! tessera-demo
