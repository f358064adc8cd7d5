//! tessera-domain
