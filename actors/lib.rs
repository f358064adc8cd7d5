//! tessera-actors
