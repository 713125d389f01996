//! Lines and signed heads as bytes, and how far a file of them checks.

use ed25519_dalek::{Signature, VerifyingKey};
use serde::Serialize;

use crate::base::digest::Digest;
use crate::store::audit::{AuditError, Entry};
use crate::store::disk::{Disk, open_if_there};
use crate::store::page::{PAGE_BYTES, Pack, Unpack, block, open_block};

/// The file of the last signed head: a file that ends before it was cut by somebody.
pub(super) const HEAD_NAME: &str = "audit.head";
/// The action of a line that signs the one before it.
pub(super) const SIGNED: &str = "signed";
const MAGIC: [u8; 8] = *b"SPAUDIT\0";
/// What stands between a line's fields and its hash.
const HASH_FIELD: &[u8] = b",\"hash\":\"";
const HASH_DIGITS: usize = 64;

/// The last line: its number and its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) n: u64,
    pub(super) hash: Digest,
}

impl Default for Link {
    fn default() -> Self {
        Self { n: 0, hash: Digest([0; 32]) }
    }
}

/// A line before it is bytes.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    pub(super) n: u64,
    #[serde(flatten)]
    pub(super) entry: &'a Entry<'a>,
}

impl Line<'_> {
    /// Encodes the line behind one of the hash `previous`: one JSON object whose last field is the
    /// hash over `previous` and all bytes before that field.
    pub(super) fn encode(&self, previous: Digest) -> Option<(Vec<u8>, Link)> {
        let mut bytes = serde_json::to_vec(self).ok()?;
        bytes.pop().filter(|brace| *brace == b'}')?;
        let hash = link_hash(previous, &bytes);
        bytes.extend_from_slice(HASH_FIELD);
        bytes.extend_from_slice(hash.to_string().as_bytes());
        bytes.extend_from_slice(b"\"}\n");
        Some((bytes, Link { n: self.n, hash }))
    }
}

fn link_hash(previous: Digest, body: &[u8]) -> Digest {
    Digest::of_parts(&[&previous.0, body])
}

/// A signed place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) number: u32,
    pub(super) link: Link,
}

impl Head {
    /// What is signed.
    pub(super) fn message(&self) -> Vec<u8> {
        Pack::default().bytes(b"scanpost audit 1\0").bytes(&self.fields()).done()
    }

    fn fields(&self) -> Vec<u8> {
        Pack::default().u32(self.number).u64(self.link.n).bytes(&self.link.hash.0).done()
    }

    pub(super) fn encode(&self, signature: &[u8; 64]) -> Vec<u8> {
        let fields = Pack::default().bytes(&self.fields()).bytes(signature).done();
        block(MAGIC, &fields, PAGE_BYTES)
    }

    fn is_signed(&self, key: &VerifyingKey, signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        key.verify_strict(&self.message(), &signature).is_ok()
    }
}

/// Reads the last signed head; `None` where there is none that we signed.
pub(super) fn read_head(disk: &dyn Disk, key: &VerifyingKey) -> Result<Option<Head>, AuditError> {
    let failed = AuditError::disk("read");
    let Some(file) = open_if_there(disk, HEAD_NAME).map_err(&failed)? else {
        return Ok(None);
    };
    let mut page = vec![0; PAGE_BYTES];
    let read = file.read_at(&mut page, 0).map_err(&failed)?;
    let take = || {
        let mut fields = open_block(MAGIC, page.get(..read)?).ok()?;
        let head = Head {
            number: fields.u32()?,
            link: Link { n: fields.u64()?, hash: Digest(fields.array()?) },
        };
        let signature = Unpack(fields.0).array::<64>()?;
        head.is_signed(key, &signature).then_some(head)
    };
    Ok(take())
}

/// How far a file checks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// Bytes of the file.
    pub(super) length: u64,
    /// Offset behind the last line of the unbroken chain.
    pub(super) end: u64,
    pub(super) link: Link,
    /// Lines behind the last signature.
    pub(super) unsigned: u64,
    /// A signature of ours stands behind the break: what broke was not torn.
    signed_behind: bool,
    /// Every link of the unbroken chain, for the comparison with the signed head.
    links: Vec<Link>,
}

impl Reach {
    /// Whether nothing but a torn tail is missing.
    pub(super) fn is_whole(&self) -> bool {
        !self.signed_behind && 0 < self.end
    }

    /// Whether a power cut came before the first line was safe.
    pub(super) fn is_half_begun(&self) -> bool {
        !self.signed_behind && self.end == 0
    }

    /// Whether the last signed head lies within what checks.
    pub(super) fn covers(&self, number: u32, head: Option<&Head>) -> bool {
        // A newer file than the head's was begun behind it and not signed yet.
        head.is_none_or(|head| {
            head.number < number || (head.number == number && self.links.contains(&head.link))
        })
    }
}

struct Parsed<'a> {
    n: u64,
    body: &'a [u8],
    hash: Digest,
    signature: Option<[u8; 64]>,
}

fn parse(line: &[u8]) -> Option<Parsed<'_>> {
    let line = line.strip_suffix(b"\"}\n")?;
    let (rest, digits) = line.split_at_checked(line.len().checked_sub(HASH_DIGITS)?)?;
    let body = rest.strip_suffix(HASH_FIELD)?;
    let hash = Digest::parse_hex(std::str::from_utf8(digits).ok()?)?;
    // One line has one spelling.
    if hash.to_string().as_bytes() != digits {
        return None;
    }
    let mut object = body.to_vec();
    object.push(b'}');
    let value: serde_json::Value = serde_json::from_slice(&object).ok()?;
    let text = |field: &str| value.get(field).and_then(serde_json::Value::as_str);
    let signature = text("detail").filter(|_| text("action") == Some(SIGNED));
    Some(Parsed {
        n: value.get("n")?.as_u64()?,
        body,
        hash,
        signature: signature.and_then(parse_signature),
    })
}

/// Spells a signature as [`parse_signature`] reads it.
pub(super) fn hex(signature: &[u8; 64]) -> String {
    let (halves, _) = signature.as_chunks::<32>();
    halves.iter().map(|half| Digest(*half).to_string()).collect()
}

fn parse_signature(text: &str) -> Option<[u8; 64]> {
    let (first, second) = text.split_at_checked(64)?;
    let (first, second) = (Digest::parse_hex(first)?, Digest::parse_hex(second)?);
    let mut signature = [0; 64];
    for (place, byte) in signature.iter_mut().zip(first.0.iter().chain(&second.0)) {
        *place = *byte;
    }
    Some(signature)
}

/// Follows the chain of the file `number`, and looks behind its first break for signatures.
pub(super) fn verify(number: u32, bytes: &[u8], key: &VerifyingKey) -> Reach {
    let mut reach =
        Reach { length: u64::try_from(bytes.len()).unwrap_or(u64::MAX), ..Reach::default() };
    let mut chain_holds = true;
    let mut claimed = Link::default();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(parsed) = parse(line) else {
            chain_holds = false;
            continue;
        };
        let follows = claimed.n.checked_add(1) == Some(parsed.n) || reach.links.is_empty();
        let fits = follows && link_hash(claimed.hash, parsed.body) == parsed.hash;
        chain_holds &= fits;
        let head = Head { number, link: claimed };
        let signed = parsed.signature.is_some_and(|signature| head.is_signed(key, &signature));
        claimed = Link { n: parsed.n, hash: parsed.hash };
        if chain_holds {
            let length = u64::try_from(line.len()).unwrap_or(0);
            reach.end = reach.end.saturating_add(length);
            reach.link = claimed;
            reach.links.push(claimed);
            reach.unsigned = if signed { 0 } else { reach.unsigned.saturating_add(1) };
        } else {
            reach.signed_behind |= signed;
        }
    }
    reach
}
