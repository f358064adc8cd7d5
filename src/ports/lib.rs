//! tessera-ports
