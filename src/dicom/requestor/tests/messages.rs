//! C-ECHO and C-STORE: what is sent, and which answers count.

use super::*;
use crate::base::limits::{ANSWER, COMMAND_BYTES_MAX, DRAIN_BYTES_MAX};
use crate::dicom::header::Tag;

const STORE: u16 = 0x8001;
const ECHO: u16 = 0x8030;

#[test]
fn an_echo_is_answered() {
    let mut driver = Driver::established(0);
    driver.step(Input::Echo);
    assert_eq!(driver.told(), "ECHO");
    driver.feed(&data(3, LAST_COMMAND, &peer::response(ECHO, 1, 0, b"")));
    assert_eq!(driver.outcomes, [success()]);
    assert!(driver.machine.is_ready() && driver.machine.deadline().is_none());
}

#[test]
fn an_object_is_done_when_its_id_and_its_instance_are_answered() {
    for status in [0, 0xb000, 0xb007, 0xa700, 0xc001, 0x0122] {
        let mut driver = Driver::awaiting();
        driver.respond(STORE, 1, status, INSTANCE);
        assert_eq!(driver.outcomes, [said(status)]);
        driver.store().data(b"", Rest::Last).respond(STORE, 2, status, b"");
        assert_eq!(driver.outcomes, [said(status), said(status)], "the instance is optional");
        assert_eq!(driver.ended, []);
    }
}

#[test]
fn an_answer_to_another_message_instance_or_service_is_no_answer() {
    for (field, id, instance) in [
        (STORE, 2, INSTANCE),
        (STORE, 1, &b"1.2.3.5"[..]),
        (ECHO, 1, INSTANCE),
        (0x8020, 1, INSTANCE),
    ] {
        let mut driver = Driver::awaiting();
        driver.respond(field, id, 0, instance);
        assert_eq!(driver.outcomes, [Outcome::Broken(Oddity::AnswerToAnother)]);
        assert_eq!(driver.ended, driver.outcomes);
        assert_eq!(driver.told(), "AB 2/2");
    }
    let mut driver = Driver::established(0);
    driver.respond(STORE, 1, 0, INSTANCE);
    assert_eq!(driver.ended, [Outcome::Broken(Oddity::AnswerToAnother)]);
}

#[test]
fn no_answer_in_time_is_silence_and_the_object_is_not_done() {
    let mut driver = Driver::awaiting();
    assert_eq!(driver.wait_deadline(), ANSWER);
    assert_eq!(driver.told(), "AB 0/0");
    assert_eq!(driver.outcomes, [Outcome::Silent]);
    assert_eq!(driver.ended, [Outcome::Silent]);
}

#[test]
fn the_peers_words_are_kept() {
    let response = peer::command(&[
        (0x0100, &STORE.to_le_bytes()),
        (0x0120, &[1, 0]),
        (0x0800, &[1, 1]),
        (0x0900, &[0, 0xa9]),
        (0x0901, &[8, 0, 0x18, 0]),
        (0x0902, b"no \x1bsuch class "),
    ]);
    let mut driver = Driver::awaiting();
    driver.feed(&data(1, LAST_COMMAND, &response));
    let answer = Answer {
        status: Status::DATA_SET_MISMATCH,
        comment: "no ?such class".to_owned(),
        offending: vec![Tag(0x0008_0018)],
    };
    assert_eq!(driver.outcomes, [Outcome::Answered(answer)]);
}

#[test]
fn an_abort_or_a_closed_connection_is_the_outcome_of_what_was_out() {
    let mut driver = Driver::awaiting();
    driver.feed(&pdu(7, &[0, 0, 2, 6]));
    assert_eq!(driver.outcomes, [Outcome::Aborted(Abort::INVALID_PARAMETER)]);
    assert_eq!(driver.ended, driver.outcomes);
    let mut driver = Driver::established(0);
    driver.store().step(Input::Closed);
    assert_eq!(driver.outcomes, [Outcome::Closed]);
    let mut driver = Driver::established(0);
    driver.store().step(Input::Abort);
    assert_eq!(driver.outcomes, [Outcome::GivenUp]);
}

#[test]
fn fragments_fit_the_peer_are_even_and_the_command_goes_with_the_first() {
    for max_length in [8, 15, 1000, 65_535, 0, u32::MAX] {
        let mut driver = Driver::established(max_length);
        let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        driver.store();
        let mut first = None;
        for chunk in bytes.chunks(70_001) {
            let rest = if chunk.len() == 70_001 { Rest::More } else { Rest::Last };
            driver.data(chunk, rest);
            first = first.or((!driver.sent.is_empty()).then(|| driver.sent.clone()));
        }
        let told = tell(&first.unwrap());
        assert!(told.starts_with("STORE"), "{max_length}: {told}");
        let limit = if max_length == 0 { 131_072 } else { max_length.min(131_072) };
        let (mut rest, mut got) = (driver.sent.as_slice(), Vec::<u8>::new());
        while let Some((head, tail)) = rest.split_first_chunk::<12>() {
            let length = u32::from_be_bytes([head[2], head[3], head[4], head[5]]);
            assert!(length <= limit && length % 2 == 0, "{length} of {limit}");
            let (fragment, tail) = tail.split_at(length as usize - 6);
            if head[11] & 1 == 0 {
                got.extend(fragment);
                assert_eq!(head[11] & 2 != 0, tail.is_empty());
            }
            rest = tail;
        }
        assert!(got == bytes, "{max_length}");
        assert_eq!(driver.notes, []);
    }
}

#[test]
fn a_data_set_of_no_bytes_and_one_of_an_odd_number_are_sent_as_they_are() {
    let mut driver = Driver::established(0);
    driver.store().data(b"", Rest::Last);
    assert_eq!(driver.told(), "STORE data[0]");
    let mut driver = Driver::established(10);
    driver.store().data(b"12345", Rest::More).data(b"67", Rest::Last);
    let last = [&[4, 0, 0, 0, 0, 9, 0, 0, 0, 5, 1, 2][..], b"567"].concat();
    assert!(driver.sent.ends_with(&last), "an odd fragment can only be the last");
    assert_eq!(driver.notes, [Oddity::OddDataSet]);
}

#[test]
fn an_odd_deflated_data_set_is_padded_as_its_syntax_says() {
    let deflated = pair(CT, b"1.2.840.10008.1.2.1.99");
    for (bytes, wanted) in [(&b"12345"[..], "STORE data[6]"), (b"1234", "STORE data[4]")] {
        let mut driver = Driver::new();
        let settings = driver.machine.settings.clone();
        driver.machine = Requestor::new(settings, std::slice::from_ref(&deflated)).unwrap();
        driver.step(Input::Connected).feed(&ac(&[answered(1, 0, None)], b""));
        driver.told();
        driver.step(Input::Store(StoreOrder {
            pair: deflated.clone(),
            sop_instance: uid(INSTANCE),
            priority: Priority::Medium,
        }));
        driver.data(bytes, Rest::Last);
        assert_eq!(driver.told(), wanted);
        assert_eq!(driver.notes, []);
    }
}

#[test]
fn the_last_fragment_is_never_empty_behind_others() {
    let mut driver = Driver::established(10);
    driver.store().data(b"12345678", Rest::More).data(b"", Rest::Last);
    assert_eq!(driver.told(), "STORE data[8]");
    let mut driver = Driver::established(1000);
    let two = vec![1; 2 * 994];
    driver.store().data(&two, Rest::More).data(b"", Rest::Last);
    let last = &driver.sent[driver.sent.len() - 994 - 12..];
    assert_eq!(last[..12], [4, 0, 0, 0, 3, 232, 0, 0, 3, 228, 1, 2]);
}

#[test]
fn a_refusal_before_the_end_of_the_data_set_counts_once_that_is_sent() {
    let mut driver = Driver::established(1000);
    driver.store().data(&[1; 5000], Rest::More);
    driver.respond(STORE, 1, 0xa700, INSTANCE);
    assert_eq!(driver.outcomes, []);
    driver.data(b"end!", Rest::Last);
    assert_eq!(driver.outcomes, [said(0xa700)]);
    assert!(driver.machine.is_ready());
}

#[test]
fn a_success_before_the_end_of_the_data_set_is_no_success() {
    let mut driver = Driver::established(1000);
    driver.store().data(&[1; 5000], Rest::More);
    driver.respond(STORE, 1, 0, INSTANCE);
    assert_eq!(driver.outcomes, [Outcome::Broken(Oddity::EarlySuccess)]);
    driver.told();
}

#[test]
fn a_response_may_come_in_odd_and_empty_fragments() {
    let response = peer::response(STORE, 1, 0, INSTANCE);
    let mut driver = Driver::awaiting();
    for byte in &response {
        driver.feed(&data(1, COMMAND, &[*byte])).feed(&data(1, COMMAND, b""));
    }
    driver.feed(&data(1, LAST_COMMAND, b""));
    assert_eq!(driver.outcomes, [success()]);
}

#[test]
fn a_request_of_the_peer_is_declined_and_its_data_set_let_pass() {
    let mut driver = Driver::awaiting();
    let report = peer::command(&[(0x0100, &[0, 1]), (0x0110, &[9, 0]), (0x0800, &[0, 0])]);
    driver.feed(&data(1, LAST_COMMAND, &report)).feed(&data(1, LAST_DATA, b"report"));
    assert_eq!(driver.told(), "8100:0211");
    assert_eq!(driver.notes, [Oddity::Request, Oddity::DataSet]);
    driver.respond(STORE, 1, 0, INSTANCE);
    assert_eq!(driver.outcomes, [success()]);
}

#[test]
fn a_peer_that_talks_without_end_is_cut_off() {
    let piece = [0; 8192];
    let mut driver = Driver::awaiting();
    for _ in 0..DRAIN_BYTES_MAX / 8192 {
        driver.feed(&data(1, DATA, &piece));
    }
    assert_eq!(driver.ended, []);
    driver.feed(&data(1, DATA, b"xx"));
    assert_eq!(driver.ended, [Outcome::Broken(Oddity::TooLong)]);
    let mut driver = Driver::awaiting();
    for _ in 0..=COMMAND_BYTES_MAX / 8192 {
        driver.feed(&data(1, COMMAND, &piece));
    }
    assert_eq!(driver.ended, [Outcome::Broken(Oddity::TooLong)]);
}

#[test]
fn message_ids_count_up_and_never_are_0() {
    let mut driver = Driver::established(0);
    driver.machine.message_id = u16::MAX - 1;
    for id in [u16::MAX, 1] {
        driver.step(Input::Echo).respond(ECHO, id, 0, b"");
    }
    assert_eq!(driver.outcomes, [success(), success()]);
}
