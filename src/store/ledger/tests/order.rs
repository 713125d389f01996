//! Rows are a function of the set of records: any batching, order and repetition gives the same.

use proptest::prelude::*;

use super::*;

/// What one record of the generated sets is.
#[derive(Clone, Debug)]
enum Kind {
    Object { study: u32, instance: u32, bytes: u32, urgency: u8, routes: u8 },
    Again { of: u32, routes: u8 },
    Job { study: u32, refused: u8, routes: u8 },
    Result { job: u32, ordinal: u32, routes: u8 },
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        5 => (0..2_u32, 0..3_u32, 0..2_u32, 0..3_u8, 0..4_u8).prop_map(
            |(study, instance, bytes, urgency, routes)| Kind::Object {
                study, instance, bytes, urgency, routes
            }
        ),
        2 => (0..24_u32, 0..4_u8).prop_map(|(of, routes)| Kind::Again { of, routes }),
        1 => (0..3_u32, 0..2_u8, 0..4_u8).prop_map(|(study, refused, routes)| Kind::Job {
            study, refused, routes
        }),
        2 => (0..24_u32, 0..2_u32, 0..4_u8).prop_map(|(job, ordinal, routes)| Kind::Result {
            job, ordinal, routes
        }),
    ]
}

fn routes(bits: u8) -> Vec<String> {
    let all = [(1, "PACS"), (2, "ARCHIVE")];
    let chosen = all.iter().filter(|(bit, _)| bits & bit != 0);
    chosen.map(|(_, name)| (*name).to_owned()).collect()
}

fn record(sequence: u32, kind: &Kind) -> Sealed {
    let content = match kind {
        Kind::Object { study, instance, bytes, urgency, routes: bits } => {
            let mut record = object(
                &format!("1.{study}"),
                &format!("1.9.{instance}"),
                &format!("{study} {bytes}"),
                u64::from(sequence),
            );
            record.urgency = [Urgency::High, Urgency::Normal, Urgency::Low][usize::from(*urgency)];
            record.routes = routes(*bits);
            Content::Object(Box::new(record))
        }
        Kind::Again { of, routes: bits } => {
            let mut record = again(*of, u64::from(sequence));
            record.routes = routes(*bits);
            Content::Again(record)
        }
        Kind::Job { study, refused, routes: bits } => {
            let mut record = job(&format!("1.{study}"), &[]);
            record.refusal = (0 < *refused).then(|| "gaps".to_owned());
            record.routes = routes(*bits);
            Content::Job(Box::new(record))
        }
        Kind::Result { job, ordinal, routes: bits } => {
            let mut record = result(*job, "1.0", *ordinal, 2);
            record.routes = routes(*bits);
            Content::Result(Box::new(record))
        }
    };
    sealed(sequence, content)
}

/// Leaves one document for each place of a set: a second one is written behind the first, and in
/// its order (`a_document_that_was_sealed_twice…`).
fn once(kinds: Vec<Kind>) -> Vec<Kind> {
    let mut seen = std::collections::BTreeSet::new();
    let keep = |kind: &Kind| match kind {
        Kind::Result { job, ordinal, .. } => seen.insert((*job, *ordinal)),
        Kind::Object { .. } | Kind::Again { .. } | Kind::Job { .. } => true,
    };
    let mut keep = keep;
    kinds.into_iter().filter(|kind| keep(kind)).collect()
}

/// A set of records, and an order of visits that reaches each at least once, cut into batches.
fn sets() -> impl Strategy<Value = (Vec<Kind>, Vec<usize>, usize)> {
    prop::collection::vec(kinds(), 1..24).prop_map(once).prop_flat_map(|kinds| {
        let count = kinds.len();
        let repeats = prop::collection::vec(0..count, 0..count);
        let visits = repeats
            .prop_map(move |repeats| (0..count).chain(repeats).collect::<Vec<_>>())
            .prop_shuffle();
        (Just(kinds), visits, 1..8_usize)
    })
}

fn records(kinds: &[Kind]) -> Vec<Sealed> {
    (0..).zip(kinds).map(|(at, kind)| record(at, kind)).collect()
}

fn applied(records: &[Sealed], visits: &[usize], batch: usize) -> Ledger {
    let mut ledger = ledger();
    let visited: Vec<Sealed> = visits.iter().map(|at| records[*at].clone()).collect();
    for batch in visited.chunks(batch) {
        apply(&mut ledger, batch);
    }
    ledger
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 80, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_batching_order_and_repetition_gives_identical_rows((kinds, visits, batch) in sets()) {
        let records = records(&kinds);
        let in_order: Vec<usize> = (0..records.len()).collect();
        let expected = dump(&applied(&records, &in_order, records.len()));
        let found = dump(&applied(&records, &visits, batch));
        prop_assert_eq!(difference(&found, &expected), Vec::<String>::new());
    }

    #[test]
    fn a_rebuild_of_a_ledger_in_any_state_gives_what_a_fresh_one_has(
        (kinds, visits, batch) in sets()
    ) {
        let records = records(&kinds);
        let expected = dump(&applied(&records, &visits, batch));
        let mut ledger = applied(&records, &visits, batch);
        ledger.begin_rebuild().unwrap();
        for sealed in &records {
            apply(&mut ledger, std::slice::from_ref(sealed));
        }
        let seen = records.iter().map(|sealed| sealed.number).collect();
        prop_assert_eq!(ledger.finish_rebuild(&seen).unwrap(), 0);
        prop_assert_eq!(difference(&dump(&ledger), &expected), Vec::<String>::new());
    }
}
