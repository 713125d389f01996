//! Time, shutdown, refusals, and the price of a success.

use super::*;
use crate::base::limits::{
    ARTIM, ASSOCIATION_IDLE, DRAIN_OBJECT_BYTES_MAX, RATE_BYTES_MIN, RATE_WINDOW, SHUTDOWN_FINISH,
};
use crate::dicom::peer::{DATA, LAST_COMMAND, LAST_DATA, data, object, release};

/// An association in the middle of an object.
fn amid() -> Driver {
    let mut driver = Driver::associated();
    driver.feed(&data(1, LAST_COMMAND, &peer::store(1))).feed(&data(1, DATA, b"half"));
    driver
}

/// An object complete and not yet stored.
fn answering() -> Driver {
    let mut driver = Driver::associated();
    driver.policy = Policy::Hold;
    driver.feed(&object(1, b"whole"));
    driver
}

#[test]
fn g02_a_socket_that_says_nothing_is_closed_by_artim() {
    let mut driver = Driver::new();
    driver.feed(&Rq::default().bytes()[..20]);
    assert_eq!(driver.wait_deadline(), ARTIM);
    assert!(driver.closed && driver.sent.is_empty());
}

#[test]
fn g02_bytes_do_not_put_artim_off() {
    let mut driver = Driver::new();
    for byte in &Rq::default().bytes()[..9] {
        driver.feed(&[*byte]).wait(Duration::from_secs(1));
    }
    assert!(!driver.closed);
    driver.wait(Duration::from_secs(1));
    assert!(driver.closed);
}

#[test]
fn g01_an_idle_association_is_aborted_after_ten_minutes_of_silence() {
    let mut driver = Driver::associated();
    driver.wait(ASSOCIATION_IDLE / 2).feed(&echo());
    assert_eq!(driver.told(), "0000");
    assert_eq!(driver.wait_deadline(), ASSOCIATION_IDLE);
    assert_eq!(driver.told(), "AB 0/0");
    assert_eq!(driver.notes, [Oddity::Idle]);
    assert_eq!(driver.wait_deadline(), ARTIM);
    assert!(driver.closed);
}

#[test]
fn g05_an_object_that_stops_is_dropped_after_the_rate_window() {
    let mut driver = amid();
    assert_eq!(driver.wait_deadline(), RATE_WINDOW);
    assert_eq!(driver.told(), "AB 0/0");
    assert_eq!(driver.drops, [DropReason::TooSlow]);
}

#[test]
fn g05_an_object_that_moves_on_fast_enough_may_take_for_ever() {
    let mut driver = amid();
    let piece = data(1, DATA, &[0; 8000]);
    let pieces = usize::try_from(RATE_BYTES_MIN).unwrap().div_ceil(piece.len());
    for _ in 0..3 {
        driver.feed(&piece.repeat(pieces));
        driver.wait_deadline();
        assert_eq!(driver.told(), "");
    }
    driver.feed(&piece.repeat(pieces - 1));
    driver.wait_deadline();
    assert_eq!(driver.told(), "AB 0/0");
}

#[test]
fn g05_half_a_pdu_between_messages_is_no_idle_association() {
    let mut driver = Driver::associated();
    driver.feed(&release()[..7]);
    assert_eq!(driver.wait_deadline(), RATE_WINDOW);
    assert_eq!(driver.told(), "AB 0/0");
}

#[test]
fn many_small_messages_are_not_taken_for_one_slow_one() {
    let mut driver = Driver::associated();
    let bytes = echo().repeat(2);
    let (start, cut) = (echo().len() - 3, echo().len());
    driver.feed(&bytes[..start]);
    for _ in 0..10 {
        driver.wait(RATE_WINDOW / 2);
        driver.feed(&bytes[start..start + cut]);
    }
    assert_eq!(driver.told(), ["0000"; 10].join(" "));
}

#[test]
fn no_time_runs_against_the_peer_while_we_store() {
    let driver = answering();
    assert_eq!(driver.acceptor.deadline(), None);
}

#[test]
fn a_timeout_before_the_deadline_changes_nothing() {
    for mut driver in [Driver::new(), Driver::associated(), amid(), answering()] {
        let deadline = driver.acceptor.deadline();
        driver.wait(Duration::from_secs(1));
        assert_eq!(driver.told(), "");
        assert_eq!(driver.acceptor.deadline(), deadline);
    }
}

#[test]
fn i02_a_success_costs_a_receipt_and_a_refusal_cannot_be_one() {
    let mut driver = Driver::associated();
    driver.policy = Policy::Refuse(Refusal::new(Status::SUCCESS, "not really"));
    driver.feed(&object(1, b"whole"));
    assert_eq!(driver.told(), "C000");
}

#[test]
fn i02_a_receipt_in_mid_object_buys_nothing() {
    let mut driver = amid();
    let receipt = Receipt::after_sync(RecordNumber::default());
    driver.step(Input::Stored(receipt));
    assert_eq!(driver.told(), "");
    driver.policy = Policy::Hold;
    driver.feed(&data(1, LAST_DATA, b"end"));
    assert_eq!(driver.told(), "");
}

#[test]
fn an_object_refused_at_its_end_leaves_the_association_standing() {
    let mut driver = Driver::associated();
    driver.policy = Policy::Refuse(full());
    driver.feed(&[object(1, b"one"), object(2, b"two"), echo()].concat());
    assert_eq!(driver.told(), "A700 A700 0000");
}

#[test]
fn an_object_refused_in_mid_object_is_read_to_its_end_before_the_answer() {
    let mut driver = Driver::associated();
    driver.policy = Policy::RefuseAt(10, full());
    driver.feed(&data(1, LAST_COMMAND, &peer::store(1)));
    for _ in 0..100 {
        driver.feed(&data(1, DATA, &[0; 8000]));
        assert_eq!(driver.told(), "");
    }
    driver.feed(&[data(1, LAST_DATA, b"end"), echo()].concat());
    assert_eq!(driver.told(), "A700 0000");
    assert_eq!(driver.drops, [], "the driver knows that it is gone");
}

#[test]
fn a_refused_object_is_read_up_to_its_limit_and_then_aborted() {
    let mut driver = Driver::associated();
    driver.policy = Policy::RefuseAt(0, full());
    driver.feed(&data(1, LAST_COMMAND, &peer::store(1)));
    let piece = data(1, DATA, &[0; 16_000]).repeat(64);
    let count = DRAIN_OBJECT_BYTES_MAX / (16_000 * 64);
    for _ in 0..count {
        driver.feed(&piece);
    }
    assert_eq!(driver.told(), "");
    driver.feed(&piece);
    assert_eq!(driver.told(), "AB 2/0");
    assert_eq!(driver.notes, [Oddity::RefusedTooLong]);
}

#[test]
fn an_object_and_its_refusal_in_one_segment_are_one_answer() {
    let mut driver = Driver::associated();
    driver.policy = Policy::RefuseAt(2, full());
    driver.feed(&[object(1, b"one"), object(2, b"two")].concat());
    assert_eq!(driver.told(), "A700 A700");
}

#[test]
fn shutdown_aborts_an_idle_association_at_once() {
    let mut driver = Driver::associated();
    driver.step(Input::Shutdown);
    assert_eq!(driver.told(), "AB 0/0");
}

#[test]
fn shutdown_finishes_the_object_at_hand_and_begins_no_other() {
    let mut driver = amid();
    driver.step(Input::Shutdown);
    assert_eq!(driver.told(), "");
    driver.feed(&[data(1, LAST_DATA, b"end"), object(2, b"two")].concat());
    assert_eq!(driver.told(), "0000 AB 0/0");
    assert_eq!(driver.objects.len(), 1);
}

#[test]
fn shutdown_waits_thirty_seconds_for_an_object_and_then_drops_it() {
    let mut driver = amid();
    driver.step(Input::Shutdown);
    assert_eq!(driver.wait_deadline(), SHUTDOWN_FINISH);
    assert_eq!(driver.told(), "AB 0/0");
    assert_eq!(driver.drops, [DropReason::Shutdown]);
}

#[test]
fn shutdown_while_we_store_lets_a_late_receipt_say_nothing() {
    let mut driver = answering();
    driver.step(Input::Shutdown);
    assert_eq!(driver.wait_deadline(), SHUTDOWN_FINISH);
    assert_eq!(driver.told(), "AB 0/0");
    driver.store_now();
    assert_eq!(driver.told(), "");
    assert_eq!(driver.drops, []);
}

#[test]
fn shutdown_turns_new_associations_away_for_a_while() {
    let mut driver = Driver::new();
    driver.step(Input::Shutdown).feed(&Rq::default().bytes());
    assert_eq!(driver.told(), "RJ 2/3/1");
    assert_eq!(driver.indicated, []);
}
