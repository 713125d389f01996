//! Rows D1 to D25, E4 and E5: command sets, right and wrong. The other rows of E look into the
//! data set, which is the walker's.

use super::*;
use crate::base::limits::{COMMAND_BYTES_MAX, DIMSE_WAIT, DRAIN_BYTES_MAX};
use crate::dicom::dimse::{CommandError, Priority};
use crate::dicom::header::Tag;
use crate::dicom::peer::{
    COMMAND, CT, DATA, INSTANCE, LAST_COMMAND, LAST_DATA, VERIFICATION, command, context, data,
    element, object, store_of,
};

const FOLLOWS: u16 = 0x0001;
const ABSENT: u16 = 0x0101;

/// A C-STORE of this command set and some data, on context 1.
fn stored(command: &[u8]) -> Vec<u8> {
    [data(1, LAST_COMMAND, command), data(1, LAST_DATA, b"data")].concat()
}

/// A request of any service on context 1.
fn request(field: u16, data_set: u16) -> Vec<u8> {
    let command = command(&[
        (0x0002, CT),
        (0x0100, &field.to_le_bytes()),
        (0x0110, &1_u16.to_le_bytes()),
        (0x0800, &data_set.to_le_bytes()),
    ]);
    data(1, LAST_COMMAND, &command)
}

/// The elements of a C-STORE-RQ, with one of them replaced or taken out.
fn spoiled(number: u16, value: Option<&[u8]>) -> Vec<u8> {
    let mut elements: Vec<(u16, &[u8])> = vec![
        (0x0002, CT),
        (0x0100, &[1, 0]),
        (0x0110, &[1, 0]),
        (0x0700, &[0, 0]),
        (0x0800, &[1, 0]),
        (0x1000, INSTANCE),
    ];
    elements.retain(|(element, _)| *element != number);
    elements.extend(value.map(|value| (number, value)));
    elements.sort_unstable();
    command(&elements)
}

#[test]
fn d01_a_missing_or_wrong_group_length_is_noted_once() {
    let right = peer::store(1);
    let missing = right[12..].to_vec();
    let mut wrong = right;
    wrong[8] ^= 0x40;
    for command in [missing, wrong] {
        let mut driver = Driver::associated();
        driver.feed(&stored(&command)).feed(&stored(&command));
        assert_eq!(driver.told(), "0000 0000");
        assert_eq!(driver.notes, [Oddity::GroupLength]);
    }
}

#[test]
fn d02_a_uid_value_of_odd_length_is_accepted() {
    let odd = [
        element(0x0002, CT),
        element(0x0100, &[1, 0]),
        element(0x0110, &[1, 0]),
        element(0x0800, &[1, 0]),
        element(0x1000, INSTANCE),
    ];
    assert!(CT.len() % 2 == 1 && INSTANCE.len() % 2 == 1);
    assert_eq!(inside(&stored(&odd.concat())), "0000");
}

#[test]
fn d03_a_command_field_of_four_bytes_is_no_command_field() {
    let mut driver = Driver::associated();
    driver.feed(&stored(&spoiled(0x0100, Some(&[1, 0, 0, 0]))));
    assert_eq!(driver.told(), "AB 0/0");
    let lacks = CommandError::Lacks { element: 0x0100 };
    assert_eq!(driver.notes, [Oddity::Command(lacks)]);
}

#[test]
fn d04_a_command_set_in_explicit_vr_is_aborted() {
    let explicit = [
        &b"\0\0\x02\0UI\x1a\x001.2.840.10008.5.1.4.1.1.2\0"[..],
        b"\0\0\0\x01US\x02\0\x01\0\0\0\x10\x01US\x02\0\x01\0",
    ];
    assert_eq!(inside(&stored(&explicit.concat())), "AB 0/0");
}

#[test]
fn d05_unknown_and_retired_elements_are_ignored_and_a_move_originator_is_kept() {
    let command = command(&[
        (0x0002, CT),
        (0x0100, &[1, 0]),
        (0x0110, &[1, 0]),
        (0x0800, &[2, 1]),
        (0x1000, INSTANCE),
        (0x1030, b"WORKSTATION"),
        (0x1031, &[7, 0]),
        (0x5010, b"retired"),
    ]);
    let mut driver = Driver::associated();
    driver.feed(&stored(&command));
    assert_eq!(driver.told(), "0000", "0102H announces a data set");
    let (title, id) = driver.objects[0].0.move_originator.clone().unwrap();
    assert_eq!((title.as_str(), id), ("WORKSTATION", 7));
}

#[test]
fn d06_a_priority_that_is_none_is_medium() {
    for (priority, wanted) in [
        (Some(&[0xff, 0xff][..]), Priority::Medium),
        (None, Priority::Medium),
        (Some(&[0, 0, 0, 0]), Priority::Medium),
        (Some(&[1, 0]), Priority::High),
        (Some(&[2, 0]), Priority::Low),
    ] {
        let mut driver = Driver::associated();
        driver.feed(&stored(&spoiled(0x0700, priority)));
        assert_eq!(driver.told(), "0000");
        assert_eq!(driver.objects[0].0.priority, wanted);
    }
}

#[test]
fn d09_a_store_that_announces_no_data_set_is_refused_at_once() {
    let store = data(1, LAST_COMMAND, &store_of(1, CT, INSTANCE, ABSENT));
    assert_eq!(inside(&[store, echo()].concat()), "C000 0000");
}

#[test]
fn d09_a_missing_data_set_type_means_a_data_set_for_a_store_and_none_for_an_echo() {
    assert_eq!(inside(&stored(&spoiled(0x0800, None))), "0000");
    let echo = command(&[(0x0100, &[0x30, 0]), (0x0110, &[1, 0])]);
    assert_eq!(inside(&data(3, LAST_COMMAND, &echo)), "0000");
}

#[test]
fn d10_a_data_set_that_was_not_announced_is_aborted() {
    assert_eq!(inside(&stored(&store_of(1, CT, INSTANCE, ABSENT))), "C000 AB 0/0");
}

#[test]
fn d11_data_before_a_whole_command_is_aborted() {
    assert_eq!(inside(&data(1, LAST_DATA, b"data")), "AB 0/0");
    let never_last = data(1, COMMAND, &peer::store(1));
    assert_eq!(inside(&[never_last, data(1, LAST_DATA, b"data")].concat()), "AB 0/0");
}

#[test]
fn d12_a_command_inside_a_data_set_is_aborted() {
    let mut driver = Driver::associated();
    driver.feed(&data(1, LAST_COMMAND, &peer::store(1)));
    driver.feed(&data(1, LAST_COMMAND, &peer::echo(2)));
    assert_eq!(driver.told(), "AB 0/0");
    assert_eq!(driver.drops, [DropReason::Protocol]);
}

#[test]
fn d13_data_on_another_context_than_its_command_is_invalid() {
    let mut driver = Driver::associated();
    driver.feed(&data(1, LAST_COMMAND, &peer::store(1))).feed(&data(3, DATA, b"data"));
    assert_eq!(driver.told(), "AB 2/6");
    assert_eq!(driver.drops, [DropReason::Protocol]);
    assert_eq!(driver.notes, [Oddity::FragmentContext(3)]);
    let halves = [data(1, COMMAND, b""), data(3, LAST_COMMAND, &peer::echo(1))];
    assert_eq!(inside(&halves.concat()), "AB 2/6");
}

#[test]
fn d14_a_context_that_was_not_agreed_on_is_invalid() {
    assert_eq!(inside(&data(5, LAST_COMMAND, &peer::store(1))), "AB 2/6");
    let query = context(5, &[b"1.2.840.10008.5.1.4.31"], &[peer::IMPLICIT]);
    let refused = data(5, LAST_COMMAND, &peer::echo(1));
    assert_eq!(say(&Rq::contexts(&[query]), &refused), "AC AB 2/6");
}

#[test]
fn d15_a_class_other_than_the_contexts_is_accepted_and_noted() {
    let mr = b"1.2.840.10008.5.1.4.1.1.4";
    let mut driver = Driver::associated();
    driver.feed(&stored(&store_of(1, mr, INSTANCE, FOLLOWS)));
    assert_eq!(driver.told(), "0000");
    assert_eq!(driver.notes, [Oddity::ClassOfContext]);
    assert_eq!(driver.objects[0].0.sop_class.as_str().as_bytes(), mr);
}

#[test]
fn d16_a_store_on_the_verification_context_is_refused() {
    let store = data(3, LAST_COMMAND, &peer::store(1));
    let bytes = [store, data(3, LAST_DATA, b"data"), echo()].concat();
    assert_eq!(inside(&bytes), "0122 0000");
}

/// A C-ECHO that announces a data set.
fn echo_with_data_set() -> Vec<u8> {
    let command = command(&[
        (0x0002, VERIFICATION),
        (0x0100, &[0x30, 0]),
        (0x0110, &[1, 0]),
        (0x0800, &[0, 0]),
    ]);
    data(3, LAST_COMMAND, &command)
}

#[test]
fn d17_the_data_set_of_an_echo_is_thrown_away_up_to_64_kib() {
    let piece = data(3, DATA, &[0; 8192]);
    let limit = usize::try_from(DRAIN_BYTES_MAX).unwrap() / 8192;
    let fits = [echo_with_data_set(), piece.repeat(limit), data(3, LAST_DATA, b"")];
    assert_eq!(inside(&fits.concat()), "0000");
    let over = [echo_with_data_set(), piece.repeat(limit), data(3, LAST_DATA, b"xx")];
    assert_eq!(inside(&over.concat()), "AB 0/0");
}

#[test]
fn d18_an_echo_whose_data_set_never_comes_is_aborted() {
    let mut driver = Driver::associated();
    driver.feed(&echo_with_data_set());
    assert_eq!(driver.told(), "");
    assert_eq!(driver.wait_deadline(), DIMSE_WAIT);
    assert_eq!(driver.told(), "AB 0/0");
}

#[test]
fn d19_a_cancel_out_of_nowhere_is_ignored() {
    assert_eq!(inside(&[request(0x0fff, ABSENT), echo()].concat()), "0000");
}

#[test]
fn d20_a_query_is_drained_and_answered_in_its_own_response() {
    let find = [request(0x0020, FOLLOWS), data(1, LAST_DATA, b"who"), echo()];
    assert_eq!(inside(&find.concat()), "8020:0211 0000");
}

#[test]
fn d21_n_services_are_answered_in_their_own_response() {
    for field in [0x0100, 0x0110, 0x0120, 0x0130, 0x0140, 0x0150] {
        let wanted = format!("{:04X}:0211", field | 0x8000);
        assert_eq!(inside(&request(field, ABSENT)), wanted);
    }
}

#[test]
fn d22_a_response_from_the_requestor_is_aborted() {
    let response = peer::response(0x8001, 1, 0, INSTANCE);
    assert_eq!(inside(&data(1, LAST_COMMAND, &response)), "AB 0/0");
}

#[test]
fn d23_an_unknown_command_is_aborted() {
    assert_eq!(inside(&request(0x1234, ABSENT)), "AB 0/0");
}

#[test]
fn d24_a_command_set_over_64_kib_is_invalid() {
    let long = |bytes: usize| {
        let padding = element(0x5010, &vec![0; bytes - 8 - peer::store(1).len()]);
        let command = [peer::store(1), padding].concat();
        assert_eq!(command.len(), bytes);
        let mut pieces: Vec<_> = command.chunks(8000).map(|c| data(1, COMMAND, c)).collect();
        pieces.push(data(1, LAST_COMMAND, b""));
        pieces.push(data(1, LAST_DATA, b"data"));
        pieces.concat()
    };
    assert_eq!(inside(&long(COMMAND_BYTES_MAX)), "0000");
    assert_eq!(inside(&long(200_000)), "AB 2/6");
}

#[test]
fn d25_a_message_id_is_given_back_whatever_it_is() {
    let mut driver = Driver::associated();
    for id in [0, 7, 7, u16::MAX] {
        driver.feed(&object(id, b"data"));
        let sent = std::mem::take(&mut driver.sent);
        let command = crate::dicom::dimse::Command::read(&sent[12..]).unwrap();
        let crate::dicom::dimse::Message::Response(response) = command.message else {
            panic!("no response")
        };
        assert_eq!((response.message_id, response.field), (id, 0x8001));
        assert_eq!(response.instance.unwrap().as_str().as_bytes(), INSTANCE);
    }
}

/// The refusal that a C-STORE gets: status and the element to blame.
fn refusal(command: &[u8]) -> (Status, Vec<Tag>) {
    let mut driver = Driver::associated();
    driver.feed(&stored(command));
    assert!(driver.open.is_none() && driver.objects.is_empty());
    let command = crate::dicom::dimse::Command::read(&driver.sent[12..]).unwrap();
    let crate::dicom::dimse::Message::Response(response) = command.message else {
        panic!("no response")
    };
    driver.feed(&echo());
    assert!(driver.told().ends_with(" 0000"), "the association goes on");
    (response.status, response.offending)
}

#[test]
fn e04_an_empty_or_missing_instance_uid_is_an_invalid_instance() {
    for value in [Some(&b""[..]), None] {
        let wanted = (Status::INVALID_INSTANCE, vec![Tag(0x0000_1000)]);
        assert_eq!(refusal(&spoiled(0x1000, value)), wanted);
    }
    // The table says 0117 of "the UID"; of the class PS3.7 has a better word.
    for value in [Some(&b""[..]), None] {
        let wanted = (Status::CLASS_NOT_SUPPORTED, vec![Tag(0x0000_0002)]);
        assert_eq!(refusal(&spoiled(0x0002, value)), wanted);
    }
}

#[test]
fn e05_an_instance_uid_of_65_characters_is_an_invalid_instance() {
    let long = [b'1'; 65];
    let (status, _) = refusal(&spoiled(0x1000, Some(&long)));
    assert_eq!(status, Status::INVALID_INSTANCE);
    let mut driver = Driver::associated();
    driver.feed(&stored(&spoiled(0x1000, Some(&long[..64]))));
    assert_eq!(driver.told(), "0000");
}
