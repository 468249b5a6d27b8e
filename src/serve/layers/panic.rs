//! A panic while serving is a bug, but not the end: the client reads a 500 that says nothing of the inside,
//! the log says what happened.

use std::any::Any;

use http::Response;
use tower_http::catch_panic::ResponseForPanic;

use crate::protocol::Body;
use crate::serve::call::internal_error;

/// Logs the panic and answers `INTERNAL`.
#[derive(Debug, Clone, Copy)]
pub(in crate::serve) struct Told;

impl ResponseForPanic for Told {
    type ResponseBody = Body;

    fn response_for_panic(&mut self, panic: Box<dyn Any + Send + 'static>) -> Response<Body> {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        tracing::error!(panic = text.unwrap_or("not text"), "a call panicked; please report this");
        internal_error()
    }
}
