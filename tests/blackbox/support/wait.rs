//! Polling with a deadline, instead of sleeping.

use std::time::{Duration, Instant};

/// Asks again and again until there is something, for at most ten seconds.
pub async fn until<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "waited ten seconds in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
