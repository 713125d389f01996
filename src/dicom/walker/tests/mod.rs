//! The walker against the case table (`rows`), its limits (`limits`) and arbitrary bytes and
//! cuts (`properties`). Data sets are written element by element, good and bad.

use super::*;
use crate::dicom::element::Elements;
use crate::dicom::header::Tag;
use crate::dicom::tags;

mod limits;
mod properties;
mod rows;

const ENCODINGS: [Encoding; 3] = [Encoding::ImplicitLe, Encoding::ExplicitLe, Encoding::ExplicitBe];

fn native(encoding: Encoding) -> TransferSyntax {
    TransferSyntax { encoding, native_pixels: true }
}

fn compressed() -> TransferSyntax {
    TransferSyntax { encoding: Encoding::ExplicitLe, native_pixels: false }
}

/// The elements that every test begins with: 8 of them, of groups 0008 to 0028.
fn begun(encoding: Encoding) -> Elements {
    Elements::new(encoding)
        .text(tags::SPECIFIC_CHARACTER_SET, *b"CS", "ISO_IR 100")
        .text(tags::SOP_CLASS_UID, *b"UI", "1.2.840.10008.5.1.4.1.1.2")
        .text(tags::SOP_INSTANCE_UID, *b"UI", "1.2.3.4")
        .text(tags::MODALITY, *b"CS", "CT")
        .text(tags::PATIENT_NAME, *b"PN", "DOE^JANE")
        .text(tags::STUDY_INSTANCE_UID, *b"UI", "1.2.3")
        .text(tags::SERIES_INSTANCE_UID, *b"UI", "1.2.3.1")
        .us(tags::ROWS, 2)
}

/// A whole data set with a sequence and four pixels.
fn whole(encoding: Encoding) -> Vec<u8> {
    let nested = Tag(0x0040_0275);
    begun(encoding)
        .us(tags::COLUMNS, 2)
        .open_sequence(nested)
        .open_item()
        .text(Tag(0x0040_0007), *b"LO", "CHEST")
        .close_item()
        .close_sequence()
        .put(tags::PIXEL_DATA, *b"OW", &[1, 0, 2, 0, 3, 0, 4, 0])
        .into_bytes()
}

fn walk(syntax: TransferSyntax, bytes: &[u8]) -> Result<Walk, WalkError> {
    let mut walker = Walker::new(syntax, Keep::Routing);
    walker.feed(bytes)?;
    walker.finish()
}

fn sound(encoding: Encoding, elements: Elements) -> Walk {
    walk(native(encoding), &elements.into_bytes()).unwrap()
}

fn refused(encoding: Encoding, elements: Elements) -> WalkError {
    walk(native(encoding), &elements.into_bytes()).unwrap_err()
}

fn deflated(plain: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let level = flate2::Compression::default();
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}
