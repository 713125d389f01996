//! Starts Scanpost.

fn main() {}
