//! Rows C1 to C12: what comes when, and every input in every state the acceptor has.

use super::*;
use crate::base::limits::ARTIM;
use crate::dicom::peer::{DATA, LAST_COMMAND, ac, data, object, pdu, release};

fn abort() -> Vec<u8> {
    pdu(7, &[0, 0, 0, 0])
}

/// An association in the middle of an object.
fn amid() -> Driver {
    let mut driver = Driver::associated();
    driver.feed(&data(1, LAST_COMMAND, &peer::store(1)));
    driver.feed(&data(1, DATA, b"half"));
    assert!(driver.open.is_some());
    driver
}

#[test]
fn c01_whatever_comes_before_the_request_is_aborted() {
    for early in [data(1, 3, b"x"), release(), ac(&[], &[]), pdu(3, &[0; 4]), pdu(6, &[0; 4])] {
        let mut driver = Driver::new();
        driver.feed(&early);
        assert_eq!(driver.told(), "AB 0/0");
    }
}

#[test]
fn c02_a_second_request_is_unexpected() {
    assert_eq!(inside(&Rq::default().bytes()), "AB 2/2");
}

#[test]
fn c03_what_only_an_acceptor_sends_is_unexpected() {
    assert_eq!(inside(&ac(&[], &[])), "AB 2/2");
    assert_eq!(inside(&pdu(3, &[0, 1, 1, 1])), "AB 2/2");
    assert_eq!(inside(&pdu(6, &[0; 4])), "AB 2/2");
}

#[test]
fn c04_a_release_in_mid_object_drops_the_part_and_is_answered() {
    let mut driver = amid();
    driver.feed(&release());
    assert_eq!(driver.told(), "RP");
    assert_eq!(driver.drops, [DropReason::Released]);
    assert_eq!(driver.notes, [Oddity::ReleasedAmid]);
}

#[test]
fn c05_data_after_the_release_is_ignored() {
    let mut driver = Driver::associated();
    driver.feed(&[release(), object(1, b"late"), echo()].concat());
    assert_eq!(driver.told(), "RP");
    assert!(driver.objects.is_empty() && driver.open.is_none());
}

#[test]
fn c06_a_release_asked_twice_is_answered_once() {
    assert_eq!(inside(&release().repeat(2)), "RP");
}

// C7, release collision: an acceptor of ours never asks for a release, so the acceptor's side of
// it stands in the tests of `association`, the requestor's in those of `requestor`.

#[test]
fn c08_an_abort_closes_and_keeps_what_was_acknowledged() {
    let mut driver = Driver::associated();
    driver.feed(&[object(1, b"whole"), abort()].concat());
    assert_eq!(driver.told(), "0000");
    assert!(driver.closed && driver.drops.is_empty());
    assert_eq!(driver.objects.len(), 1);
}

#[test]
fn c08_an_abort_or_a_reset_in_mid_object_drops_the_part() {
    let mut driver = amid();
    driver.feed(&abort());
    assert_eq!((driver.told().as_str(), driver.closed), ("", true));
    assert_eq!(driver.drops, [DropReason::Aborted]);
    let mut driver = amid();
    driver.step(Input::Closed);
    assert_eq!((driver.told().as_str(), driver.closed), ("", true));
    assert_eq!(driver.drops, [DropReason::Closed]);
}

#[test]
fn c09_an_object_complete_before_the_fin_is_stored_and_answered() {
    let mut driver = Driver::associated();
    driver.feed(&object(1, b"whole")).step(Input::Closed);
    assert_eq!(driver.told(), "0000");
    assert!(driver.closed && driver.drops.is_empty());
    // The same with a store that takes its time: the FIN comes while it works, another whole
    // object and half of a third are in the machine already.
    let mut driver = Driver::associated();
    driver.policy = Policy::Hold;
    let half = data(1, LAST_COMMAND, &peer::store(3));
    driver.feed(&[object(1, b"one"), object(2, b"two"), half].concat());
    driver.step(Input::Closed);
    assert_eq!(driver.told(), "");
    driver.store_now();
    assert_eq!(driver.told(), "0000");
    driver.store_now();
    assert_eq!(driver.told(), "0000");
    assert_eq!(driver.drops, [DropReason::Closed]);
    assert!(driver.closed);
}

#[test]
fn c09_a_fin_between_messages_closes() {
    let mut driver = Driver::associated();
    driver.step(Input::Closed);
    assert!(driver.closed && driver.sent.is_empty());
}

#[test]
fn c11_a_peer_that_never_closes_is_closed_by_artim() {
    // Silence after our A-ASSOCIATE-AC is no such case: that is an idle association (H3).
    let rejected = || {
        let mut driver = Driver::new();
        driver.answer = Some(Rejection::LOCAL_LIMIT);
        driver.feed(&Rq::default().bytes());
        driver
    };
    let aborted = || {
        let mut driver = Driver::associated();
        driver.feed(&pdu(0x99, b""));
        driver
    };
    let released = || {
        let mut driver = Driver::associated();
        driver.feed(&release());
        driver
    };
    for mut driver in [rejected(), aborted(), released()] {
        assert_eq!(driver.acceptor.state(), State::Sta13);
        driver.told();
        assert_eq!(driver.wait_deadline(), ARTIM);
        assert!(driver.closed && driver.sent.is_empty());
    }
}

#[test]
fn c11_after_our_abort_another_request_is_aborted_again_and_artim_runs_on() {
    let mut driver = Driver::associated();
    driver.feed(&pdu(0x99, b"?"));
    let deadline = driver.acceptor.deadline();
    driver.now = driver.now.after(Duration::from_secs(3));
    driver.feed(&[echo(), release(), Rq::default().bytes()].concat());
    assert_eq!(driver.told(), "AB 2/1 AB 2/2");
    assert_eq!(driver.acceptor.deadline(), deadline);
    driver.feed(&abort());
    assert!(driver.closed);
}

#[test]
fn c12_two_objects_without_waiting_are_served_in_order() {
    let mut driver = Driver::associated();
    driver.policy = Policy::Hold;
    driver.feed(&[object(1, b"one"), object(2, b"two")].concat());
    assert!(!driver.acceptor.wants_bytes(), "the second waits in the socket");
    assert_eq!(driver.told(), "");
    driver.store_now();
    assert_eq!(driver.told(), "0000");
    driver.store_now();
    assert_eq!(driver.told(), "0000");
    let ids: Vec<_> = driver.objects.iter().map(|(request, _)| request.message_id).collect();
    assert_eq!(ids, [1, 2]);
    assert!(driver.acceptor.wants_bytes());
}

/// An acceptor in each of the states that it rests in, and the message it is in.
fn resting() -> Vec<(&'static str, Acceptor)> {
    let asked = || {
        let mut driver = Driver::new();
        let actions = driver.acceptor.step(driver.now, Input::Received(&Rq::default().bytes()));
        assert!(matches!(actions[..], [Action::Indicate(_)]));
        driver.acceptor
    };
    let answering = || {
        let mut driver = Driver::associated();
        driver.policy = Policy::Hold;
        driver.feed(&object(1, b"whole"));
        driver.acceptor
    };
    let aborted = || {
        let mut driver = Driver::associated();
        driver.feed(&pdu(0x99, b"?"));
        driver.acceptor
    };
    let closed = || {
        let mut driver = Driver::associated();
        driver.step(Input::Closed);
        driver.acceptor
    };
    vec![
        ("Sta1", closed()),
        ("Sta2", Driver::new().acceptor),
        ("Sta3", asked()),
        ("Sta6", Driver::associated().acceptor),
        ("Sta6 object", amid().acceptor),
        ("Sta6 answering", answering()),
        ("Sta13", aborted()),
    ]
}

/// Tells actions in a word each; what was sent in the words of the table.
fn words(actions: &[Action]) -> String {
    let word = |action: &Action| match action {
        Action::Send(bytes) => tell(bytes),
        Action::Note(Oddity::OutOfTurn) => "out-of-turn".to_owned(),
        Action::Note(_) => String::new(),
        Action::Drop(reason) => format!("drop:{reason:?}"),
        Action::Close => "close".to_owned(),
        other @ (Action::Indicate(_) | Action::Begin(_) | Action::Data(_) | Action::End) => {
            format!("{other:?}")
        }
    };
    let words: Vec<_> = actions.iter().map(word).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

#[test]
fn every_input_of_the_driver_in_every_state_is_answered_or_ignored_but_never_believed() {
    #[rustfmt::skip]
    const TABLE: &[(&str, [&str; 6])] = &[
        // state, then Accept, Reject, Stored, Refused, Closed, Timeout without a deadline passed
        ("Sta1", ["out-of-turn", "out-of-turn", "", "", "", ""]),
        ("Sta2", ["out-of-turn", "out-of-turn", "", "", "close", ""]),
        ("Sta3", ["AC", "RJ 2/3/2", "", "", "close", ""]),
        ("Sta6", ["out-of-turn", "out-of-turn", "out-of-turn", "out-of-turn", "close", ""]),
        ("Sta6 object", ["out-of-turn", "out-of-turn", "out-of-turn", "", "drop:Closed close", ""]),
        ("Sta6 answering", ["out-of-turn", "out-of-turn", "0000", "A700", "", ""]),
        ("Sta13", ["out-of-turn", "out-of-turn", "", "", "close", ""]),
    ];
    for (place, (state, wanted)) in TABLE.iter().enumerate() {
        for (input, wanted) in wanted.iter().enumerate() {
            let (name, mut acceptor) = resting().swap_remove(place);
            assert_eq!(name, *state);
            let receipt = Receipt::after_sync(RecordNumber::default());
            let input = match input {
                0 => Input::Accept,
                1 => Input::Reject(Rejection::LOCAL_LIMIT),
                2 => Input::Stored(receipt),
                3 => Input::Refused(full()),
                4 => Input::Closed,
                _ => Input::Timeout,
            };
            let told = format!("{input:?} in {name}");
            let actions = acceptor.step(Instant::from_nanos(2_000_000_000), input);
            assert_eq!(words(&actions), *wanted, "{told}");
        }
    }
}
