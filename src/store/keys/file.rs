//! The key in a file: protects nothing against a thief of the box, but makes erasing final.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroize;

use crate::base::rng::Rng;
use crate::store::keys::root::key_of;
use crate::store::keys::seal::{draw_key, open, seal};
use crate::store::keys::{Key, KeyProvider, ProviderError};

const KEY_BYTES: usize = 32;

/// 32 random bytes in a file that only its owner may read.
#[derive(Debug)]
pub struct FileKey {
    key: Key,
    id: String,
}

impl FileKey {
    /// Reads the key.
    ///
    /// # Errors
    ///
    /// [`ProviderError::File`] where it cannot be read (`NotFound`: see [`FileKey::create`]),
    /// [`ProviderError::Loose`] when others may read or write it, [`ProviderError::Length`].
    pub fn open(path: &Path) -> Result<Self, ProviderError> {
        let failed = |doing| move |source| ProviderError::File { doing, source };
        let file = File::open(path).map_err(failed("opened"))?;
        let metadata = file.metadata().map_err(failed("looked at"))?;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(ProviderError::Loose { mode });
        }
        let mut bytes = Vec::with_capacity(KEY_BYTES + 1);
        let read = file.take(33).read_to_end(&mut bytes);
        read.map_err(failed("read"))?;
        let key = key_of(&bytes).filter(|_| bytes.len() == KEY_BYTES);
        let length = bytes.len();
        bytes.zeroize();
        key.map(Self::of).ok_or(ProviderError::Length { length })
    }

    /// Draws a key and writes it to a new file, synced with its directory.
    ///
    /// # Errors
    ///
    /// [`ProviderError::File`]; a file that is already there is never overwritten.
    pub fn create(path: &Path, rng: &mut dyn Rng) -> Result<Self, ProviderError> {
        let failed = |source| ProviderError::File { doing: "made", source };
        let key = draw_key(rng);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(path).map_err(failed)?;
        let bytes = key.reveal("to write the key file");
        file.write_all(bytes).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        let parent = path.parent().ok_or(ErrorKind::InvalidInput.into());
        let parent = File::open(parent.map_err(failed)?).map_err(failed)?;
        parent.sync_all().map_err(failed)?;
        Ok(Self::of(key))
    }

    /// Takes the key itself, for tests and the simulator.
    pub fn of(key: Key) -> Self {
        let bytes = blake3::derive_key("scanpost key file 1: name", key.reveal("to name it"));
        let [a, b, c, d, ..] = bytes;
        let id = format!("file:{a:02x}{b:02x}{c:02x}{d:02x}");
        Self { key, id }
    }
}

impl KeyProvider for FileKey {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn custody(&self) -> &'static str {
        "The key is a file on the box: who takes the box can read the store."
    }

    fn wrap(&self, nonce: [u8; 24], context: &[u8], root: &Key) -> Result<Vec<u8>, ProviderError> {
        seal(&self.key, nonce, context, root.reveal("to wrap it")).ok_or(ProviderError::WrongKey)
    }

    fn unwrap(
        &self,
        nonce: [u8; 24],
        context: &[u8],
        wrapped: &[u8],
    ) -> Result<Key, ProviderError> {
        open(&self.key, nonce, context, wrapped)
            .filter(|plain| plain.len() == KEY_BYTES)
            .and_then(|plain| key_of(&plain))
            .ok_or(ProviderError::WrongKey)
    }
}
