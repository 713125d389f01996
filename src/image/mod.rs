//! Pixels in space: stored values, geometry, volumes, masks and pictures. Pure, no I/O.

pub mod extent;
pub mod frame;
pub mod geometry;
pub mod grow;
pub mod mask;
pub mod picture;
pub mod volume;
