//! How an association of ours is opened and ends; every input in every state.

use super::*;
use crate::base::limits::{ANSWER, ARTIM, CONTEXTS_MAX};
use crate::dicom::pdu::associate::{AssociateError, read_rq};

fn abort() -> Vec<u8> {
    pdu(7, &[0, 0, 2, 1])
}

fn release() -> Vec<u8> {
    pdu(5, &[0; 4])
}

fn released() -> Vec<u8> {
    pdu(6, &[0; 4])
}

#[test]
fn each_different_pair_has_a_context_with_exactly_one_syntax() {
    let mut driver = Driver::new();
    driver.step(Input::Connected);
    let request = read_rq(&driver.sent[6..]).unwrap();
    let contexts: Vec<_> = request
        .contexts
        .iter()
        .map(|c| (c.id, c.abstract_syntax.clone().unwrap(), c.transfer_syntaxes.clone()))
        .collect();
    let wanted = [(1, CT, EXPLICIT), (3, VERIFICATION, IMPLICIT), (5, CT, IMPLICIT)];
    let wanted = wanted.map(|(id, class, syntax)| (id, uid(class), vec![uid(syntax)]));
    assert_eq!(contexts, wanted);
    assert_eq!(&request.called, b"PACS            ");
    assert_eq!(&request.calling, b"SCANPOST        ");
    assert_eq!((request.user.max_length, request.ignored), (Some(131_072), 0));
}

#[test]
fn an_association_takes_1_to_128_pairs() {
    let with = |count: usize| {
        let pairs: Vec<_> =
            (0..count).map(|n| pair(CT, format!("1.2.840.10008.1.2.4.{n}").as_bytes())).collect();
        Requestor::new(Driver::new().machine.settings, &pairs).map(|_| ())
    };
    assert_eq!(with(0), Err(PairsError { count: 0 }));
    assert_eq!(with(CONTEXTS_MAX), Ok(()));
    assert_eq!(with(CONTEXTS_MAX + 1), Err(PairsError { count: 129 }));
}

#[test]
fn contexts_that_are_refused_unanswered_or_bent_are_reported_per_pair() {
    let mut driver = Driver::asked();
    let contexts = [answered(1, 4, None), answered(5, 0, Some(EXPLICIT)), answered(9, 0, None)];
    driver.feed(&ac(&contexts, b""));
    let verdicts: Vec<_> = driver.refused.iter().map(|r| (r.pair.clone(), r.verdict)).collect();
    assert_eq!(
        verdicts,
        [
            (pair(VERIFICATION, IMPLICIT), Verdict::Unanswered),
            (pair(CT, IMPLICIT), Verdict::OtherSyntax),
            (pair(CT, EXPLICIT), Verdict::Refused(4)),
        ]
    );
    driver.store();
    assert_eq!(driver.outcomes, [Outcome::NoContext(Verdict::Refused(4))]);
    driver.step(Input::Echo);
    assert_eq!(driver.outcomes[1], Outcome::NoContext(Verdict::Unanswered));
    assert!(driver.machine.is_ready() && driver.told().is_empty());
    let never = pair(b"1.2.3", EXPLICIT);
    assert_eq!(driver.machine.accepts(&never), Err(Verdict::NotProposed));
}

#[test]
fn an_acceptance_without_syntax_or_application_context_is_taken() {
    let mut driver = Driver::asked();
    let mut bytes = peer::Rq {
        application: Vec::new(),
        contexts: answered(1, 0, None),
        user: None,
        more: item(0x77, b"?"),
        ..peer::Rq::default()
    }
    .bytes();
    bytes[0] = 2;
    driver.feed(&bytes);
    assert_eq!(driver.machine.accepts(&pair(CT, EXPLICIT)), Ok(()));
    assert_eq!(driver.notes, [Oddity::IgnoredItems(1)]);
}

#[test]
fn a_rejection_is_kept_in_the_peers_words() {
    for codes in [[1, 1, 7], [2, 3, 2], [9, 8, 77]] {
        let mut driver = Driver::asked();
        let [result, source, reason] = codes;
        driver.feed(&pdu(3, &[0, result, source, reason]));
        let rejection = Rejection::new(result, source, reason);
        assert_eq!(driver.ended, [Outcome::Rejected(rejection)]);
        assert!(driver.closed && driver.sent.is_empty());
    }
}

#[test]
fn no_answer_to_the_request_is_silence() {
    let mut driver = Driver::asked();
    assert_eq!(driver.wait_deadline(), ANSWER);
    assert_eq!(driver.ended, [Outcome::Silent]);
    assert_eq!(driver.told(), "AB 0/0");
    assert_eq!(driver.wait_deadline(), ARTIM);
    assert!(driver.closed);
}

#[test]
fn an_answer_that_leaves_no_room_or_cannot_be_read_ends_the_association() {
    let mut driver = Driver::asked();
    driver.feed(&ac(&[answered(1, 0, None)], &item(0x51, &[0, 0, 0, 7])));
    assert_eq!(driver.ended, [Outcome::Broken(Oddity::NoFragmentFits)]);
    assert_eq!(driver.told(), "AB 2/6");
    let mut driver = Driver::asked();
    driver.feed(&pdu(2, &[0; 20]));
    let error = AssociateError::Short { length: 20 };
    assert_eq!(driver.ended, [Outcome::Broken(Oddity::Associate(error))]);
}

#[test]
fn a_release_ends_in_released() {
    let mut driver = Driver::releasing();
    driver.feed(&[data(1, LAST_COMMAND, b"late"), released()].concat());
    assert_eq!(driver.ended, [Outcome::Released]);
    assert!(driver.closed && driver.outcomes.is_empty() && driver.sent.is_empty());
}

#[test]
fn c07_a_release_collision_is_answered_and_then_waits_for_the_peers_answer() {
    let mut driver = Driver::releasing();
    driver.feed(&release());
    assert_eq!((driver.told().as_str(), driver.machine.state()), ("RP", State::Sta11));
    assert_eq!(driver.ended, []);
    driver.feed(&released());
    assert_eq!(driver.ended, [Outcome::Released]);
    assert!(driver.closed);
}

#[test]
fn an_unanswered_release_is_silence() {
    let mut driver = Driver::releasing();
    assert_eq!(driver.wait_deadline(), ANSWER);
    assert_eq!(driver.ended, [Outcome::Silent]);
    assert_eq!(driver.told(), "AB 0/0");
}

#[test]
fn a_peer_that_releases_first_is_answered_and_the_message_is_not_done() {
    let mut driver = Driver::awaiting();
    driver.feed(&release());
    assert_eq!(driver.told(), "RP");
    assert_eq!(driver.outcomes, [Outcome::ReleasedByPeer]);
    assert_eq!(driver.ended, [Outcome::ReleasedByPeer]);
    assert_eq!(driver.wait_deadline(), ARTIM);
    assert!(driver.closed);
}

/// A requestor in each of the states that it rests in.
fn resting() -> Vec<(&'static str, Driver)> {
    let sending = || {
        let mut driver = Driver::established(0);
        driver.store();
        driver
    };
    let collided = || {
        let mut driver = Driver::releasing();
        driver.feed(&release());
        driver
    };
    let aborted = || {
        let mut driver = Driver::established(0);
        driver.step(Input::Abort);
        driver
    };
    let mut drivers = vec![
        ("Sta4", Driver::new()),
        ("Sta5", Driver::asked()),
        ("Sta6", Driver::established(0)),
        ("Sta6 sending", sending()),
        ("Sta6 awaiting", Driver::awaiting()),
        ("Sta7", Driver::releasing()),
        ("Sta11", collided()),
        ("Sta13", aborted()),
    ];
    for (_, driver) in &mut drivers {
        driver.told();
        driver.ended.clear();
    }
    drivers
}

/// Tells what an input led to: what was sent, how the association ended, whether it closed.
fn tell_all(driver: &mut Driver) -> String {
    let mut words = vec![driver.told()];
    let end = |outcome: &Outcome| {
        if let Outcome::Aborted(abort) = outcome {
            format!("aborted:{}/{}", abort.source, abort.reason)
        } else if let Outcome::Broken(Oddity::Pdu(kind)) = outcome {
            format!("broken:{kind}")
        } else if let Outcome::Rejected(_) = outcome {
            "rejected".to_owned()
        } else {
            format!("{outcome:?}").to_lowercase()
        }
    };
    words.extend(driver.ended.iter().map(end));
    if driver.notes.contains(&Oddity::OutOfTurn) {
        words.push("out-of-turn".to_owned());
    }
    words.extend(driver.closed.then(|| "close".to_owned()));
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

#[test]
fn every_pdu_of_the_peer_in_every_state_does_what_the_table_says() {
    let odd = "aborted:2/1 close";
    #[rustfmt::skip]
    let table: &[(&str, [&str; 7])] = &[
        // state, then RQ, RJ, RELEASE-RQ, RELEASE-RP, ABORT, unknown, AC
        ("Sta5", ["AB 2/2 broken:1", "rejected close", "AB 2/2 broken:5", "AB 2/2 broken:6", odd,
            "AB 2/1 broken:153", ""]),
        ("Sta6", ["AB 2/2 broken:1", "AB 2/2 broken:3", "RP releasedbypeer", "AB 2/2 broken:6",
            odd, "AB 2/1 broken:153", "AB 2/2 broken:2"]),
        ("Sta6 sending", ["AB 2/2 broken:1", "AB 2/2 broken:3", "RP releasedbypeer",
            "AB 2/2 broken:6", odd, "AB 2/1 broken:153", "AB 2/2 broken:2"]),
        ("Sta6 awaiting", ["AB 2/2 broken:1", "AB 2/2 broken:3", "RP releasedbypeer",
            "AB 2/2 broken:6", odd, "AB 2/1 broken:153", "AB 2/2 broken:2"]),
        ("Sta7", ["AB 2/2 broken:1", "AB 2/2 broken:3", "RP", "released close", odd,
            "AB 2/1 broken:153", "AB 2/2 broken:2"]),
        ("Sta11", ["AB 2/2 broken:1", "AB 2/2 broken:3", "AB 2/2 broken:5", "released close", odd,
            "AB 2/1 broken:153", "AB 2/2 broken:2"]),
        ("Sta13", ["AB 2/2", "", "", "", "close", "AB 2/1", ""]),
    ];
    let pdus = [
        peer::Rq::default().bytes(),
        pdu(3, &[0, 1, 1, 1]),
        release(),
        released(),
        abort(),
        pdu(0x99, b"?"),
        ac(&[answered(1, 0, None)], b""),
    ];
    for (place, (state, wanted)) in table.iter().enumerate() {
        for (bytes, wanted) in pdus.iter().zip(wanted) {
            let (name, mut driver) = resting().swap_remove(place + 1);
            assert_eq!(name, *state);
            driver.feed(bytes);
            assert_eq!(tell_all(&mut driver), *wanted, "PDU {} in {name}", bytes[0]);
        }
    }
}

#[test]
fn every_wish_of_the_driver_in_every_state_is_done_or_ignored() {
    let (no, gone) = ("out-of-turn", "closed close");
    #[rustfmt::skip]
    let table: &[(&str, [&str; 7])] = &[
        // state, then Connected, Echo, Data, Release, Abort, Closed, Timeout before the deadline
        ("Sta4", ["RQ", no, "", no, "givenup close", gone, ""]),
        ("Sta5", [no, no, "", no, "AB 0/0 givenup", gone, ""]),
        ("Sta6", [no, "ECHO", no, "RQ-RELEASE", "AB 0/0 givenup", gone, ""]),
        ("Sta6 sending", [no, no, "STORE data[2]", no, "AB 0/0 givenup", gone, ""]),
        ("Sta6 awaiting", [no, no, no, no, "AB 0/0 givenup", gone, ""]),
        ("Sta7", [no, no, "", no, "AB 0/0 givenup", gone, ""]),
        ("Sta11", [no, no, "", no, "AB 0/0 givenup", gone, ""]),
        ("Sta13", [no, no, "", no, "", "close", ""]),
    ];
    for (place, (state, wanted)) in table.iter().enumerate() {
        for (input, wanted) in wanted.iter().enumerate() {
            let (name, mut driver) = resting().swap_remove(place);
            assert_eq!(name, *state);
            driver.step(match input {
                0 => Input::Connected,
                1 => Input::Echo,
                2 => Input::Data(b"xx", Rest::Last),
                3 => Input::Release,
                4 => Input::Abort,
                5 => Input::Closed,
                _ => Input::Timeout,
            });
            assert_eq!(tell_all(&mut driver), *wanted, "input {input} in {name}");
        }
    }
}
