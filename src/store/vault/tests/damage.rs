//! Records and slabs changed by decay or by hand: nothing wrong is handed out, nothing is lost
//! without a word.

use super::*;
use crate::base::fault::Fault;
use crate::base::limits::CHUNK_BYTES;
use crate::store::page::{PAGE_BYTES, SECTOR_BYTES, block};
use crate::store::vault::slab::{RECORDS_AT, slab_name};

const FRAME: usize = 16 + CHUNK_BYTES + 16;

fn at(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

fn file(sealed: &Sealed) -> String {
    slab_name(sealed.location.slab)
}

/// Three records in one slab.
fn three() -> (TestBox, [Sealed; 3]) {
    let node = fresh();
    let sealed = [1, 2, 3].map(|seed| node.store("1.2", &pattern(seed, 5000)).unwrap().1);
    assert!(sealed.iter().all(|other| other.location.slab == sealed[0].location.slab));
    (node, sealed)
}

fn flip(disk: &MemoryDisk, name: &str, offset: usize, mask: u8) {
    let byte = disk.bytes(name)[offset];
    disk.tamper(name, offset, &[byte ^ mask]);
}

#[test]
fn any_flipped_bit_of_a_record_is_found_and_the_others_are_read() {
    let (node, sealed) = three();
    let middle = &sealed[1];
    let (from, to) = (at(middle.location.offset), at(middle.end));
    let clean = node.disk.bytes(&file(middle));
    for place in (from..from + 700).chain((from + 700..to).step_by(101)) {
        flip(&node.disk, &file(middle), place, 1 << (place % 8));
        let read = node.read(middle);
        let node2 = start(&node.disk, &TestLedger::default()).unwrap();
        let harmless = clean[place..to].iter().all(|byte| *byte == 0)
            || (from + 20..from + SECTOR_BYTES).contains(&place) && read.is_ok();
        if read.is_ok() || node2.recovery.damaged.is_empty() {
            // Slack behind the header's fields and behind the trailer carries nothing.
            assert!(harmless, "byte {place}");
            assert_eq!(node2.found(middle.number), Some(middle));
        } else {
            assert_eq!(node2.found(middle.number), None, "byte {place}");
            assert_eq!(node2.recovery.fault(), Some(Fault::VaultDamaged));
        }
        assert!(node2.found(sealed[0].number).is_some() && node2.found(sealed[2].number).is_some());
        node.disk.tamper(&file(middle), place, &clean[place..=place]);
    }
}

#[test]
fn a_bad_header_in_the_middle_is_damage_and_the_slab_is_kept() {
    let (node, sealed) = three();
    let middle = &sealed[1];
    node.disk.tamper(&file(middle), at(middle.location.offset), &[0; SECTOR_BYTES]);
    let node = node.restart();
    assert_eq!(node.recovery.records, 2);
    assert_eq!(node.recovery.damaged.len(), 1);
    let slab = middle.location.slab;
    assert_eq!(node.recovery.damaged[0].offset, middle.location.offset);
    assert_eq!(node.read(&sealed[2]).unwrap(), pattern(3, 5000));
    let (_, later) = node.store("1.2", b"later").unwrap();
    assert_ne!(later.location.slab, slab);
    let refused = node.vault.recycle(slab, sealed[2].end);
    assert!(matches!(refused, Err(VaultError::Pinned { .. })));
    assert!(matches!(node.read(middle), Err(VaultError::Damaged { .. })));
}

#[test]
fn a_torn_last_record_is_no_damage_but_a_mark_behind_it_is() {
    let (node, sealed) = three();
    let last = &sealed[2];
    node.disk.tamper(&file(last), at(last.end) - PAGE_BYTES, &[0; PAGE_BYTES]);
    let again = start(&node.disk, &TestLedger::default()).unwrap();
    assert_eq!((again.recovery.torn, again.recovery.damaged.len()), (1, 0));
    // The ledger knew more than the slab has. It has no mark that would let the slab be skipped.
    let mark = |offset| TestLedger {
        start: again.opened.start,
        marks: BTreeMap::from([(last.location.slab, (1, offset))]),
    };
    let fitting = start(&node.disk, &mark(last.location.offset)).unwrap();
    assert_eq!(fitting.recovery.damaged, []);
    node.disk.open(&file(last)).unwrap().set_length(last.location.offset).unwrap();
    let mark = TestLedger { start: again.opened.start + 1, ..mark(last.end + 8192) };
    let beyond = start(&node.disk, &mark).unwrap();
    assert_eq!(beyond.recovery.damaged.len(), 1, "{:?}", beyond.recovery);
    assert_eq!(beyond.recovery.records, 2);
}

#[test]
fn a_slab_that_the_ledger_knows_and_the_disk_has_not_is_damage() {
    let (node, sealed) = three();
    let slab = sealed[0].location.slab;
    let ledger = TestLedger {
        start: node.opened.start,
        marks: BTreeMap::from([(slab, (1, sealed[2].end))]),
    };
    node.disk.remove(&slab_name(slab)).unwrap();
    let node = start(&node.disk, &ledger).unwrap();
    assert_eq!(node.recovery.damaged[0].what, "the slab is missing");
    assert!(node.recovery.unmarked().is_empty(), "the next start must miss it, too");
    let (_, later) = node.store("1.2", b"later").unwrap();
    assert_ne!(later.location.slab, slab, "a slab number was used again");
}

#[test]
fn frames_out_of_order_or_of_another_record_do_not_read() {
    let node = fresh();
    let bytes = pattern(1, 3 * CHUNK_BYTES);
    let (_, sealed) = node.store("1.2", &bytes).unwrap();
    let name = file(&sealed);
    let clean = node.disk.bytes(&name);
    let first = at(sealed.location.offset) + 512;
    let frame = |n: usize| clean[first + n * FRAME..first + (n + 1) * FRAME].to_vec();
    // Two frames change places; one stands twice; the last is left out by an earlier one.
    for (place, other) in [(0, 1), (1, 0), (2, 1), (1, 2)] {
        node.disk.tamper(&name, first + place * FRAME, &frame(other));
        let read = node.read(&sealed);
        assert!(matches!(read, Err(VaultError::Damaged { .. })), "{place} {other}");
        node.disk.tamper(&name, 0, &clean);
    }
    assert_eq!(node.read(&sealed).unwrap(), bytes);
}

#[test]
fn the_seal_holds_where_the_checksums_were_made_to_fit() {
    // Who holds the disk can make every CRC fit. He changes a byte, cuts the last chunk off by
    // its flag, or swaps two chunks: the seal refuses each.
    use crate::store::vault::format::{Frame, FrameHead};
    let node = fresh();
    let (_, sealed) = node.store("1.2", &pattern(1, 3 * CHUNK_BYTES)).unwrap();
    let name = file(&sealed);
    let clean = node.disk.bytes(&name);
    let first = at(sealed.location.offset) + 512;
    let body = |n: usize| clean[first + n * FRAME + 16..first + (n + 1) * FRAME].to_vec();
    let put = |n: usize, frame: Frame, body: &[u8]| {
        let sequence = u32::try_from(n).unwrap();
        let head = FrameHead::of(sealed.number, frame, sequence, body).unwrap();
        let mut bytes = head.encode();
        bytes.extend_from_slice(body);
        node.disk.tamper(&name, first + n * FRAME, &bytes);
    };
    let mut changed = body(1);
    changed[100] ^= 1;
    let attempts: [(usize, Frame, Vec<u8>); 4] = [
        (1, Frame::Chunk, changed),
        (0, Frame::Chunk, body(1)),
        (1, Frame::LastChunk, body(1)),
        (2, Frame::LastChunk, body(1)),
    ];
    for (n, frame, body) in attempts {
        put(n, frame, &body);
        let mut reader = match node.vault.read(sealed.location, sealed.number) {
            Ok(reader) => reader,
            Err(error) => {
                assert!(matches!(error, VaultError::Damaged { .. }));
                node.disk.tamper(&name, 0, &clean);
                continue;
            }
        };
        let (mut chunk, mut whole) = (Vec::new(), 0);
        let failed = loop {
            match reader.next_chunk(&mut chunk) {
                Ok(true) => whole += 1,
                Ok(false) => break false,
                Err(error) => {
                    assert!(matches!(error, VaultError::Damaged { .. }) && chunk.is_empty());
                    break true;
                }
            }
        };
        assert!(failed && whole == n, "{frame:?} at {n}");
        assert!(reader.next_chunk(&mut chunk).is_err(), "an error became an end");
        node.disk.tamper(&name, 0, &clean);
    }
}

#[test]
fn stale_frames_never_fit_a_new_header() {
    // A record is torn after its frames reached the disk; the place is written again, and the
    // power fails when only the new header has: the old frames are there, whole.
    let node = fresh();
    let (_, old) = node.store("1.2", &pattern(1, 5000)).unwrap();
    let header = format::Header {
        generation: old.location.generation,
        number: RecordNumber { start: old.number.start, sequence: 77 },
        kind: 1,
    };
    node.disk.tamper(&file(&old), at(old.location.offset), &header.encode());
    let node = node.restart();
    assert_eq!((node.recovery.records, node.recovery.torn), (0, 1));
}

#[test]
fn records_of_an_older_generation_are_not_found_again() {
    let (node, sealed) = three();
    let slab = sealed[0].location.slab;
    node.vault.recycle(slab, sealed[2].end).unwrap();
    assert!(matches!(node.read(&sealed[1]), Err(VaultError::Gone { .. })));
    let (_, new) = node.store("1.2", b"new").unwrap();
    assert_eq!((new.location.slab, new.location.generation), (slab, 2));
    assert!(matches!(node.read(&sealed[0]), Err(VaultError::Gone { .. })));
    let node = node.restart();
    assert_eq!(node.recovery.damaged, []);
    assert_eq!(node.found.len(), 1);
}

#[test]
fn a_torn_head_is_mended_by_the_other_and_without_both_the_slab_is_kept() {
    for torn in [&[0_usize][..], &[1], &[0, 1]] {
        let (node, sealed) = three();
        let name = file(&sealed[0]);
        let clean = node.disk.bytes(&name);
        for copy in torn {
            node.disk.tamper(&name, copy * PAGE_BYTES, &[0xff; SECTOR_BYTES]);
        }
        let node = node.restart();
        if torn.len() < 2 {
            assert_eq!(node.recovery.records, 3);
            assert_eq!(node.disk.bytes(&name)[..8192], clean[..8192]);
        } else {
            assert_eq!(node.recovery.records, 0);
            assert_eq!(node.recovery.damaged[0].what, "neither head can be read");
            let refused = node.vault.recycle(sealed[0].location.slab, 0);
            assert!(matches!(refused, Err(VaultError::Pinned { .. })));
        }
    }
}

#[test]
fn a_format_of_another_release_is_refused_and_left_alone() {
    let (node, sealed) = three();
    let name = file(&sealed[0]);
    let mut head = block(*b"SPSLAB\0\0", &[0; 24], PAGE_BYTES);
    head[8] = 2;
    let crc = crc32c::crc32c(&head[..40]).to_le_bytes();
    head[40..44].copy_from_slice(&crc);
    node.disk.tamper(&name, 0, &head);
    let before = node.disk.bytes(&name);
    let refused = start(&node.disk, &TestLedger::default());
    assert!(matches!(refused.err(), Some(VaultError::Version { found: 2 })));
    assert_eq!(node.disk.bytes(&name), before);
}

/// Seals a record of a kind that this release does not know, as a later release would.
fn seal_unknown(node: &TestBox, study: &str) -> Sealed {
    let (_, sealed) = node.store(study, b"from the future").unwrap();
    let ring = &node.vault.inner.ring;
    let ticket = ring.enter(KeyName::Study(&uid(study)), &node.vault.inner.rng).unwrap();
    ring.leave(ticket.slot, None);
    let header = format::Header { generation: 1, number: sealed.number, kind: 9 };
    let bound = format::Bound { identity: node.vault.identity(), header: &header };
    let key = Secret::new([3; 32]);
    let mut plain = sealed.arrival.0.to_le_bytes().to_vec();
    plain.extend_from_slice(br#"{"kind":"sonnet","lines":14}"#);
    let body = bound.seal_trailer((ticket.slot, &ticket.key), [1; 24], &key, &plain).unwrap();
    let chunk = [7; 16];
    let mut bytes = header.encode();
    for (sequence, (frame, body)) in
        [(format::Frame::LastChunk, &chunk[..]), (format::Frame::Trailer, &body)].iter().enumerate()
    {
        let sequence = u32::try_from(sequence).unwrap();
        let head = format::FrameHead::of(header.number, *frame, sequence, body).unwrap();
        bytes.extend(head.encode());
        bytes.extend_from_slice(body);
    }
    node.disk.tamper(&file(&sealed), at(sealed.location.offset), &bytes);
    sealed
}

#[test]
fn an_unknown_kind_pins_its_slab_until_the_study_is_erased() {
    let node = fresh();
    let sealed = seal_unknown(&node, "1.7");
    assert_eq!(sealed.location.offset, RECORDS_AT);
    let node = node.restart();
    assert_eq!(node.recovery.damaged, []);
    assert_eq!((node.recovery.unknown.len(), node.recovery.unknown[0].kind), (1, 9));
    assert_eq!(node.recovery.unmarked().into_iter().collect::<Vec<_>>(), [sealed.location.slab]);
    // A record behind the unknown one would give the slab a mark again.
    let (_, later) = node.store("1.8", b"later").unwrap();
    assert_ne!(later.location.slab, sealed.location.slab);
    let slab = sealed.location.slab;
    let end = node.vault.slabs().iter().find(|space| space.slab == slab).unwrap().end;
    let refused = node.vault.recycle(slab, end);
    assert!(matches!(refused, Err(VaultError::Pinned { .. })));
    node.vault.erase(KeyName::Study(&uid("1.7")), Some(sealed.arrival)).unwrap();
    node.vault.recycle(slab, end).unwrap();
}

#[test]
fn a_copy_of_a_record_is_the_same_record_once() {
    let (node, sealed) = three();
    let bytes = node.disk.bytes(&file(&sealed[0]));
    let copy = bytes[at(sealed[0].location.offset)..at(sealed[0].end)].to_vec();
    node.disk.tamper(&file(&sealed[0]), at(sealed[2].end), &copy);
    let node = node.restart();
    assert_eq!((node.recovery.records, node.recovery.twice), (3, 1));
}

#[test]
fn a_slab_cut_at_any_length_gives_the_records_before_the_cut() {
    let (node, sealed) = three();
    let name = file(&sealed[0]);
    let whole = node.disk.bytes(&name);
    let ends: Vec<_> = sealed.iter().map(|sealed| sealed.end).collect();
    for cut in (RECORDS_AT..sealed[2].end).step_by(331).chain(ends) {
        node.disk.open(&name).unwrap().set_length(cut).unwrap();
        let found = start(&node.disk, &TestLedger::default()).unwrap();
        // The slack behind a trailer up to the next page carries nothing.
        let before = sealed.iter().filter(|sealed| sealed.end <= cut).count();
        let records = usize::try_from(found.recovery.records).unwrap();
        assert!((before..=before + 1).contains(&records), "cut at {cut}");
        assert!(found.found.iter().all(|sealed| found.read(sealed).is_ok()));
        assert_eq!(found.recovery.damaged, [], "cut at {cut}");
        node.disk.tamper(&name, 0, &whole);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]
    #[test]
    fn rubbish_in_a_slab_is_neither_a_record_nor_a_panic(
        seed in proptest::prelude::any::<u64>(),
        length in 1_usize..60_000,
        offset in 0_usize..20_000,
    ) {
        let (node, sealed) = three();
        node.disk.tamper(&file(&sealed[0]), at(RECORDS_AT) + offset, &pattern(seed, length));
        let node = node.restart();
        for found in &node.found {
            proptest::prop_assert!(sealed.contains(found));
            // A record that was handed to the ledger reads back whole.
            proptest::prop_assert!(node.read(found).is_ok());
        }
    }
}
