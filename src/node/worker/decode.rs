//! From a data set as it was kept to the stored values of its one frame, in every syntax whose
//! pixels are not compressed.

use std::io::Read;

use flate2::read::DeflateDecoder;

use crate::base::limits::WORKER_INSTANCE_BYTES_MAX;
use crate::base::uid::Uid;
use crate::dicom::header::SliceFacts;
use crate::dicom::syntax::{Encoding, TransferSyntax};
use crate::dicom::walker::{Keep, PixelData, Walker};
use crate::image::frame::{ByteOrder, Frame, FrameRefusal};
use crate::node::worker::message::Refused;

/// One data set on its way in.
pub(super) struct Decoder {
    syntax: TransferSyntax,
    walker: Walker,
    bytes: Vec<u8>,
}

impl Decoder {
    /// Begins a data set.
    ///
    /// # Errors
    /// [`Refused::NotDecoded`] for a syntax that is unknown or compresses pixels.
    pub(super) fn new(transfer_syntax: &[u8]) -> Result<Self, Refused> {
        let uid = Uid::parse(transfer_syntax).map_err(|_why| Refused::NotDecoded)?;
        let syntax = TransferSyntax::lookup(&uid).filter(|syntax| syntax.native_pixels);
        let syntax = syntax.ok_or(Refused::NotDecoded)?;
        let walker = Walker::new(syntax, Keep::Routing);
        Ok(Self { syntax, walker, bytes: Vec::new() })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`Refused::NotDecoded`] where they are no data set, [`Refused::TooLarge`].
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let total = self.bytes.len().saturating_add(bytes.len());
        if !is_within(u64::try_from(total).unwrap_or(u64::MAX)) {
            return Err(Refused::TooLarge);
        }
        self.walker.feed(bytes).map_err(|_why| Refused::NotDecoded)?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Ends the data set and takes its stored values.
    ///
    /// # Errors
    /// [`Refused::NotDecoded`] where it is none or does not say `expected` of itself,
    /// [`Refused::NoPixels`], [`Refused::BadPixels`], [`Refused::TooLarge`].
    pub(super) fn finish(self, expected: &SliceFacts) -> Result<Frame, Refused> {
        let walk = self.walker.finish().map_err(|_why| Refused::NotDecoded)?;
        let facts = SliceFacts::of(&walk.header, walk.pixel_data.as_ref());
        // Volume and documents are laid out by the ledger's facts: pixels of other ones would
        // end up in the wrong place.
        if facts != *expected {
            return Err(Refused::NotDecoded);
        }
        let (offset, length) = match walk.pixel_data {
            Some(PixelData::Native { offset, length }) => (offset, length),
            Some(PixelData::Fragments { .. }) => return Err(Refused::NotDecoded),
            None => return Err(Refused::NoPixels),
        };
        if !is_within(length) {
            return Err(Refused::TooLarge);
        }
        let is_big = self.syntax.encoding.is_big();
        let order = if is_big { ByteOrder::BigEndian } else { ByteOrder::LittleEndian };
        let inflated;
        let pixels = if self.syntax.encoding == Encoding::DeflatedLe {
            inflated = inflate(&self.bytes, offset, length)?;
            inflated.as_slice()
        } else {
            native(&self.bytes, offset, length).ok_or(Refused::NoPixels)?
        };
        Frame::decode(&facts, order, pixels).map_err(refusal)
    }
}

fn is_within(bytes: u64) -> bool {
    bytes <= WORKER_INSTANCE_BYTES_MAX
}

fn native(bytes: &[u8], offset: u64, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let length = usize::try_from(length).ok()?;
    bytes.get(start..)?.get(..length)
}

/// Returns the `length` bytes behind the first `offset` of the inflated data set. The walker has
/// been through it: it ends where it should and is no bomb.
fn inflate(deflated: &[u8], offset: u64, length: u64) -> Result<Vec<u8>, Refused> {
    let broken = |_: std::io::Error| Refused::NotDecoded;
    let mut decoder = DeflateDecoder::new(deflated);
    let skipped = std::io::copy(&mut decoder.by_ref().take(offset), &mut std::io::sink());
    let mut pixels = Vec::new();
    decoder.take(length).read_to_end(&mut pixels).map_err(broken)?;
    match skipped.map_err(broken)? {
        skipped if skipped == offset => Ok(pixels),
        _ => Err(Refused::NotDecoded),
    }
}

fn refusal(refusal: FrameRefusal) -> Refused {
    match refusal {
        FrameRefusal::Short { .. } => Refused::NoPixels,
        FrameRefusal::Missing(_)
        | FrameRefusal::Empty { .. }
        | FrameRefusal::NotMonochrome
        | FrameRefusal::Frames(_)
        | FrameRefusal::BitsAllocated(_)
        | FrameRefusal::Bits { .. }
        | FrameRefusal::Representation(_)
        | FrameRefusal::BigEndianBytes => Refused::BadPixels,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::dicom::element::Elements;
    use crate::dicom::syntax::{DEFLATED_LE, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE};
    use crate::dicom::tags;

    const VALUES: [u16; 6] = [0, 1, 2, 300, 4000, 4095];

    fn data_set(encoding: Encoding, pixels: &[u8]) -> Vec<u8> {
        let elements = Elements::new(encoding)
            .us(tags::SAMPLES_PER_PIXEL, 1)
            .text(tags::PHOTOMETRIC_INTERPRETATION, *b"CS", "MONOCHROME2")
            .us(tags::ROWS, 2)
            .us(tags::COLUMNS, 3)
            .us(tags::BITS_ALLOCATED, 16)
            .us(tags::BITS_STORED, 12)
            .us(tags::PIXEL_REPRESENTATION, 0)
            .put(tags::PIXEL_DATA, *b"OW", pixels);
        let bytes = elements.into_bytes();
        if encoding != Encoding::DeflatedLe {
            return bytes;
        }
        let level = flate2::Compression::default();
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
        encoder.write_all(&bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn pixels() -> Vec<u8> {
        VALUES.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn facts(pixel_bytes: u64) -> SliceFacts {
        SliceFacts {
            rows: Some(2),
            columns: Some(3),
            samples_per_pixel: Some(1),
            photometric: "MONOCHROME2".to_owned(),
            bits_allocated: Some(16),
            bits_stored: Some(12),
            pixel_representation: Some(0),
            pixel_bytes: Some(pixel_bytes),
            ..SliceFacts::default()
        }
    }

    fn decode(syntax: &str, bytes: &[u8], facts: &SliceFacts) -> Result<Frame, Refused> {
        let mut decoder = Decoder::new(syntax.as_bytes())?;
        for chunk in bytes.chunks(50) {
            decoder.feed(chunk)?;
        }
        decoder.finish(facts)
    }

    #[test]
    fn every_syntax_without_compression_gives_the_same_values() {
        for (syntax, encoding) in [
            (IMPLICIT_LE, Encoding::ImplicitLe),
            (EXPLICIT_LE, Encoding::ExplicitLe),
            (EXPLICIT_BE, Encoding::ExplicitBe),
            (DEFLATED_LE, Encoding::DeflatedLe),
        ] {
            let frame = decode(syntax, &data_set(encoding, &pixels()), &facts(12)).unwrap();
            assert_eq!(frame.values, VALUES.map(i32::from), "{syntax}");
        }
    }

    #[test]
    fn a_data_set_cut_anywhere_is_not_decoded() {
        let bytes = data_set(Encoding::ExplicitLe, &pixels());
        for cut in 0..bytes.len() {
            let refused = decode(EXPLICIT_LE, &bytes[..cut], &facts(12));
            assert_eq!(refused, Err(Refused::NotDecoded), "{cut}");
        }
    }

    #[test]
    fn what_does_not_say_of_itself_what_the_ledger_says_is_not_decoded() {
        let bytes = data_set(Encoding::ExplicitLe, &pixels());
        let other = SliceFacts { rows: Some(3), columns: Some(2), ..facts(12) };
        assert_eq!(decode(EXPLICIT_LE, &bytes, &other), Err(Refused::NotDecoded));
    }

    #[test]
    fn compressed_and_unknown_syntaxes_are_not_decoded() {
        for syntax in ["1.2.840.10008.1.2.4.90", "1.2.3", "", "x"] {
            let bytes = data_set(Encoding::ExplicitLe, &pixels());
            assert_eq!(decode(syntax, &bytes, &facts(12)), Err(Refused::NotDecoded), "{syntax}");
        }
    }

    #[test]
    fn too_few_pixels_and_impossible_ones_are_told_apart() {
        let bytes = data_set(Encoding::ExplicitLe, &pixels()[..10]);
        assert_eq!(decode(EXPLICIT_LE, &bytes, &facts(10)), Err(Refused::NoPixels));
        let bytes = Elements::new(Encoding::ExplicitLe).us(tags::ROWS, 2).us(tags::COLUMNS, 3).put(
            tags::PIXEL_DATA,
            *b"OW",
            &pixels(),
        );
        let bare = SliceFacts {
            rows: Some(2),
            columns: Some(3),
            pixel_bytes: Some(12),
            ..SliceFacts::default()
        };
        let refused = decode(EXPLICIT_LE, &bytes.into_bytes(), &bare);
        assert_eq!(refused, Err(Refused::BadPixels));
    }
}
