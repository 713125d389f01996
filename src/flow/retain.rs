//! Which studies may be erased to make room: only what nobody is owed (I5).

use std::time::Duration;

use crate::base::ids::StudyRow;

/// A kept study, as the ledger counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The study.
    pub study: StudyRow,
    /// Deliveries of it that are not done, parked ones included: a person decides about those.
    pub owed: u64,
    /// Decisions or readings of it that are under way or still to come.
    pub unread: u64,
    /// How long nothing has arrived or been delivered; `None` where no clock can tell.
    pub idle: Option<Duration>,
    /// Bytes that it takes.
    pub bytes: u64,
}

/// Chooses the studies to erase, the longest idle first.
///
/// A study with nothing owed and nothing to read goes once it was idle for `keep`. If `need`
/// bytes are still not freed then, younger ones follow, oldest first, until they are; those of
/// unknown age come last, since only want of space can decide about them.
pub fn erasable(kept: &[Kept], keep: Duration, need: u64) -> Vec<StudyRow> {
    let free = |study: &&Kept| study.owed == 0 && study.unread == 0;
    let mut studies: Vec<&Kept> = kept.iter().filter(free).collect();
    // `None` sorts below every age, so the order by falling age puts it last.
    studies.sort_by_key(|study| (std::cmp::Reverse(study.idle), study.study));
    let mut freed = 0_u64;
    let mut chosen = Vec::new();
    for study in studies {
        let old = study.idle.is_some_and(|idle| keep <= idle);
        if old || freed < need {
            freed = freed.saturating_add(study.bytes);
            chosen.push(study.study);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn kept(study: i64, idle_days: Option<u32>, bytes: u64) -> Kept {
        Kept {
            study: StudyRow(study),
            owed: 0,
            unread: 0,
            idle: idle_days.map(|days| DAY * days),
            bytes,
        }
    }

    fn chosen(kept: &[Kept], need: u64) -> Vec<i64> {
        let rows = erasable(kept, DAY * 30, need);
        rows.iter().map(|study| study.0).collect()
    }

    #[test]
    fn what_is_old_goes_and_what_is_young_stays() {
        let all = [kept(1, Some(29), 5), kept(2, Some(30), 5), kept(3, Some(99), 5)];
        assert_eq!(chosen(&all, 0), [3, 2]);
    }

    #[test]
    fn want_of_space_takes_the_oldest_first_and_no_more_than_needed() {
        let all = [kept(1, Some(2), 5), kept(2, None, 5), kept(3, Some(9), 5)];
        assert_eq!(chosen(&all, 5), [3]);
        assert_eq!(chosen(&all, 6), [3, 1]);
        assert_eq!(chosen(&all, u64::MAX), [3, 1, 2]);
    }

    #[test]
    fn a_study_whose_age_no_clock_knows_does_not_go_by_age() {
        assert!(chosen(&[kept(1, None, 5)], 0).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_owed_or_unread_is_ever_chosen(
            facts in prop::collection::vec((0_u64..3, 0_u64..3, 0_u32..60, 0_u64..9), 0..20),
            need in 0_u64..99,
        ) {
            let all: Vec<_> = facts.iter().enumerate().map(|(row, (owed, unread, days, bytes))| {
                let row = i64::try_from(row).unwrap();
                Kept { owed: *owed, unread: *unread, ..kept(row, Some(*days), *bytes) }
            }).collect();
            for row in chosen(&all, need) {
                let study = all[usize::try_from(row).unwrap()];
                prop_assert!(study.owed == 0 && study.unread == 0);
            }
        }
    }
}
