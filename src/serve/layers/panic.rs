//! A panic while serving is a bug, but not the end: the client reads a 500 that says nothing of the inside,
//! the log says what happened.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use futures_util::FutureExt as _;
use http::Response;

use crate::protocol::Body;
use crate::serve::call::internal_error;

/// What the future comes to, or `INTERNAL` when it panics, which is logged.
pub(in crate::serve) async fn caught<T>(
    answer: Pin<&mut impl Future<Output = T>>,
    on_panic: impl FnOnce(Response<Body>) -> T,
) -> T {
    match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(answer) => answer,
        Err(panic) => {
            tell(&*panic);
            on_panic(internal_error())
        }
    }
}

fn tell(panic: &(dyn Any + Send)) {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("not text"), "a call panicked; please report this");
}
