//! Texts of a data set for display: as declared where we can, else a marked guess.
//!
//! Only for people to read: the bytes as sent stay the truth, and results copy bytes and
//! declaration. Japanese, Chinese and Korean sets other than UTF-8 are guessed.

mod tables;
#[cfg(test)]
mod tests;

/// A text that can be shown: no control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The text.
    pub text: String,
    /// Whether the declaration did not tell how to read it, so that it may be wrong.
    pub guessed: bool,
}

impl Shown {
    /// Returns the text, with a question mark behind it where it is a guess.
    pub fn marked(&self) -> String {
        let mark = if self.guessed { " (?)" } else { "" };
        format!("{}{mark}", self.text)
    }
}

/// How the bytes A0 to FF are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    /// They are not: the default repertoire.
    Ascii,
    Latin1,
    Utf8,
    /// JIS X 0201: katakana of half width.
    Katakana,
    Table(&'static str),
}

/// Decodes `bytes` by the value of Specific Character Set (0008,0005), PS3.3 C.12.1.1.2.
///
/// What cannot be read as declared is read as UTF-8 if it is valid, else as ISO 8859-1, and
/// marked. Code extensions (ISO 2022) are followed among single-byte sets.
pub fn decode(bytes: &[u8], declared: &[u8]) -> Shown {
    let read = if bytes.is_ascii() && !bytes.contains(&0x1b) {
        Some(bytes.iter().copied().map(char::from).collect())
    } else {
        as_declared(bytes, declared)
    };
    let guessed = read.is_none();
    let text: String = read.unwrap_or_else(|| match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_not_utf8) => bytes.iter().copied().map(char::from).collect(),
    });
    let text = text.chars().filter_map(|c| match c {
        '\t' | '\n' | '\r' | '\u{c}' => Some(' '),
        c if c.is_control() => None,
        c => Some(c),
    });
    Shown { text: text.collect::<String>().trim().to_owned(), guessed }
}

/// Returns a person name as people write it: the first component group that is not empty,
/// family name first (`DOE^JANE=…` becomes `DOE, JANE`).
pub fn person_name(text: &str) -> String {
    let is_filled = |group: &&str| !group.replace('^', "").trim().is_empty();
    let group = text.split('=').find(is_filled).unwrap_or_default();
    let mut parts = group.split('^').map(str::trim);
    let family = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    match (family.is_empty(), rest.is_empty()) {
        (_, true) => family.to_owned(),
        (true, false) => rest.join(" "),
        (false, false) => format!("{family}, {}", rest.join(" ")),
    }
}

fn as_declared(bytes: &[u8], declared: &[u8]) -> Option<String> {
    let mut values = declared.split(|byte| *byte == b'\\').map(named);
    let first = values.next().flatten()?;
    if bytes.contains(&0x1b) {
        return values.all(|set| set.is_some()).then(|| with_escapes(bytes, first))?;
    }
    if first == Set::Utf8 {
        return std::str::from_utf8(bytes).ok().map(str::to_owned);
    }
    bytes.iter().map(|byte| character(first, *byte)).collect()
}

/// Returns the set of a defined term; `None` for those that need more than a small table.
fn named(term: &[u8]) -> Option<Set> {
    let term: Vec<u8> = term
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(u8::to_ascii_uppercase)
        .collect();
    let number = term.strip_prefix(b"ISOIR").or_else(|| term.strip_prefix(b"ISO2022IR"));
    match (term.as_slice(), number) {
        ([], _) | (_, Some(b"6")) => Some(Set::Ascii),
        (_, Some(b"13")) => Some(Set::Katakana),
        (_, Some(b"100")) => Some(Set::Latin1),
        (_, Some(b"101")) => Some(Set::Table(tables::LATIN_2)),
        (_, Some(b"109")) => Some(Set::Table(tables::LATIN_3)),
        (_, Some(b"110")) => Some(Set::Table(tables::LATIN_4)),
        (_, Some(b"126")) => Some(Set::Table(tables::GREEK)),
        (_, Some(b"127")) => Some(Set::Table(tables::ARABIC)),
        (_, Some(b"138")) => Some(Set::Table(tables::HEBREW)),
        (_, Some(b"144")) => Some(Set::Table(tables::CYRILLIC)),
        (_, Some(b"148")) => Some(Set::Table(tables::LATIN_5)),
        (_, Some(b"166")) => Some(Set::Table(tables::THAI)),
        (_, Some(b"203")) => Some(Set::Table(tables::LATIN_9)),
        (_, Some(b"192")) => Some(Set::Utf8),
        _ => None,
    }
}

/// Returns the set that an escape sequence designates as G1, or `Ascii` for the designations of
/// G0 that change nothing (PS3.3 Table C.12-3).
fn designated(final_bytes: [u8; 2]) -> Option<Set> {
    Some(match &final_bytes {
        b"(B" | b"(J" => Set::Ascii,
        b")I" => Set::Katakana,
        b"-A" => Set::Latin1,
        b"-B" => Set::Table(tables::LATIN_2),
        b"-C" => Set::Table(tables::LATIN_3),
        b"-D" => Set::Table(tables::LATIN_4),
        b"-F" => Set::Table(tables::GREEK),
        b"-G" => Set::Table(tables::ARABIC),
        b"-H" => Set::Table(tables::HEBREW),
        b"-L" => Set::Table(tables::CYRILLIC),
        b"-M" => Set::Table(tables::LATIN_5),
        b"-T" => Set::Table(tables::THAI),
        b"-b" => Set::Table(tables::LATIN_9),
        _ => return None,
    })
}

fn with_escapes(bytes: &[u8], first: Set) -> Option<String> {
    let mut text = String::new();
    let mut set = first;
    let mut rest = bytes;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte == 0x1b {
            let (designation, behind) = rest.split_first_chunk::<2>()?;
            rest = behind;
            let new = designated(*designation)?;
            if new != Set::Ascii {
                set = new;
            }
            continue;
        }
        // Delimiters bring back the first set (PS3.5 6.1.2.5.3).
        if matches!(byte, b'\\' | b'^' | b'=' | b'\t' | b'\n' | 0x0c | b'\r') {
            set = first;
        }
        text.push(character(set, *byte)?);
    }
    Some(text)
}

fn character(set: Set, byte: u8) -> Option<char> {
    match (set, byte) {
        (_, 0..=0x7f) | (Set::Latin1, 0xa0..) => Some(char::from(byte)),
        (Set::Katakana, 0xa1..=0xdf) => char::from_u32(0xff61 + u32::from(byte - 0xa1)),
        (Set::Table(table), 0xa0..) => {
            let found = table.chars().nth(usize::from(byte - 0xa0))?;
            (found != char::REPLACEMENT_CHARACTER).then_some(found)
        }
        _ => None,
    }
}
