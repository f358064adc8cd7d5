//! Something that goes around every call of a port: a time limit, a breaker, faults.
//!
//! The methods of all ports are listed once, in `delegate`; a [`Decorator`] says what goes around a call.

mod delegate;
mod time_limited;

use crate::StoreResult;
use std::{future::Future, sync::Arc};

pub use time_limited::{TimeLimit, TimeLimited};

/// What goes around a call.
pub trait Decorator: Send + Sync + 'static {
    /// Makes `call`, which is a call of `method`, or does not; its result, or another one.
    fn call<T: Send>(
        &self,
        method: &'static str,
        call: impl Future<Output = StoreResult<T>> + Send,
    ) -> impl Future<Output = StoreResult<T>> + Send;
}

/// An adapter with a decorator around every call. It implements every port that the adapter implements.
pub struct Decorated<P: ?Sized, D> {
    inner: Arc<P>,
    decorator: D,
}

impl<P: ?Sized, D> Decorated<P, D> {
    pub fn new(inner: Arc<P>, decorator: D) -> Self {
        Self { inner, decorator }
    }

    pub fn decorator(&self) -> &D {
        &self.decorator
    }
}
