//! What the nodes of these tests serve.

use crate::{
    Deadline, NodeName,
    transport::{Inbound, RemoteError, Request, Responder},
};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Answers with the payload.
pub(super) const ECHO: u16 = 1;
/// Answers never, and not even drops the responder.
pub(super) const HOLD: u16 = 2;
/// Answers after a tenth of a second.
pub(super) const SLOW: u16 = 3;
/// Counts the request and answers with nothing.
pub(super) const COUNT: u16 = 4;
/// Answers how many were counted.
pub(super) const COUNTED: u16 = 5;
pub(super) const PANIC: u16 = 6;
/// Answers with as many bytes as the payload says.
pub(super) const BYTES: u16 = 7;
pub(super) const DROP: u16 = 8;

#[derive(Default)]
pub(super) struct Service {
    held: Mutex<Vec<Responder>>,
    counted: AtomicU64,
}

impl Inbound for Service {
    fn serve(&self, _: &NodeName, request: Request, _: Deadline, responder: Responder) {
        match request.method {
            ECHO => responder.send(Ok(request.payload)),
            HOLD => self.held.lock().push(responder),
            SLOW => {
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    responder.send(Ok(request.payload));
                });
            }
            COUNT => {
                self.counted.fetch_add(1, Ordering::Relaxed);
                responder.send(Ok(Bytes::new()));
            }
            COUNTED => {
                let counted = self.counted.load(Ordering::Relaxed).to_be_bytes();
                responder.send(Ok(Bytes::copy_from_slice(&counted)));
            }
            PANIC => panic!("a panic on purpose"),
            BYTES => {
                let bytes = std::str::from_utf8(&request.payload).unwrap().parse().unwrap();
                responder.send(Ok(vec![7; bytes].into()));
            }
            DROP => drop(responder),
            method => responder.send(Err(RemoteError::UnknownMethod { method })),
        }
    }
}

/// A request as these tests make them.
pub(super) fn request(method: u16, payload: impl Into<Bytes>) -> Request {
    Request { method, epoch: 7, only_if_active: false, payload: payload.into() }
}
