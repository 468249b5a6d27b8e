//! Rules on messages of a small contract.
