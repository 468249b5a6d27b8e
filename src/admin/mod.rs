//! The admin listener: health, metrics, routes, config, reload.

/// The admin listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens; `None`: there is none.
    pub listen: Option<crate::serve::ListenAddress>,
}
