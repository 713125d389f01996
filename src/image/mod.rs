//! Pixels in space: stored values, geometry, volumes, masks and pictures. Pure, no I/O.

pub mod extent;
pub mod frame;
pub mod geometry;
pub mod grow;
pub mod mask;
pub mod phantom;
pub mod picture;
pub mod render;
pub mod resample;
pub mod volume;
pub mod window;

#[cfg(test)]
pub(crate) mod sample;
