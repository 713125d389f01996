//! The few cryptographic steps that all keys share: derive, wrap, unwrap.

use blake3::derive_key;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::{Zeroize, Zeroizing};

use crate::base::rng::Rng;
use crate::base::secret::Secret;

/// A key of 256 bits.
pub type Key = Secret<[u8; 32]>;

/// Bytes of a wrapped key: itself and a tag.
pub(crate) const WRAPPED_BYTES: usize = 48;
/// Bytes of a random nonce of the cipher.
pub(crate) const NONCE_BYTES: usize = 24;

/// Something sealed under a random nonce that is stored beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wrapped {
    pub(crate) nonce: [u8; NONCE_BYTES],
    pub(crate) sealed: [u8; WRAPPED_BYTES],
}

/// Draws a key.
pub(crate) fn draw_key(rng: &mut dyn Rng) -> Key {
    let mut bytes = [0; 32];
    rng.fill(&mut bytes);
    let key = Secret::new(bytes);
    bytes.zeroize();
    key
}

/// Draws a nonce. 192 random bits never meet twice.
pub(crate) fn draw_nonce(rng: &mut dyn Rng) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    rng.fill(&mut nonce);
    nonce
}

/// Derives a key for one purpose (BLAKE3 `derive_key`); `label` is a constant of this program.
pub(crate) fn derive(label: &'static str, key: &Key) -> Key {
    Secret::new(derive_key(label, key.reveal("to derive a key of it")))
}

/// Seals `plain`, bound to `context`. `None` only for texts beyond the cipher's limit.
pub(crate) fn seal(
    key: &Key,
    nonce: [u8; NONCE_BYTES],
    context: &[u8],
    plain: &[u8],
) -> Option<Vec<u8>> {
    let cipher = XChaCha20Poly1305::new(key.reveal("to seal with it").into());
    let payload = Payload { msg: plain, aad: context };
    cipher.encrypt(&XNonce::from(nonce), payload).ok()
}

/// Opens what [`seal`] made; `None` when key, nonce, context or a byte differ.
pub(crate) fn open(
    key: &Key,
    nonce: [u8; NONCE_BYTES],
    context: &[u8],
    sealed: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = XChaCha20Poly1305::new(key.reveal("to open with it").into());
    let payload = Payload { msg: sealed, aad: context };
    let plain = cipher.decrypt(&XNonce::from(nonce), payload).ok()?;
    Some(Zeroizing::new(plain))
}

/// Wraps a key under another.
pub(crate) fn wrap(
    outer: &Key,
    nonce: [u8; NONCE_BYTES],
    context: &[u8],
    inner: &Key,
) -> Option<Wrapped> {
    let sealed = seal(outer, nonce, context, inner.reveal("to wrap it"))?;
    let sealed = sealed.first_chunk::<WRAPPED_BYTES>().copied()?;
    Some(Wrapped { nonce, sealed })
}

/// Unwraps what [`wrap`] made.
pub(crate) fn unwrap(outer: &Key, context: &[u8], wrapped: &Wrapped) -> Option<Key> {
    let plain = open(outer, wrapped.nonce, context, &wrapped.sealed)?;
    plain.first_chunk::<32>().copied().map(Secret::new)
}
