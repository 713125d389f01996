//! A small reader of explicit VR little endian, for tests only, and a dump of what it read.

use std::fmt::Write as _;

use scanpost::dicom::header::{Element as Kept, Header, Tag};

/// One element.
pub(crate) struct Element {
    pub(crate) tag: u32,
    pub(crate) vr: [u8; 2],
    pub(crate) value: Value,
}

/// Its value.
pub(crate) enum Value {
    Bytes(Vec<u8>),
    Items(Vec<Vec<Element>>),
}

const LONG: [&[u8; 2]; 9] = [b"OB", b"OW", b"OF", b"OD", b"SQ", b"UC", b"UN", b"UR", b"UT"];

/// Reads a data set to its end; panics on anything odd: our documents have nothing odd.
pub(crate) fn read(bytes: &[u8]) -> Vec<Element> {
    let mut rest = bytes;
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let tag = tag(take(&mut rest, 4));
        let vr: [u8; 2] = take(&mut rest, 2).try_into().unwrap();
        let length = if LONG.contains(&&vr) {
            take(&mut rest, 2);
            u32::from_le_bytes(take(&mut rest, 4).try_into().unwrap()) as usize
        } else {
            usize::from(u16::from_le_bytes(take(&mut rest, 2).try_into().unwrap()))
        };
        let bytes = take(&mut rest, length);
        let value =
            if &vr == b"SQ" { Value::Items(items(bytes)) } else { Value::Bytes(bytes.to_vec()) };
        elements.push(Element { tag, vr, value });
    }
    elements
}

fn items(bytes: &[u8]) -> Vec<Vec<Element>> {
    let mut rest = bytes;
    let mut items = Vec::new();
    while !rest.is_empty() {
        assert_eq!(tag(take(&mut rest, 4)), 0xfffe_e000);
        let length = u32::from_le_bytes(take(&mut rest, 4).try_into().unwrap());
        items.push(read(take(&mut rest, length as usize)));
    }
    items
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (head, tail) = rest.split_at(count);
    *rest = tail;
    head
}

fn tag(bytes: &[u8]) -> u32 {
    let group = u32::from(u16::from_le_bytes([bytes[0], bytes[1]]));
    group << 16 | u32::from(u16::from_le_bytes([bytes[2], bytes[3]]))
}

/// Returns the first element of `tag` at the top level.
pub(crate) fn find(elements: &[Element], tag: u32) -> Option<&Element> {
    elements.iter().find(|element| element.tag == tag)
}

/// Returns the bytes of the element of `tag` at the top level.
pub(crate) fn bytes(elements: &[Element], tag: u32) -> &[u8] {
    match &find(elements, tag).unwrap_or_else(|| panic!("{tag:08x}")).value {
        Value::Bytes(bytes) => bytes,
        Value::Items(_) => panic!("{tag:08x} is a sequence"),
    }
}

/// Returns the items of the sequence of `tag` at the top level.
pub(crate) fn sequence(elements: &[Element], tag: u32) -> &[Vec<Element>] {
    match &find(elements, tag).unwrap_or_else(|| panic!("{tag:08x}")).value {
        Value::Items(items) => items,
        Value::Bytes(_) => panic!("{tag:08x} is no sequence"),
    }
}

/// Reads an explicit VR little endian file: its header without pixels, and the pixels.
pub(crate) fn source(file: &[u8]) -> (Header, Vec<u8>) {
    assert_eq!(&file[128..132], b"DICM");
    let mut header = Header::default();
    let mut pixels = Vec::new();
    for element in read(&file[132..]) {
        let Value::Bytes(value) = element.value else {
            continue;
        };
        match element.tag {
            0x7fe0_0010 => pixels = value,
            0..=0x0002_ffff => {}
            tag => header.keep(Tag(tag), Kept { vr: element.vr, value }),
        }
    }
    (header, pixels)
}

/// Returns the data set as text, one element a line, in the manner of dcmdump.
pub(crate) fn dump(elements: &[Element]) -> String {
    let mut out = String::new();
    dump_into(&mut out, elements, 0);
    out
}

fn dump_into(out: &mut String, elements: &[Element], depth: usize) {
    for element in elements {
        let indent = "  ".repeat(depth);
        let (group, number) = (element.tag >> 16, element.tag & 0xffff);
        let vr = std::str::from_utf8(&element.vr).unwrap();
        write!(out, "{indent}({group:04x},{number:04x}) {vr} ").unwrap();
        match &element.value {
            Value::Bytes(bytes) => writeln!(out, "{}", show(vr, bytes)).unwrap(),
            Value::Items(items) => {
                writeln!(out, "{} items", items.len()).unwrap();
                for item in items {
                    writeln!(out, "{indent}  item").unwrap();
                    dump_into(out, item, depth + 2);
                }
            }
        }
    }
}

fn show(vr: &str, bytes: &[u8]) -> String {
    let words = bytes.chunks_exact(2);
    let words = words.map(|two| u16::from_le_bytes([two[0], two[1]]));
    let longs = bytes.chunks_exact(4);
    let longs = longs.map(|four| u32::from_le_bytes(four.try_into().unwrap()));
    match vr {
        "US" => format!("{:?}", words.collect::<Vec<_>>()),
        "AT" => format!("{:04x?}", words.collect::<Vec<_>>()),
        "UL" => format!("{:?}", longs.collect::<Vec<_>>()),
        "FL" => format!("{:?}", longs.map(f32::from_bits).collect::<Vec<_>>()),
        "OB" if 64 < bytes.len() => {
            let digest = scanpost::base::digest::Digest::of(bytes);
            format!("{} bytes, BLAKE3 {digest}", bytes.len())
        }
        "OB" => format!("{bytes:02x?}"),
        _ => format!("\"{}\"", bytes.escape_ascii()),
    }
}
