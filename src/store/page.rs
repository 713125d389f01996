//! Checked blocks of bytes: the heads, pages and headers that the vault keeps on the disk.
//!
//! A block is {magic 8 B, format version u32, length of the fields u32, fields, CRC-32C} and
//! zeros up to its size; numbers are little endian. The CRC covers all before it, so that a block
//! torn at any 512 bytes does not check.

use crate::base::limits::UID_BYTES_MAX;

/// The version of every block, frame and seal that this program writes; no other is read.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// Bytes of a page: heads, key pages and records start at multiples of it.
pub(crate) const PAGE_BYTES: usize = 4096;
/// Bytes that a disk writes whole.
pub(crate) const SECTOR_BYTES: usize = 512;
/// Bytes around the fields: magic, version, length, CRC.
const FRAME_BYTES: usize = 20;

const _: () = assert!(UID_BYTES_MAX + FRAME_BYTES < SECTOR_BYTES);

/// Why a block cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadBlock {
    /// Another magic, a CRC that does not fit, or too few bytes: never written, torn or damaged.
    Unreadable,
    /// It checks, but its format is not ours.
    Version(u32),
}

/// Writes fields one behind the other, little endian.
#[derive(Default)]
pub(crate) struct Pack(Vec<u8>);

impl Pack {
    /// Appends bytes as they are.
    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Appends a number of one byte.
    pub(crate) fn u8(self, value: u8) -> Self {
        self.bytes(&[value])
    }

    /// Appends a number of four bytes.
    pub(crate) fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends a number of eight bytes.
    pub(crate) fn u64(self, value: u64) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Returns what was packed.
    pub(crate) fn done(self) -> Vec<u8> {
        self.0
    }
}

/// Reads fields one behind the other; `None` once the bytes run out.
#[derive(Clone, Copy)]
pub(crate) struct Unpack<'a>(pub(crate) &'a [u8]);

impl<'a> Unpack<'a> {
    /// Takes the next `length` bytes.
    pub(crate) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// Takes the next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.first_chunk::<N>().copied()
    }

    /// Takes a number of one byte.
    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Takes a number of four bytes.
    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Takes a number of eight bytes.
    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

/// Makes a block of `size` bytes around `fields`.
pub(crate) fn block(magic: [u8; 8], fields: &[u8], size: usize) -> Vec<u8> {
    debug_assert!(fields.len() + FRAME_BYTES <= size);
    let length = u32::try_from(fields.len()).unwrap_or(u32::MAX);
    let mut out =
        Pack::default().bytes(&magic).u32(FORMAT_VERSION).u32(length).bytes(fields).done();
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out.resize(size, 0);
    out
}

/// Checks a block and returns its fields.
///
/// # Errors
///
/// [`BadBlock`]; a version is believed only when the CRC fits.
pub(crate) fn open_block(magic: [u8; 8], bytes: &[u8]) -> Result<Unpack<'_>, BadBlock> {
    let mut all = Unpack(bytes);
    let mut take = || {
        let _ours = all.array::<8>().filter(|found| *found == magic)?;
        let version = all.u32()?;
        let length = usize::try_from(all.u32()?).ok()?;
        let fields = all.bytes(length)?;
        let covered = bytes.get(..FRAME_BYTES.checked_add(length)?.checked_sub(4)?)?;
        (all.u32()? == crc32c::crc32c(covered)).then_some((version, fields))
    };
    match take() {
        Some((FORMAT_VERSION, fields)) => Ok(Unpack(fields)),
        Some((version, _)) => Err(BadBlock::Version(version)),
        None => Err(BadBlock::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAGIC: [u8; 8] = *b"SPTEST\0\0";

    #[test]
    fn another_version_is_told_apart_from_rubbish() {
        let mut bytes = block(MAGIC, b"fields", SECTOR_BYTES);
        bytes[8] = 2;
        assert_eq!(open_block(MAGIC, &bytes).err(), Some(BadBlock::Unreadable));
        let crc = crc32c::crc32c(&bytes[..22]).to_le_bytes();
        bytes[22..26].copy_from_slice(&crc);
        assert_eq!(open_block(MAGIC, &bytes).err(), Some(BadBlock::Version(2)));
    }

    #[test]
    fn zeros_are_no_block() {
        let zeros = [0; SECTOR_BYTES];
        assert_eq!(open_block([0; 8], &zeros).err(), Some(BadBlock::Unreadable));
    }

    proptest! {
        #[test]
        fn a_block_reads_back_and_neither_cut_nor_flipped(
            fields in prop::collection::vec(any::<u8>(), 0..400),
            bit in 0_usize..8 * 20,
        ) {
            let bytes = block(MAGIC, &fields, SECTOR_BYTES);
            prop_assert_eq!(open_block(MAGIC, &bytes).map(|fields| fields.0), Ok(&fields[..]));
            let end = fields.len() + FRAME_BYTES;
            for cut in 0..end {
                prop_assert!(open_block(MAGIC, &bytes[..cut]).is_err());
            }
            let mut flipped = bytes;
            flipped[(bit / 8) % end] ^= 1 << (bit % 8);
            prop_assert!(open_block(MAGIC, &flipped).is_err());
        }
    }
}
