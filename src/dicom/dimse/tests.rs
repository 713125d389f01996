//! Goal: what we write is read back, and no bytes whatever do harm. Method: round trips, every
//! truncation, random bytes.

use proptest::prelude::*;

use super::*;

fn uid(text: &str) -> Uid {
    Uid::parse(text.as_bytes()).unwrap()
}

fn store(priority: Priority) -> Vec<u8> {
    write_store(StoreHead {
        message_id: 7,
        class: &uid("1.2.840.10008.5.1.4.1.1.2"),
        instance: &uid("1.2.3"),
        priority,
    })
}

fn request(bytes: &[u8]) -> Request {
    match Command::read(bytes).unwrap().message {
        Message::Store(store) => store.request,
        Message::Echo(request) | Message::Other(request) => request,
        Message::Cancel | Message::Response(_) => panic!("no request"),
    }
}

#[test]
fn a_store_request_survives_a_round_trip() {
    for priority in [Priority::Low, Priority::Medium, Priority::High] {
        let command = Command::read(&store(priority)).unwrap();
        assert_eq!(command.data_set, DataSet::Follows);
        assert_eq!(command.group_length, GroupLength::Right);
        let Message::Store(read) = command.message else { panic!("no C-STORE") };
        assert_eq!(read.class, Ok(uid("1.2.840.10008.5.1.4.1.1.2")));
        assert_eq!(read.instance, Ok(uid("1.2.3")));
        assert_eq!((read.request.message_id, read.priority), (7, priority));
    }
}

#[test]
fn a_response_gives_back_ids_uids_and_the_words_of_the_refusal() {
    let refusal = Refusal::new(Status::CANNOT_UNDERSTAND, "cut inside").blaming(Tag(0x7fe0_0010));
    let bytes = request(&store(Priority::Medium)).refuse(&refusal);
    let Message::Response(response) = Command::read(&bytes).unwrap().message else {
        panic!("no response")
    };
    assert_eq!(response.field, 0x8001);
    assert_eq!(response.message_id, 7);
    assert_eq!(response.instance, Some(uid("1.2.3")));
    assert_eq!(response.status, Status::CANNOT_UNDERSTAND);
    assert_eq!(response.comment, "cut inside");
    assert_eq!(response.offending, [Tag(0x7fe0_0010)]);
}

#[test]
fn a_comment_on_the_wire_has_64_ascii_characters_at_most() {
    let refusal =
        Refusal {
            status: Status::OUT_OF_RESOURCES, comment: "Größe ".repeat(30), offending: None
        };
    let bytes = request(&write_echo(1)).refuse(&refusal);
    let elements = Elements::read(&bytes).unwrap();
    let comment = elements.0[&element::COMMENT];
    assert!(comment.len() <= 64 && comment.is_ascii());
}

#[test]
fn elements_ascend_and_have_even_lengths() {
    let refusal = Refusal::new(Status::DATA_SET_MISMATCH, "odd").blaming(Tag(0x0008_0018));
    let bytes = request(&store(Priority::High)).refuse(&refusal);
    let mut rest = bytes.as_slice();
    let mut last = None;
    while let Some((head, tail)) = rest.split_first_chunk::<8>() {
        let number = u16::from_le_bytes([head[2], head[3]]);
        let length = usize::from(head[4]);
        assert!(last < Some(number) && length % 2 == 0);
        (last, rest) = (Some(number), &tail[length..]);
    }
    assert!(rest.is_empty());
}

#[test]
fn a_truncated_command_set_is_never_taken_for_another() {
    let whole = store(Priority::High);
    let wanted = Command::read(&whole).unwrap();
    for end in 0..whole.len() {
        assert_ne!(Command::read(&whole[..end]).as_ref(), Ok(&wanted), "cut at {end}");
    }
}

#[test]
fn every_service_that_we_do_not_serve_is_answered_in_its_own_response() {
    for field in NOT_SERVED {
        let mut writer = Writer::default();
        writer.put(element::REQUESTED_CLASS, b"1.2");
        writer.put_us(element::COMMAND_FIELD, field);
        writer.put_us(element::MESSAGE_ID, 9);
        writer.put_us(element::DATA_SET_TYPE, NO_DATA_SET);
        let refusal = Refusal::new(Status::UNRECOGNIZED_OPERATION, "");
        let bytes = request(&writer.finish()).refuse(&refusal);
        let Message::Response(response) = Command::read(&bytes).unwrap().message else {
            panic!("no response")
        };
        assert_eq!((response.field, response.message_id), (field | 0x8000, 9));
        assert_eq!(response.status, Status::UNRECOGNIZED_OPERATION);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _unused = Command::read(&bytes);
    }
}
