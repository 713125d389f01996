//! The audit file.
