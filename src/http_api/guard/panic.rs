//! A panic ends its own request and nothing else.

use crate::{Problem, problem::ProblemNote};
use axum::response::{IntoResponse, Response};
use std::any::Any;
use tower_http::catch_panic::{CatchPanicLayer, ResponseForPanic};

/// Turns a panic of a handler into the problem `internal`.
pub(crate) fn catch_panics() -> CatchPanicLayer<PanicProblem> {
    CatchPanicLayer::custom(PanicProblem)
}

/// Makes the reply for a panic.
#[derive(Clone, Copy)]
pub(crate) struct PanicProblem;

impl ResponseForPanic for PanicProblem {
    type ResponseBody = axum::body::Body;

    fn response_for_panic(&mut self, panic: Box<dyn Any + Send>) -> Response {
        let words = match panic.downcast_ref::<String>() {
            Some(words) => words.as_str(),
            None => panic.downcast_ref::<&str>().copied().unwrap_or("no message"),
        };
        let mut response = Problem::internal(format!("panic: {words}")).into_response();
        if let Some(note) = response.extensions_mut().get_mut::<ProblemNote>() {
            note.lasting = false;
        }
        response
    }
}
