//! What records become rows, and what a second record of the same thing does.

use super::*;

#[test]
fn a_new_object_makes_a_study_a_series_and_one_delivery_per_route() {
    let mut ledger = ledger();
    let mut record = object("1.1", "1.1.1", "a", 5);
    record.routes = vec!["PACS".into(), "ARCHIVE".into()];
    let applied = apply(&mut ledger, &[sealed(1, Content::Object(Box::new(record.clone())))]);
    assert_eq!((applied.new, applied.known), (1, 0));
    let study = ledger.view().study(&uid("1.1"), &PlainSeal).unwrap().unwrap();
    assert_eq!(applied.studies.into_iter().collect::<Vec<_>>(), [study]);
    let [series] = &ledger.view().series_objects(study, &PlainSeal).unwrap()[..] else {
        panic!("one series");
    };
    assert_eq!(series.series, record.identity.series);
    let kept = &series.objects[0];
    assert_eq!(kept.identity, record.identity);
    assert_eq!((&kept.facts, kept.digest), (&record.facts, record.digest));
    assert_eq!((kept.received, kept.location.offset), (record.received, 8192));
    for name in ["PACS", "ARCHIVE"] {
        let [owed] = &owed(&ledger, name)[..] else {
            panic!("one delivery to {name}");
        };
        assert_eq!(owed.sop_instance, record.identity.sop_instance);
        assert_eq!((owed.number, owed.digest), (number(1), record.digest));
    }
}

#[test]
fn a_record_that_is_known_changes_nothing() {
    let mut ledger = ledger();
    let batch = [an_object(1, "1.1", "1.1.1"), an_object(2, "1.1", "1.1.2")];
    apply(&mut ledger, &batch);
    let delivery = owed(&ledger, "PACS")[0].delivery;
    accept(&mut ledger, delivery);
    let before = dump(&ledger);
    let applied = apply(&mut ledger, &batch);
    assert_eq!((applied.new, applied.known), (0, 2));
    assert!(applied.studies.is_empty());
    assert_eq!(dump(&ledger), before);
}

#[test]
fn a_record_that_was_copied_forward_is_found_in_its_new_place() {
    let mut ledger = ledger();
    let mut record = an_object(1, "1.1", "1.1.1");
    apply(&mut ledger, std::slice::from_ref(&record));
    record.location = Location { slab: 9, generation: 4, offset: 12_288 };
    apply(&mut ledger, std::slice::from_ref(&record));
    assert_eq!(owed(&ledger, "PACS")[0].location, record.location);
    assert_eq!(ledger.view().can_recycle(1).unwrap(), Recycling::Free);
    let held = Recycling::Held { records: 1 };
    assert_eq!(ledger.view().can_recycle(9).unwrap(), held);
}

#[test]
fn the_same_instance_again_is_owed_again_only_where_it_was_done() {
    let mut ledger = ledger();
    let mut record = object("1.1", "1.1.1", "a", 1);
    record.routes = vec!["PACS".into(), "ARCHIVE".into()];
    apply(&mut ledger, &[sealed(1, Content::Object(Box::new(record)))]);
    let done = owed(&ledger, "PACS")[0].delivery;
    accept(&mut ledger, done);
    let waiting = owed(&ledger, "ARCHIVE");
    let mut repeat = again(1, 50);
    repeat.routes = vec!["PACS".into(), "ARCHIVE".into(), "SECOND".into()];
    apply(&mut ledger, &[sealed(2, Content::Again(repeat))]);
    assert_eq!(owed(&ledger, "PACS")[0].delivery, done);
    assert_eq!(owed(&ledger, "ARCHIVE"), waiting);
    ledger.set_destinations(&["SECOND".into()]).unwrap();
    assert_eq!(owed(&ledger, "SECOND").len(), 1, "a new route is added");
}

#[test]
fn what_is_under_way_or_parked_stays_so_when_it_comes_again() {
    let mut ledger = ledger();
    apply(&mut ledger, &[an_object(1, "1.1", "1.1.1"), an_object(2, "1.1", "1.1.2")]);
    let rows = owed(&ledger, "PACS");
    ledger.attempted(rows[0].delivery, at(10)).unwrap();
    let answer = Answer { status: Some(0xc000), words: "no", at: at(11) };
    ledger.park(rows[1].delivery, &answer, &PlainSeal).unwrap();
    apply(
        &mut ledger,
        &[sealed(3, Content::Again(again(1, 20))), sealed(4, Content::Again(again(2, 20)))],
    );
    assert!(owed(&ledger, "PACS").is_empty());
}

#[test]
fn two_objects_with_equal_bytes_count_as_one_and_an_again() {
    let mut ledger = ledger();
    apply(&mut ledger, &[an_object(1, "1.1", "1.1.1")]);
    let delivery = owed(&ledger, "PACS")[0].delivery;
    accept(&mut ledger, delivery);
    apply(&mut ledger, &[an_object(2, "1.1", "1.1.1")]);
    let counts = ledger.view().snapshot_counts().unwrap();
    assert_eq!((counts.objects, counts.owed), (1, 1));
    assert_eq!(order(&ledger), [1], "the first copy stands for it");
}

#[test]
fn other_bytes_under_one_uid_are_another_version_that_never_overtakes_the_first() {
    let mut ledger = ledger();
    let first = object("1.1", "1.1.1", "WRONG^NAME", 1);
    let mut second = object("1.1", "1.1.1", "RIGHT^NAME", 2);
    second.urgency = Urgency::High;
    apply(
        &mut ledger,
        &[
            sealed(1, Content::Object(Box::new(first))),
            sealed(2, Content::Object(Box::new(second))),
        ],
    );
    let kept = ledger.view().versions(&uid("1.1.1"), &PlainSeal).unwrap();
    let told: Vec<_> = kept.iter().map(|kept| (kept.version, kept.standing)).collect();
    assert_eq!(told, [(0, Standing::Replaced), (1, Standing::Latest)]);
    assert_eq!(order(&ledger), [1], "the second waits though it is urgent");
    let delivery = owed(&ledger, "PACS")[0].delivery;
    ledger.attempted(delivery, at(10)).unwrap();
    assert!(order(&ledger).is_empty(), "also while the first is under way");
    accept(&mut ledger, delivery);
    assert_eq!(order(&ledger), [2]);
}

#[test]
fn the_same_bytes_in_another_syntax_are_another_version() {
    let mut ledger = ledger();
    let mut other = object("1.1", "1.1.1", "1.1.1", 2);
    other.transfer_syntax = uid("1.2.840.10008.1.2");
    apply(
        &mut ledger,
        &[an_object(1, "1.1", "1.1.1"), sealed(2, Content::Object(Box::new(other)))],
    );
    assert_eq!(ledger.view().snapshot_counts().unwrap().objects, 2);
}

#[test]
fn an_again_that_comes_before_its_object_waits_for_it() {
    let mut ledger = ledger();
    apply(&mut ledger, &[sealed(2, Content::Again(again(1, 9)))]);
    assert!(owed(&ledger, "PACS").is_empty());
    let mut record = object("1.1", "1.1.1", "a", 1);
    record.routes.clear();
    apply(&mut ledger, &[sealed(1, Content::Object(Box::new(record)))]);
    assert_eq!(order(&ledger), [1]);
}

#[test]
fn objects_without_a_study_uid_share_one_study_per_caller_and_day() {
    let mut ledger = ledger();
    let nameless = |sequence, caller: &str, received| {
        let mut record = object("1.1", &format!("1.1.{sequence}"), "", received);
        record.identity.study = None;
        record.identity.series = None;
        record.calling = aet(caller);
        sealed(sequence, Content::Object(Box::new(record)))
    };
    apply(
        &mut ledger,
        &[
            nameless(1, "CT1", 1),
            nameless(2, "CT1", 2),
            nameless(3, "CT2", 3),
            nameless(4, "CT1", 90_000),
        ],
    );
    assert_eq!(ledger.view().snapshot_counts().unwrap().studies, 3);
    let open = ledger.view().open_studies(&PlainSeal).unwrap();
    let label = open[0].label.reveal("test").as_str();
    assert!(Uid::parse(label.as_bytes()).is_err(), "no UID can be equal");
}

#[test]
fn marks_rise_to_the_end_of_each_record_and_never_fall() {
    let mut ledger = ledger();
    let late = an_object(6, "1.1", "1.1.6");
    let early = an_object(3, "1.1", "1.1.3");
    apply(&mut ledger, std::slice::from_ref(&late));
    apply(&mut ledger, &[early]);
    let mark = ledger.marks().unwrap()[0];
    assert_eq!((mark.slab, mark.offset), (0, late.end));
    let mut recycled = an_object(9, "1.1", "1.1.9");
    recycled.location.generation = 2;
    recycled.end = 4096;
    apply(&mut ledger, &[recycled]);
    let mark = ledger.marks().unwrap()[0];
    assert_eq!((mark.generation, mark.offset), (2, 4096));
}
