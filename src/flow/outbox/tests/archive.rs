//! Whole lives of an outbox beside an archive that refuses, breaks, stays silent and heals.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::base::rng::Rng as _;

/// How the archive behaves until it heals.
#[derive(Clone, Copy, Debug)]
struct Mood {
    /// In 100 associations, so many are not had.
    away: u64,
    /// In 100 objects, so many break the line before the answer; half of those were kept.
    breaks: u64,
    /// In 100 objects, so many are answered A700.
    full: u64,
    /// In 100 questions, so many are never answered.
    silent: u64,
    /// An object that always breaks the line.
    poison: Option<i64>,
}

/// What became of a delivery.
#[derive(Debug, Default)]
struct Fate {
    kept: u32,
    done: u32,
    parked: u32,
}

struct World {
    outbox: Outbox,
    archive: SplitMix,
    now: Instant,
    mood: Mood,
    fates: BTreeMap<DeliveryRow, Fate>,
    /// Rows in the order in which the archive kept them first.
    kept: Vec<DeliveryRow>,
    steps: u64,
}

impl World {
    fn new(seed: u64, mood: Mood) -> Self {
        Self {
            outbox: Outbox::new(seed),
            archive: SplitMix::new(seed ^ 0x55),
            now: at(1),
            mood,
            fates: BTreeMap::new(),
            kept: Vec::new(),
            steps: 0,
        }
    }

    fn rolls(&mut self, percent: u64) -> bool {
        self.archive.below(100) < percent
    }

    fn owe(&mut self, owed: Owed) {
        self.fates.insert(owed.delivery, Fate::default());
        self.outbox.load([owed]);
        self.drive(Event::Tick);
    }

    /// Steps, and answers for the archive until it has nothing more to say.
    fn drive(&mut self, event: Event) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            self.steps += 1;
            for action in self.outbox.step(self.now, event) {
                self.now = self.now.after(Duration::from_millis(5));
                if let Some(event) = self.act(action) {
                    assert!(next.is_none(), "two questions are open at once");
                    next = Some(event);
                }
            }
        }
    }

    fn act(&mut self, action: Action) -> Option<Event> {
        let words = "gone".to_owned();
        let away = |link| Event::Failed { link, failure: Failure::Away { words } };
        match action {
            Action::Done { delivery, .. } => {
                self.fate(delivery).done += 1;
                None
            }
            Action::Park { delivery, .. } => {
                self.fate(delivery).parked += 1;
                None
            }
            Action::Abort { .. } => None,
            Action::Release { link } => Some(Event::Closed { link }),
            _ if self.rolls(self.mood.silent) => None,
            Action::Connect { link, .. } | Action::Echo { link } if self.rolls(self.mood.away) => {
                Some(away(link))
            }
            Action::Connect { link, contexts } => {
                Some(Event::Connected { link, accepted: contexts })
            }
            Action::Echo { link } => Some(Event::Echoed { link }),
            Action::Send { link, delivery } => Some(self.receive(link, delivery)),
        }
    }

    fn receive(&mut self, link: Link, delivery: DeliveryRow) -> Event {
        let outcome = if self.mood.poison == Some(delivery.0) {
            Outcome::Lost
        } else if self.rolls(self.mood.full) {
            let words = "full".to_owned();
            Outcome::Refused { status: 0xa700, words }
        } else if self.rolls(self.mood.breaks) {
            if self.rolls(50) {
                self.keep(delivery);
            }
            Outcome::Lost
        } else {
            self.keep(delivery);
            Outcome::Accepted { status: 0 }
        };
        Event::Answered { link, delivery, outcome }
    }

    fn fate(&mut self, delivery: DeliveryRow) -> &mut Fate {
        self.fates.get_mut(&delivery).unwrap()
    }

    fn keep(&mut self, delivery: DeliveryRow) {
        let fate = self.fate(delivery);
        fate.kept += 1;
        if fate.kept == 1 {
            self.kept.push(delivery);
        }
    }

    /// Lets time pass until `until`, waking by deadlines only.
    fn run(&mut self, until: Instant) {
        while let Some(deadline) = self.outbox.deadline().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            let before = (self.steps, deadline);
            self.drive(Event::Tick);
            let deadline = self.outbox.deadline();
            assert!(deadline.is_none_or(|next| before.1 < next), "it spins at {before:?}");
        }
        self.now = self.now.max(until);
    }

    fn heal(&mut self) {
        self.mood = Mood { away: 0, breaks: 0, full: 0, silent: 0, poison: None };
        let end = self.now.after(Duration::from_hours(48));
        self.run(end);
    }

    fn done(&self) -> usize {
        self.fates.values().filter(|fate| fate.done == 1).count()
    }
}

fn mood() -> impl Strategy<Value = Mood> {
    let percent = || prop_oneof![Just(0_u64), 1_u64..40, Just(100)];
    let poison = proptest::option::of(1_i64..40);
    (percent(), percent(), 0_u64..40, 0_u64..40, poison).prop_map(
        |(away, breaks, full, silent, poison)| Mood { away, breaks, full, silent, poison },
    )
}

fn owed_things() -> impl Strategy<Value = Vec<(Owed, u64)>> {
    let one = (1_i64..4, 0_u8..3, any::<bool>(), 0_i64..3, 0_u64..600);
    prop::collection::vec(one, 1..40).prop_map(|things| {
        let things = (1..).zip(things);
        let owed = things.map(|(row, (study, urgency, result, class, pause))| {
            let urgency = [Urgency::High, Urgency::Normal, Urgency::Low][usize::from(urgency)];
            let kind = if result { Kind::Result } else { Kind::Original };
            // Every fifth is another version of the one before it.
            let instance = uid(&format!("9.{}", if row % 5 == 0 { row - 1 } else { row }));
            let context = context(class);
            (Owed { instance, context, urgency, kind, ..owed(row, study) }, pause)
        });
        owed.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(48)
    })]

    #[test]
    fn whatever_the_archive_does_all_is_done_once_it_heals(
        seed in any::<u64>(), mood in mood(), things in owed_things()
    ) {
        let mut world = World::new(seed, mood);
        for (owed, pause) in &things {
            world.owe(owed.clone());
            let until = world.now.after(Duration::from_secs(*pause));
            world.run(until);
        }
        world.heal();
        let standing = world.outbox.standing();
        prop_assert_eq!((standing.owed, standing.away_since), (0, None));
        for (row, fate) in &world.fates {
            // I1: done means that the archive keeps it, and nothing is given up quietly.
            prop_assert_eq!(fate.done + fate.parked, 1, "{} {:?}", row, fate);
            prop_assert!(fate.done == 0 || 1 <= fate.kept, "{} {:?}", row, fate);
        }
        // Of two versions the later comes later.
        let place = |row: i64| world.kept.iter().position(|kept| *kept == DeliveryRow(row));
        for (owed, _) in things.iter().filter(|(owed, _)| owed.delivery.0 % 5 == 0) {
            let (first, second) = (place(owed.delivery.0 - 1), place(owed.delivery.0));
            if let (Some(first), Some(second)) = (first, second) {
                prop_assert!(first < second);
            }
        }
    }

    #[test]
    fn where_only_the_line_fails_the_order_inside_a_study_is_that_of_arrival(
        seed in any::<u64>(), away in 0_u64..90, rows in prop::collection::vec(1_i64..4, 1..40)
    ) {
        let mood = Mood { away, breaks: 0, full: 0, silent: 0, poison: None };
        let mut world = World::new(seed, mood);
        let things: Vec<_> = (1..).zip(rows).map(|(row, study)| owed(row, study)).collect();
        world.outbox.load(things.clone());
        world.fates = things.iter().map(|it| (it.delivery, Fate::default())).collect();
        world.heal_after(Duration::from_hours(2));
        for study in 1..4 {
            let of = |row: &DeliveryRow| {
                things.iter().any(|it| it.delivery == *row && it.study.0 == study)
            };
            let kept: Vec<_> = world.kept.iter().copied().filter(of).collect();
            prop_assert!(kept.is_sorted());
        }
        prop_assert_eq!(world.done(), things.len());
    }

    #[test]
    fn one_object_that_breaks_the_line_does_not_hold_up_the_others(
        seed in any::<u64>(), poison in 1_i64..20
    ) {
        let mood = Mood { away: 0, breaks: 0, full: 0, silent: 0, poison: Some(poison) };
        let mut world = World::new(seed, mood);
        for row in 1..20 {
            world.owe(owed(row, 1));
        }
        let end = world.now.after(Duration::from_mins(1));
        world.run(end);
        prop_assert_eq!(world.done(), 18);
    }

    #[test]
    fn a_dead_archive_costs_few_steps_and_holds_up_no_other(seed in any::<u64>()) {
        let mood = Mood { away: 100, breaks: 0, full: 0, silent: 0, poison: None };
        let mut dead = World::new(seed, mood);
        let mut alive = World::new(seed, Mood { away: 0, ..mood });
        for row in 1..50 {
            dead.owe(owed(row, 1));
            alive.owe(owed(row, 1));
        }
        let end = at(30 * 24 * 3600);
        dead.run(end);
        prop_assert_eq!((dead.done(), alive.done()), (0, 49));
        // Thirty days at a mean pause of 7.5 minutes are 5,760 tries.
        prop_assert!((4000..16_000).contains(&dead.steps), "{} steps", dead.steps);
        dead.heal();
        prop_assert_eq!(dead.done(), 49);
    }
}

impl World {
    fn heal_after(&mut self, time: Duration) {
        self.drive(Event::Tick);
        let until = self.now.after(time);
        self.run(until);
        self.heal();
    }
}
