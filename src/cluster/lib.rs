//! tessera-cluster
