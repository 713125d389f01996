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
    #[expect(clippy::panic, reason = "a key from a failed source would be worse than a dead box")]
    fn fill(&mut self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            panic!("the kernel gives no random bytes");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        let mut draws = [[0; 32]; 2];
        draws.iter_mut().for_each(|draw| KernelRng.fill(draw));
        assert_ne!(draws[0], draws[1]);
    }
}
