//! Rows B1 to B14: how bytes are cut into PDUs, PDVs and segments.

use super::*;
use crate::base::limits::EMPTY_PDVS_MAX;
use crate::dicom::peer::{
    COMMAND, DATA, LAST_COMMAND, LAST_DATA, VERIFICATION, data, object, pdu, pdv, release,
};

/// An exchange of three objects and a C-ECHO, from the request to the release.
fn exchange() -> Vec<u8> {
    let mut bytes = Rq::default().bytes();
    bytes.extend(object(1, b"first object"));
    bytes.extend(object(2, b"second"));
    bytes.extend(echo());
    bytes.extend(object(3, &[7; 100]));
    bytes.extend(release());
    bytes
}

fn assert_exchanged(driver: &mut Driver, cut: &str) {
    assert_eq!(driver.told(), "AC 0000 0000 0000 0000 RP", "{cut}");
    let stored: Vec<_> = driver.objects.iter().map(|(_, bytes)| bytes.clone()).collect();
    assert_eq!(stored, [b"first object".to_vec(), b"second".to_vec(), vec![7; 100]], "{cut}");
    assert_eq!(driver.notes, [], "{cut}");
}

#[test]
fn b01_every_byte_may_be_a_segment_of_its_own() {
    let mut driver = Driver::new();
    for byte in exchange() {
        driver.feed(&[byte]);
    }
    assert_exchanged(&mut driver, "bytes");
}

#[test]
fn b01_an_exchange_of_three_objects_may_be_cut_at_every_offset() {
    let bytes = exchange();
    for cut in 0..=bytes.len() {
        let mut driver = Driver::new();
        driver.feed(&bytes[..cut]).feed(&bytes[cut..]);
        assert_exchanged(&mut driver, &format!("cut at {cut}"));
    }
}

#[test]
fn b02_what_comes_with_the_request_is_served_after_our_answer() {
    let more = [echo(), release()].concat();
    assert_eq!(say(&Rq::default(), &more), "AC 0000 RP");
}

#[test]
fn b03_command_and_data_set_may_share_a_pdu() {
    let both = [pdv(1, LAST_COMMAND, &peer::store(1)), pdv(1, LAST_DATA, b"data")].concat();
    assert_eq!(inside(&pdu(4, &both)), "0000");
}

/// A C-STORE of 40 bytes of data, both parts in fragments of `size`.
fn pieces(size: usize) -> Vec<u8> {
    let cut = |bytes: &[u8], inner, last| -> Vec<u8> {
        let count = bytes.len().div_ceil(size);
        let fragments = bytes.chunks(size).enumerate();
        fragments
            .flat_map(|(n, bytes)| data(1, if n + 1 == count { last } else { inner }, bytes))
            .collect()
    };
    let command = cut(&peer::store(1), COMMAND, LAST_COMMAND);
    [command, cut(&[1; 40], DATA, LAST_DATA)].concat()
}

#[test]
fn b04_command_and_data_set_may_come_in_even_fragments() {
    for size in [2, 38, 50] {
        let mut driver = Driver::associated();
        driver.feed(&pieces(size));
        assert_eq!(driver.told(), "0000");
        assert_eq!(driver.objects[0].1, [1; 40]);
        assert_eq!(driver.notes, []);
    }
}

#[test]
fn b05_odd_fragments_are_accepted_and_noted_once() {
    for size in [1, 37] {
        let mut driver = Driver::associated();
        driver.feed(&pieces(size));
        assert_eq!(driver.told(), "0000");
        assert_eq!(driver.objects[0].1, [1; 40]);
        assert_eq!(driver.notes, [Oddity::OddFragment]);
    }
}

#[test]
fn b06_empty_fragments_and_reserved_bits_do_no_harm() {
    let mut driver = Driver::associated();
    driver.feed(&data(1, COMMAND, b""));
    driver.feed(&data(1, LAST_COMMAND | 0x80, &peer::store(1)));
    driver.feed(&data(1, DATA, b"")).feed(&data(1, DATA | 0xfc, b"ab"));
    driver.feed(&data(1, LAST_DATA, b""));
    assert_eq!(driver.told(), "0000");
    assert_eq!(driver.objects[0].1, b"ab");
}

#[test]
fn b06_more_than_64_empty_fragments_in_a_row_are_an_attack() {
    let limit = usize::try_from(EMPTY_PDVS_MAX).unwrap();
    for empty in [data(1, COMMAND, b""), pdu(4, b"")] {
        let mut driver = Driver::associated();
        driver.feed(&empty.repeat(limit)).feed(&data(1, LAST_COMMAND, &peer::store(1)));
        driver.feed(&data(1, DATA, b"").repeat(limit));
        assert_eq!(driver.told(), "");
        driver.feed(&empty);
        assert_eq!(driver.told(), "AB 2/6");
        assert_eq!(driver.drops, [DropReason::Protocol]);
    }
}

#[test]
fn b08_a_pdv_shorter_than_its_header_or_longer_than_its_pdu_is_invalid() {
    assert_eq!(inside(&pdu(4, &[0, 0, 0, 1, 1, 3])), "AB 2/6");
    assert_eq!(inside(&pdu(4, &[0, 0, 0, 9, 1, 3, 0, 0])), "AB 2/6");
    assert_eq!(inside(&pdu(4, &[0, 0])), "AB 2/6");
}

#[test]
fn b09_a_pdu_over_the_announced_length_is_refused_at_its_header() {
    assert_eq!(inside(&[4, 0, 0, 3, 0x0d, 0x40]), "AB 2/6");
    let data_set = vec![1; 16_384 + 12 - 6];
    let mut driver = Driver::associated();
    driver.feed(&object(1, &data_set));
    assert_eq!(driver.told(), "0000", "12 bytes over are let pass");
    driver.feed(&object(1, &vec![1; 16_384 + 12 - 5]));
    assert_eq!(driver.told(), "AB 2/6");
}

#[test]
fn b10_an_unknown_pdu_after_the_answer_is_named_unrecognized() {
    assert_eq!(inside(&pdu(0x99, b"?")), "AB 2/1");
}

#[test]
fn b11_an_unknown_pdu_before_the_request_is_aborted() {
    let mut driver = Driver::new();
    driver.feed(&pdu(0x99, b"?"));
    assert_eq!(driver.told(), "AB 0/0");
}

#[test]
fn b12_a_tls_client_and_a_browser_are_recognized() {
    for (hello, oddity) in [
        (&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], Oddity::TlsHello),
        (b"GET / HTTP/1.1\r\nHost: scanpost\r\n\r\n", Oddity::HttpRequest),
    ] {
        let mut driver = Driver::new();
        driver.feed(hello);
        assert_eq!(driver.told(), "AB 0/0");
        assert_eq!(driver.notes, [oddity]);
    }
}

#[test]
fn b14_reserved_bytes_and_a_longer_release_are_let_pass() {
    let mut echo = echo();
    echo[1] = 0xaa;
    let mut release = pdu(5, &[9; 8]);
    release[1] = 0x55;
    assert_eq!(inside(&[echo, release].concat()), "0000 RP");
    let mut request = Rq::default();
    request.application[1] = 0xff;
    request.contexts[1] = 0xff;
    let mut bytes = request.bytes();
    bytes[1] = 0xff;
    bytes[8..10].fill(0xff);
    let mut driver = Driver::new();
    driver.feed(&bytes);
    assert_eq!(driver.told(), "AC");
}

#[test]
fn a_verification_context_is_the_echos_own() {
    assert_eq!(VERIFICATION, crate::dicom::context::VERIFICATION.as_bytes());
}
