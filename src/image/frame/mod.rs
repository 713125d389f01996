//! Stored pixel values out of native Pixel Data, and CT numbers out of stored values.
#![expect(
    clippy::cast_possible_truncation,
    reason = "values are clamped to the target's range before each cast"
)]

use crate::dicom::header::SliceFacts;

/// In which order the bytes of a 16-bit word of Pixel Data stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// Every transfer syntax in use.
    LittleEndian,
    /// Explicit VR Big Endian, retired.
    BigEndian,
}

/// Why Pixel Data was not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameRefusal {
    /// An attribute that says how pixels are stored is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Rows or Columns is 0.
    #[error("the matrix of {rows} by {columns} has no pixel")]
    Empty {
        /// Rows.
        rows: u16,
        /// Columns.
        columns: u16,
    },
    /// Colour, or a palette.
    #[error("pixels are not monochrome with one sample")]
    NotMonochrome,
    /// More than one frame.
    #[error("the instance has {0} frames, not one")]
    Frames(u32),
    /// Neither 8 nor 16 bits allocated.
    #[error("{0} bits allocated is neither 8 nor 16")]
    BitsAllocated(u16),
    /// Bits Stored and High Bit do not fit into Bits Allocated.
    #[error("{stored} bits stored under high bit {high} do not fit {allocated} allocated")]
    Bits {
        /// Bits Allocated.
        allocated: u16,
        /// Bits Stored.
        stored: u16,
        /// High Bit.
        high: u16,
    },
    /// Pixel Representation is neither 0 nor 1.
    #[error("pixel representation {0} is neither 0 nor 1")]
    Representation(u16),
    /// Bytes in big-endian words may be swapped or not, by a VR that is not known here.
    #[error("8-bit pixels in big endian are ambiguous")]
    BigEndianBytes,
    /// Fewer bytes than the matrix needs.
    #[error("pixel data has {got} bytes of {needed}")]
    Short {
        /// Bytes that are there.
        got: usize,
        /// Bytes that rows, columns and Bits Allocated need.
        needed: usize,
    },
}

/// The stored values of one monochrome frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Rows (0028,0010), at least 1.
    pub rows: u16,
    /// Columns (0028,0011), at least 1.
    pub columns: u16,
    /// Stored values, row by row, `rows * columns` of them; sign-extended, without overlay bits.
    pub values: Vec<i32>,
}

/// How the bits of one value lie in its word, checked.
#[derive(Clone, Copy)]
struct Layout {
    bytes: usize,
    /// Shift that brings High Bit to bit 31.
    left: u32,
    /// Shift that brings the lowest stored bit from there to bit 0.
    right: u32,
    signed: bool,
}

impl Frame {
    /// Takes the stored values out of native `bytes` (PS3.5 8.1.1).
    ///
    /// Bits outside Bits Stored are thrown away: retired overlays live there. Bytes past the
    /// matrix are ignored, whatever their number. MONOCHROME1 is not inverted: it says how to
    /// show values, not what they mean.
    ///
    /// # Errors
    /// See [`FrameRefusal`].
    pub fn decode(
        facts: &SliceFacts,
        order: ByteOrder,
        bytes: &[u8],
    ) -> Result<Self, FrameRefusal> {
        let rows = facts.rows.ok_or(FrameRefusal::Missing("rows"))?;
        let columns = facts.columns.ok_or(FrameRefusal::Missing("columns"))?;
        let layout = Layout::of(facts)?;
        if rows == 0 || columns == 0 {
            return Err(FrameRefusal::Empty { rows, columns });
        }
        let needed = usize::from(rows) * usize::from(columns) * layout.bytes;
        let data = bytes.get(..needed).ok_or(FrameRefusal::Short { got: bytes.len(), needed })?;
        let values = match (layout.bytes, order) {
            (1, ByteOrder::BigEndian) => return Err(FrameRefusal::BigEndianBytes),
            (1, ByteOrder::LittleEndian) => {
                data.iter().map(|byte| layout.value(u32::from(*byte))).collect()
            }
            (_, ByteOrder::LittleEndian) => layout.words(data, u16::from_le_bytes),
            (_, ByteOrder::BigEndian) => layout.words(data, u16::from_be_bytes),
        };
        Ok(Self { rows, columns, values })
    }

    /// Returns the CT numbers: stored value times slope plus intercept, rounded to the nearest
    /// integer and clamped to i16 (PS3.3 C.11.1.1.2). `slope` and `intercept` are finite.
    pub fn hu(&self, slope: f64, intercept: f64) -> Vec<i16> {
        let (low, high) = (f64::from(i16::MIN), f64::from(i16::MAX));
        self.values
            .iter()
            .map(|value| {
                let hu = f64::from(*value) * slope + intercept;
                (hu + 0.5).floor().clamp(low, high) as i16
            })
            .collect()
    }
}

impl Layout {
    fn of(facts: &SliceFacts) -> Result<Self, FrameRefusal> {
        // Photometric Interpretation and Samples per Pixel are type 1: missing is refused.
        let samples = facts.samples_per_pixel.ok_or(FrameRefusal::Missing("samples per pixel"))?;
        if samples != 1 || !matches!(facts.photometric.as_str(), "MONOCHROME1" | "MONOCHROME2") {
            return Err(FrameRefusal::NotMonochrome);
        }
        if let Some(frames) = facts.frames.filter(|frames| *frames != 1) {
            return Err(FrameRefusal::Frames(frames));
        }
        let allocated = facts.bits_allocated.ok_or(FrameRefusal::Missing("bits allocated"))?;
        let stored = facts.bits_stored.ok_or(FrameRefusal::Missing("bits stored"))?;
        let high = facts.high_bit.unwrap_or(stored.saturating_sub(1));
        if allocated != 8 && allocated != 16 {
            return Err(FrameRefusal::BitsAllocated(allocated));
        }
        if stored == 0 || allocated <= high || high.saturating_add(1) < stored {
            return Err(FrameRefusal::Bits { allocated, stored, high });
        }
        let signed = match facts.pixel_representation {
            Some(0) => false,
            Some(1) => true,
            Some(other) => return Err(FrameRefusal::Representation(other)),
            None => return Err(FrameRefusal::Missing("pixel representation")),
        };
        Ok(Self {
            bytes: usize::from(allocated / 8),
            left: 31 - u32::from(high),
            right: 32 - u32::from(stored),
            signed,
        })
    }

    fn words(self, data: &[u8], read: fn([u8; 2]) -> u16) -> Vec<i32> {
        let (words, _) = data.as_chunks::<2>();
        words.iter().map(|word| self.value(u32::from(read(*word)))).collect()
    }

    /// Cuts the stored bits out of a word and extends the sign where there is one.
    fn value(self, word: u32) -> i32 {
        let top = word << self.left;
        if self.signed {
            top.cast_signed() >> self.right
        } else {
            (top >> self.right).cast_signed()
        }
    }
}

#[cfg(test)]
mod tests;
