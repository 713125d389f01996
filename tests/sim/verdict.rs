//! What a healed run must have come to.

use std::collections::{BTreeMap, BTreeSet};

use scanpost::base::ids::StudyRow;
use scanpost::node::results;
use scanpost::node::seal::Seal;
use scanpost::store::ledger::{Holding, JobState, KnownJob, Standing, View};

use crate::archive::Archive;
use crate::clinic::{ARCHIVES, Content, Shape, Study, Temper};
use crate::shelf::{PACKAGES, SLICES_MIN};
use crate::world::World;

/// Compares what came with what was promised.
pub fn verdict(world: &World) -> Result<(), String> {
    for (name, archive) in ARCHIVES.iter().zip(&world.archives) {
        let lost: Vec<_> =
            world.told.iter().filter(|content| archive.counts[**content] == 0).collect();
        if !lost.is_empty() {
            return Err(format!("I1: told safe, and not at {name}: {lost:?}"));
        }
        if archive.strange {
            return Err(format!("{name} got bytes that nobody sent"));
        }
        if let Some(content) =
            (0..archive.counts.len()).find(|at| archive.allowed[*at] < archive.counts[*at])
        {
            let (came, may) = (archive.counts[content], archive.allowed[content]);
            return Err(format!("I2: {content} came {came} times to {name}, may {may}"));
        }
        in_order(world, archive).map_err(|wrong| format!("{wrong} at {name}"))?;
    }
    if !world.is_scanner_done() {
        return Err("the scanner still waits for an answer".to_owned());
    }
    if let Some(wrong) = &world.results.wrong {
        return Err(wrong.clone());
    }
    one_content_a_document(world)?;
    let stores = world.stores();
    let ledger = stores.ledger();
    let (view, seal) = (ledger.view(), Seal(&stores.vault));
    let open = view.open_studies(&seal).expect("the ledger works");
    if !open.is_empty() {
        return Err(format!("I3: {} studies are never whole", open.len()));
    }
    for study in &world.plan.studies {
        let row = view.study(&study.uid, &seal).expect("the ledger works");
        let row = row.ok_or("a study is not in the ledger")?;
        let wrong = |wrong| format!("I3: study {} ({study:?}): {wrong}", study.uid);
        read_once(world, view, (row, study)).map_err(wrong)?;
        let holding = view.owed_in_study(row).expect("the ledger works");
        if holding != Holding::default() {
            return Err(format!("study {} ({study:?}) can never go: {holding:?}", study.uid));
        }
    }
    Ok(())
}

/// First arrivals are in the order of sealing within a study, but for instances that were in
/// trouble; and versions are in theirs always.
fn in_order(world: &World, archive: &Archive) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let firsts = archive.arrivals.iter().copied().filter(|content| seen.insert(*content));
    let firsts: Vec<usize> = firsts.collect();
    let place = |content: usize| world.order.iter().position(|sealed| *sealed == content);
    let troubled = archive.troubles.iter().filter(|(_, count)| 1 < **count);
    let excused: BTreeSet<_> =
        troubled.filter_map(|(delivery, _)| archive.owners.get(delivery)).collect();
    for (at, later) in firsts.iter().enumerate() {
        for earlier in &firsts[..at] {
            let (one, two) = (&world.plan.contents[*earlier], &world.plan.contents[*later]);
            if one.instance == two.instance && two.version < one.version {
                return Err(format!("version {later} came behind its successor {earlier}"));
            }
            let counts = |content: &Content, index: &usize| {
                content.version == 0
                    && content.document.is_none()
                    && !excused.contains(&content.instance)
                    && !world.unsure.contains(index)
            };
            let compare = one.study == two.study && counts(one, earlier) && counts(two, later);
            if compare && place(*later) < place(*earlier) {
                return Err(format!("{earlier} came before {later}"));
            }
        }
    }
    Ok(())
}

/// I1 for results: under one UID of ours the same bytes came, to every archive, for ever.
fn one_content_a_document(world: &World) -> Result<(), String> {
    let mut known = BTreeMap::new();
    for content in world.archives.iter().flat_map(|archive| &archive.arrivals) {
        let of = &world.plan.contents[*content];
        if of.document.is_some()
            && known.insert(&of.instance, *content).unwrap_or(*content) != *content
        {
            return Err(format!("I1: {:?} came with other bytes under one UID", of.document));
        }
    }
    Ok(())
}

/// I3: of every package one current job, with the outcome that the plan foresees and all its
/// documents where they belong.
fn read_once(
    world: &World,
    view: View<'_>,
    (row, study): (StudyRow, &Study),
) -> Result<(), String> {
    let seal = Seal(&world.stores().vault);
    let jobs = view.jobs_of(row, &seal).expect("the ledger works");
    let replaced: BTreeSet<_> = jobs.iter().filter_map(|job| job.supersedes).collect();
    for (package, least) in PACKAGES.iter().zip(SLICES_MIN) {
        let current: Vec<_> = jobs
            .iter()
            .filter(|job| job.package == *package && !replaced.contains(&job.number))
            .collect();
        let [job] = current[..] else {
            return Err(format!("{package} has {} current jobs", current.len()));
        };
        if !matches!(job.state, JobState::Done | JobState::Refused) {
            return Err(format!("{package}: job {} is still {:?}", job.number, job.state));
        }
        let is_set_aside = world.results.is_quarantined(&study.uid);
        let expected = expected(study, least);
        let found = job.refusal.as_deref().unwrap_or("read");
        if found != expected && !(is_set_aside && found == "quarantined") {
            return Err(format!("{package}: {found} where {expected} is right"));
        }
        for source in &job.sources {
            let object = view.object_of_record(*source, &seal).expect("the ledger works");
            let object = object.ok_or("a source is lost")?;
            if object.standing != Standing::Latest {
                return Err(format!("{package} looked at a version that was replaced"));
            }
        }
        if job.sources.len() != study.slices {
            let count = job.sources.len();
            return Err(format!("{package} looked at {count} slices of {}", study.slices));
        }
    }
    let events = view.timeline(row).expect("the ledger works");
    // Nothing of a study that was set aside is looked at any more.
    let words: &[&str] = if world.results.is_quarantined(&study.uid) {
        &["1 localizer", "1 quarantined"]
    } else {
        &["1 localizer"]
    };
    let is_told = events
        .iter()
        .any(|event| event.kind == "not read" && words.contains(&event.words.as_str()));
    if study.shape == Shape::Localizer && !is_told {
        return Err("nobody says that the localizer is not read".to_owned());
    }
    jobs.iter().try_for_each(|job| delivered(world, view, job, replaced.contains(&job.number)))
}

/// What a package that reads from `least` slices on must say in the end.
fn expected(study: &Study, least: usize) -> &'static str {
    match (study.shape, study.temper) {
        (Shape::Bare, _) => "no_geometry",
        (Shape::Gap, _) => "gap",
        _ if study.slices < least => "too_few_slices",
        (_, Temper::Reads) => "read",
        (_, Temper::Blank) => "no_region",
        (_, Temper::Kills) => "quarantined",
    }
}

/// I1 for results: a complete set is one set, and it is where results go and nowhere else. Only
/// what was replaced before its turn may have none.
fn delivered(
    world: &World,
    view: View<'_>,
    job: &KnownJob,
    is_replaced: bool,
) -> Result<(), String> {
    let set = view.documents(job.number).expect("the ledger works");
    if set.is_empty() && !is_replaced {
        return Err(format!("job {} has no documents", job.number));
    }
    let outcome = job.refusal.as_deref().unwrap_or("read");
    for document in set.iter().filter(|document| document.kind != "json") {
        let bytes = results::bytes(world.stores(), document).ok_or("a document is lost")?;
        let content = world.plan.contents.iter().position(|known| known.bytes == bytes);
        let content = content.ok_or("a document that nobody wrote")?;
        let told = world.plan.contents[content].document;
        if told != Some((job.number, outcome)) {
            return Err(format!("the set of job {} ({outcome}) holds {told:?}", job.number));
        }
        let [a, b] = [0, 1].map(|archive: usize| world.archives[archive].counts[content]);
        if a == 0 || 0 < b {
            return Err(format!("I1: {told:?} came {a} times to A and {b} times to B"));
        }
    }
    Ok(())
}
