//! Goal: every row of the table of cases that is a decision of ours. Method: the rows as data.

use proptest::prelude::*;

use super::*;
use crate::base::oddity::Oddity;
use crate::base::uid::Uid;
use crate::flow::reasons::Reason;

const CONFIG: &str = r#"
    [callers.CT1]
    ae = "CT1"
    address = "10.0.0.0/24"
    [callers.CT1-console]
    ae = "CT1"
    address = "10.0.0.7"
    [callers.MR]
    ae = "MR"
    [callers.MR-urgent]
    ae = "MR"
    called = "URGENT"
"#;

fn ask(config: &str, called: &str, calling: &str, address: &str) -> Admission {
    let config = Config::parse(config).unwrap();
    let call = Call {
        called: called.as_bytes(),
        calling: calling.as_bytes(),
        address: address.parse().unwrap(),
        purpose: Purpose::Store,
    };
    admit(&config, Door::Open, call)
}

fn accepted(name: &str) -> Admission {
    Admission::Accept { caller: Some(name.to_owned()) }
}

fn rejection(admission: Admission) -> Rejection {
    match admission {
        Admission::Reject(rejection) => rejection,
        Admission::Accept { .. } => panic!("let in"),
    }
}

#[test]
fn a_caller_is_known_by_its_title_and_address_and_the_narrowest_rule_counts() {
    assert_eq!(ask(CONFIG, "SCANPOST", "CT1", "10.0.0.9"), accepted("CT1"));
    let console = ask(CONFIG, "SCANPOST", "CT1", "10.0.0.7");
    assert_eq!(console, accepted("CT1-console"));
    assert_eq!(ask(CONFIG, "SCANPOST", "MR", "192.168.1.1"), accepted("MR"));
}

#[test]
fn padding_on_both_sides_does_not_count() {
    let padded = ask(CONFIG, " SCANPOST\0\0\0", "MR  \0", "10.0.0.9");
    assert_eq!(padded, accepted("MR"));
}

#[test]
fn the_called_title_can_choose_between_two_callers_of_one_device() {
    assert_eq!(ask(CONFIG, "URGENT", "MR", "10.1.1.1"), accepted("MR-urgent"));
    let other = rejection(ask(CONFIG, "URGENT", "CT1", "10.0.0.9"));
    assert_eq!(other.triple(), (1, 1, 3));
}

#[test]
fn the_called_title_must_match_in_case_and_the_refusal_names_the_near_miss() {
    for near in ["scanpost", "SCANPOS", "SCANPOSTS", "SCANP0ST", "CANPOST"] {
        let said = rejection(ask(CONFIG, near, "MR", "10.0.0.9"));
        assert_eq!(said.triple(), (1, 1, 7), "{near}");
        assert!(said.words().contains("SCANPOST"), "{near}: {}", said.words());
    }
    for far in ["", "   ", "\0", "PACS", "SCAN", "SC\x1bNPOST", "SCANPOST\\A"] {
        let said = rejection(ask(CONFIG, far, "MR", "10.0.0.9"));
        assert_eq!(said, Rejection::CalledUnknown { meant: None }, "{far:?}");
    }
}

#[test]
fn a_calling_title_that_is_none_is_refused_without_repeating_it() {
    for bad in ["", "  \0", "CT\x1b[2J", "CT\\1", "CT\u{e9}"] {
        let said = rejection(ask(CONFIG, "SCANPOST", bad, "10.0.0.9"));
        assert_eq!((said.clone(), said.triple()), (Rejection::CallingInvalid, (1, 1, 3)));
    }
}

#[test]
fn nobody_may_in_by_default() {
    let said = rejection(ask("", "SCANPOST", "CT1", "10.0.0.9"));
    assert_eq!((said.triple(), said.fault()), ((1, 1, 3), Some(Fault::CallerUnknown)));
}

#[test]
fn a_known_title_from_another_address_is_refused_and_the_words_say_so() {
    let said = rejection(ask(CONFIG, "SCANPOST", "CT1", "10.0.1.9"));
    assert!(said.words().contains("another address"), "{}", said.words());
    let said = rejection(ask(CONFIG, "SCANPOST", "ct1", "10.0.0.9"));
    assert!(said.words().contains("CT1"), "{}", said.words());
}

#[test]
fn the_dangerous_key_lets_strangers_in_but_not_to_another_called_title() {
    let open = format!("danger_any_caller = true\n{CONFIG}");
    let stranger = ask(&open, "SCANPOST", "XA9", "10.9.9.9");
    assert_eq!(stranger, Admission::Accept { caller: None });
    assert_eq!(ask(&open, "SCANPOST", "CT1", "10.0.0.9"), accepted("CT1"));
    assert_eq!(rejection(ask(&open, "PACS", "XA9", "10.9.9.9")).triple(), (1, 1, 7));
}

#[test]
fn the_door_decides_after_the_name_and_a_full_box_still_answers_an_echo() {
    let config = Config::parse(CONFIG).unwrap();
    let ask = |door, purpose, calling: &[u8]| {
        let call =
            Call { called: b"SCANPOST", calling, address: "10.0.0.9".parse().unwrap(), purpose };
        match admit(&config, door, call) {
            Admission::Accept { .. } => None,
            Admission::Reject(rejection) => Some(rejection.triple()),
        }
    };
    let table = [
        (Door::Open, None, None),
        (Door::Full, None, Some((2, 3, 2))),
        (Door::Shut, Some((2, 3, 1)), Some((2, 3, 1))),
        (Door::Busy, None, Some((2, 3, 2))),
    ];
    for (door, echo, store) in table {
        assert_eq!(ask(door, Purpose::Echo, b"MR"), echo, "{door:?}");
        assert_eq!(ask(door, Purpose::Store, b"MR"), store, "{door:?}");
        assert_eq!(ask(door, Purpose::Store, b"XA"), Some((1, 1, 3)), "{door:?}");
    }
}

fn names(class: &str, instance: &str) -> Names {
    let uid = |text: &str| Uid::parse(text.as_bytes()).ok();
    Names { class: uid(class), instance: uid(instance) }
}

fn judged(command: Names, data_set: Names, broken: Option<Broken>) -> (u16, String, u32) {
    let facts = ObjectFacts { command, data_set, broken, oddities: &[] };
    match judge(&facts) {
        Verdict::Keep { .. } => (0, String::new(), 0),
        Verdict::Refuse { status, comment, offending } => {
            (status, comment.as_str().to_owned(), offending)
        }
    }
}

#[test]
fn command_and_data_set_must_name_the_same_class_and_instance() {
    let rows = [
        (names("1.1", "1.2"), names("1.1", "1.2"), 0, 0),
        (names("1.1", "1.2"), names("1.9", "1.2"), 0xa900, 0x0008_0016),
        (names("1.1", "1.2"), names("1.1", "1.9"), 0xa900, 0x0008_0018),
        (names("1.1", "1.2"), names("1.1", ""), 0xc000, 0x0008_0018),
        (names("1.1", "1.2"), names("", "1.2"), 0xc000, 0x0008_0016),
        (names("1.1", ""), names("1.1", "1.2"), 0x0117, 0),
        (names("", "1.2"), names("1.1", "1.2"), 0x0117, 0),
    ];
    for (command, data_set, status, offending) in rows {
        let said = judged(command, data_set, None);
        assert_eq!((said.0, said.2), (status, offending));
    }
}

#[test]
fn what_is_no_data_set_is_refused_with_the_tag_and_only_want_of_room_asks_for_another_try() {
    let tag = 0x0028_0010;
    let rows = [
        (Broken::Empty, 0xc000, 0),
        (Broken::IsFile, 0xc000, 0),
        (Broken::Truncated(tag), 0xc000, tag),
        (Broken::Unclosed(tag), 0xc000, tag),
        (Broken::Garbage(tag), 0xc000, tag),
        (Broken::TooDeep(tag), 0xc000, tag),
        (Broken::TooManyElements(tag), 0xc000, tag),
        (Broken::NotInflated, 0xc000, 0),
        (Broken::TooLarge, 0xc000, 0),
        (Broken::NoRoom, 0xa700, 0),
        (Broken::DiskFailed, 0xa700, 0),
    ];
    for (broken, status, offending) in rows {
        let both = names("1.1", "1.2");
        let (said, comment, at) = judged(both.clone(), both, Some(broken));
        assert_eq!((said, at), (status, offending), "{broken:?}");
        assert_eq!(comment.contains("(0028,0010)"), 0 < offending, "{comment}");
        assert!((1..=64).contains(&comment.len()) && comment.is_ascii(), "{comment}");
        // Cut at 64 characters, a comment would lose its tag.
        assert!(offending == 0 || comment.ends_with(')'), "{comment}");
    }
}

#[test]
fn what_is_merely_odd_is_kept_and_shown_to_no_decoder() {
    let both = names("1.1", "1.2");
    for odd in Oddity::ALL.iter().copied() {
        let facts = ObjectFacts {
            command: both.clone(),
            data_set: both.clone(),
            broken: None,
            oddities: &[odd, odd],
        };
        let kept =
            Verdict::Keep { unreadable: unreadable(odd), oddities: vec![odd.word().to_owned()] };
        assert_eq!(judge(&facts), kept);
    }
    let harmless = Oddity::ALL.iter().filter(|odd| unreadable(**odd).is_none());
    let harmless: Vec<_> = harmless.map(|odd| odd.word()).collect();
    assert_eq!(harmless, ["group_length", "uid_form"]);
}

#[test]
fn of_several_oddities_the_missing_study_counts_most() {
    let both = names("1.1", "1.2");
    let facts = ObjectFacts {
        command: both.clone(),
        data_set: both,
        broken: None,
        oddities: &[Oddity::NoStudy, Oddity::GroupLength, Oddity::OddLength],
    };
    let kept = Verdict::Keep {
        unreadable: Some(Reason::NoStudy),
        oddities: ["odd_length", "group_length", "no_study"].map(str::to_owned).into(),
    };
    assert_eq!(judge(&facts), kept);
}

proptest! {
    #[test]
    fn a_comment_is_always_64_characters_of_ascii_at_most(text in ".{0,200}") {
        let comment = Comment::new(&text);
        prop_assert!(comment.as_str().len() <= 64);
        prop_assert!(comment.as_str().bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        prop_assert!(!comment.as_str().contains('\\'));
    }

    #[test]
    fn one_edit_is_one_off_and_nothing_else_is(a in "[AB]{0,5}", b in "[AB]{0,5}") {
        let (a, b) = (a.as_bytes(), b.as_bytes());
        let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
        let expected = match long.len() - short.len() {
            0 => short.iter().zip(long).filter(|(x, y)| x != y).count() == 1,
            1 => (0..long.len()).any(|out| {
                let mut rest = long.to_vec();
                rest.remove(out);
                rest == short
            }),
            _ => false,
        };
        prop_assert_eq!(one_off(a, b), expected);
    }
}
