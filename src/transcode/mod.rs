//! transcode: not written yet.
