//! Reload: watching the files a snapshot was built from, and applying a complete new one or keeping the old.

use std::time::Duration;

/// How changes are noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whether files are watched (SIGHUP and the admin listener work always).
    pub watch: bool,
    /// How long the files must be quiet before a reload.
    pub debounce: Duration,
}
