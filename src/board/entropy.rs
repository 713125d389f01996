//! The one source of real randomness: the kernel's.

use crate::base::rng::Rng;

/// The kernel's random bytes (getrandom(2)), which block until the pool is seeded.
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelRng;

impl Rng for KernelRng {
    /// # Panics
    ///
    /// When the kernel has no randomness at all: no key may ever be made then, and the
    /// supervisor shows the process as failed.
    fn fill(&mut self, bytes: &mut [u8]) {
        // A key from a failed source would be worse than a dead box.
        let filled = getrandom::fill(bytes);
        assert!(filled.is_ok(), "the kernel gives no random bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        let mut draws = [[0; 32]; 2];
        for draw in &mut draws {
            KernelRng.fill(draw);
        }
        assert_ne!(draws[0], draws[1]);
    }
}
