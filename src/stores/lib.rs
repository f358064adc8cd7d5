//! tessera-stores
