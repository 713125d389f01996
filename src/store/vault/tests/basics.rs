//! What a sealed record gives back, and what is refused before anything is written.

use super::*;
use crate::base::digest::Digest;
use crate::base::limits::CHUNK_BYTES;
use crate::store::record::AgainRecord;

#[test]
fn what_was_sealed_reads_back_at_every_length_around_a_chunk() {
    let node = fresh();
    let mut all = Vec::new();
    for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES] {
        let bytes = pattern(length as u64, length);
        let (receipt, sealed) = node.store("1.2", &bytes).unwrap();
        assert_eq!(receipt.number(), sealed.number);
        assert_eq!(node.read(&sealed).unwrap(), bytes);
        let place = (sealed.location, sealed.number);
        assert!(node.vault.holds(place, length as u64, &Digest::of(&bytes)).unwrap());
        assert!(!node.vault.holds(place, length as u64, &Digest::of(b"other")).unwrap());
        all.push((sealed, bytes));
    }
    let node = node.restart();
    assert_eq!(node.recovery.records, 6);
    assert_eq!(node.recovery.damaged, []);
    let mut found = node.found.clone();
    found.sort_by_key(|sealed| sealed.arrival);
    for (found, (sealed, bytes)) in found.iter().zip(&all) {
        assert_eq!(found, sealed);
        assert_eq!(node.read(found).unwrap(), *bytes);
    }
}

#[test]
fn a_content_that_speaks_of_other_bytes_is_not_sealed() {
    let node = fresh();
    let mut writer = node.vault.begin(Kind::Object).unwrap();
    writer.append(b"bytes").unwrap();
    let content = object("1.2", &writer);
    writer.append(b"more").unwrap();
    let refused = node.vault.seal(writer, KeyName::Box, content);
    assert!(matches!(refused, Err(VaultError::Disagrees)));
    assert_eq!(node.restart().recovery.records, 0);
}

#[test]
fn a_record_without_bytes_is_one_empty_last_chunk() {
    let node = fresh();
    let (_, first) = node.store("1.2", b"instance").unwrap();
    let content = Content::Again(AgainRecord {
        of: first.number,
        calling: AeTitle::parse(b"CT1").unwrap(),
        peer: "10.0.0.21".to_owned(),
        received: Stamp::default(),
        routes: Vec::new(),
    });
    let writer = node.vault.begin(Kind::Again).unwrap();
    let name = uid("1.2");
    let (_, again) = node.vault.seal(writer, KeyName::Study(&name), content).unwrap();
    assert!(first.arrival < again.arrival);
    assert_eq!(node.read(&again).unwrap(), b"");
    assert_eq!(node.restart().recovery.records, 2);
}
