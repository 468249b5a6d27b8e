//! rule: not written yet.
