//! Goal: an object that the peer aborts on is set aside; a line that breaks sets nothing aside,
//! and neither does a peer that aborts on everything. Method: what the driver hears, step by step.

use super::*;

const WORDS: &str = "it aborted";

fn abort() -> Outcome {
    Outcome::Aborted { words: WORDS.to_owned() }
}

fn parks(driver: &Driver) -> Vec<String> {
    driver.log.iter().filter(|line| line.starts_with("park")).cloned().collect()
}

/// Answers what is sent with what `outcome` says of it, `rounds` times.
fn answer_with(driver: &mut Driver, rounds: u32, outcome: impl Fn(DeliveryRow) -> Outcome) {
    for _ in 0..rounds {
        driver.wait();
        let Some((_, delivery)) = driver.open else { return };
        driver.answer(outcome(delivery));
    }
}

#[test]
fn an_object_that_the_peer_aborts_on_is_parked_and_the_others_pass() {
    let mut driver = Driver::new((1..6).map(|row| owed(row, 1)));
    driver.step(Event::Tick);
    answer_with(&mut driver, 20, |delivery| {
        if delivery.0 == 2 { abort() } else { Outcome::Accepted { status: 0 } }
    });
    assert_eq!(parks(&driver), [format!("park {} {WORDS}", DeliveryRow(2))]);
    let done = driver.log.iter().filter(|line| line.starts_with("done")).count();
    assert_eq!((done, driver.outbox.standing().owed), (4, 0));
    assert_eq!(driver.outbox.standing().away_since, None);
}

#[test]
fn an_object_that_is_alone_is_parked_at_the_third_abort_and_not_before() {
    let mut driver = Driver::new([owed(1, 1)]);
    driver.step(Event::Tick);
    answer_with(&mut driver, ABORTS_MAX - 1, |_| abort());
    assert_eq!((parks(&driver).len(), driver.outbox.standing().owed), (0, 1));
    answer_with(&mut driver, 1, |_| abort());
    assert_eq!((parks(&driver).len(), driver.outbox.standing().owed), (1, 0));
    // A person sends it again: it has its three tries anew.
    driver.outbox.load([owed(1, 1)]);
    driver.step(Event::Tick);
    answer_with(&mut driver, 1, |_| abort());
    assert_eq!((parks(&driver).len(), driver.outbox.standing().owed), (1, 1));
}

#[test]
fn i1_a_line_that_is_cut_parks_nothing_however_often() {
    let mut driver = Driver::new([owed(1, 1), owed(2, 1)]);
    driver.step(Event::Tick);
    answer_with(&mut driver, 100, |_| Outcome::Lost);
    for _ in 0..100 {
        // The association goes while an object is under way, and nobody says why.
        driver.wait();
        let (link, _) = driver.open.take().unwrap();
        let failure = Failure::Away { words: WORDS.to_owned() };
        driver.step(Event::Failed { link, failure });
    }
    assert_eq!((parks(&driver).len(), driver.outbox.standing().owed), (0, 2));
    driver.wait();
    driver.accept_all();
    answer_with(&mut driver, 2, |_| Outcome::Accepted { status: 0 });
    assert_eq!(driver.outbox.standing().owed, 0);
}

#[test]
fn i1_a_peer_that_aborts_on_everything_parks_nothing_that_it_would_take_when_it_is_well() {
    let mut driver = Driver::new((1..10).map(|row| owed(row, 1)));
    driver.step(Event::Tick);
    answer_with(&mut driver, 500, |_| abort());
    assert_eq!((parks(&driver).len(), driver.outbox.standing().owed), (0, 9));
    answer_with(&mut driver, 9, |_| Outcome::Accepted { status: 0 });
    assert_eq!((parks(&driver).len(), driver.outbox.standing().owed), (0, 0));
}

#[test]
fn an_abort_between_two_objects_is_counted_against_none() {
    let mut driver = Driver::new([owed(1, 1)]);
    driver.step(Event::Tick);
    for row in 2..10 {
        let (link, _) = driver.open.unwrap();
        driver.accept();
        let failure = Failure::Away { words: WORDS.to_owned() };
        driver.step(Event::Failed { link, failure });
        driver.outbox.load([owed(row, 1)]);
        driver.step(Event::Tick);
        driver.wait();
    }
    driver.accept();
    assert_eq!((parks(&driver).len(), driver.outbox.standing().owed), (0, 0));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        failure_persistence: None,
        ..proptest::prelude::ProptestConfig::with_cases(64)
    })]

    #[test]
    fn whatever_aborts_all_is_done_or_parked_once_the_peer_is_well(
        fates in proptest::collection::vec(0_u8..4, 0..120), count in 1_i64..8
    ) {
        let mut driver = Driver::new((1..=count).map(|row| owed(row, row % 2)));
        driver.step(Event::Tick);
        for fate in fates {
            answer_with(&mut driver, 1, |_| match fate {
                0 => Outcome::Accepted { status: 0 },
                1 => Outcome::Lost,
                _ => abort(),
            });
        }
        answer_with(&mut driver, 10, |_| Outcome::Accepted { status: 0 });
        let done = driver.log.iter().filter(|line| line.starts_with("done")).count();
        proptest::prop_assert_eq!(done + parks(&driver).len(), usize::try_from(count).unwrap());
    }
}
