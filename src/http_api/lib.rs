//! tessera-http-api
