//! Pixels in space: stored values, geometry, volumes, masks and pictures. Pure, no I/O.

pub mod volume;
