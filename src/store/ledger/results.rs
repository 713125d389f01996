//! Jobs and documents of ours as their records tell them.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::apply::Rows;
use super::deliveries::{Debt, owe_once};
use super::seal::{from_json, seal_json, to_json};
use super::{Thing, column};
use crate::base::digest::Digest;
use crate::base::ids::StudyRow;
use crate::base::time::Stamp;
use crate::base::uid::Uid;
use crate::store::record::{JobRecord, ResultRecord, Sealed};

/// What of a document is sealed in its row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ResultSecret {
    pub(super) sop_instance: Uid,
    pub(super) series: Uid,
    pub(super) digest: Digest,
}

/// Takes a `job` record in.
///
/// A refusal that nobody is told is finished with its record; one that goes to a destination
/// waits for its document like any job.
pub(super) fn take_job(
    rows: &Rows<'_>,
    sealed: &Sealed,
    record: &JobRecord,
) -> rusqlite::Result<StudyRow> {
    let study = rows.study(record.study.as_str())?;
    let series = rows.series(study, record.series.as_str())?;
    let number = column::number(sealed.number);
    rows.assign(number, study.0)?;
    let is_finished = record.refusal.is_some() && record.routes.is_empty();
    let [boot, monotonic, wall, offset, synced] = column::stamp(&record.decided);
    rows.tables
        .prepare_cached(
            "INSERT INTO jobs (number, arrival, study, series, package, package_digest, settings,
                 engine, revision, supersedes, refusal, urgency, state, sources, routes,
                 decided_boot, decided_monotonic, decided_wall, decided_offset, decided_synced)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                 ?18, ?19, ?20)",
        )?
        .execute(params![
            number,
            column::arrival(sealed.arrival),
            study.0.0,
            series,
            record.package,
            record.package_digest.0,
            record.settings.0,
            record.engine,
            record.revision,
            record.supersedes.map(column::number),
            record.refusal,
            column::urgency(record.urgency),
            if is_finished { "refused" } else { "decided" },
            to_json(&record.sources)?,
            to_json(&record.routes)?,
            boot,
            monotonic,
            wall,
            offset,
            synced
        ])?;
    settle(rows.tables, number)?;
    Ok(study.0)
}

/// Takes a `result` record in.
pub(super) fn take(
    rows: &Rows<'_>,
    sealed: &Sealed,
    record: &ResultRecord,
) -> rusqlite::Result<StudyRow> {
    let study = rows.study(record.study.as_str())?;
    let number = column::number(sealed.number);
    rows.assign(number, study.0)?;
    let secret = ResultSecret {
        sop_instance: record.sop_instance.clone(),
        series: record.series.clone(),
        digest: record.digest,
    };
    let job = column::number(record.job);
    let [boot, monotonic, wall, offset, synced] = column::stamp(&record.written);
    rows.tables
        .prepare_cached(
            "INSERT INTO results (number, arrival, job, study, instance_key, document, ordinal,
                 set_size, sop_class, transfer_syntax, length, urgency, routes, sealed,
                 written_boot, written_monotonic, written_wall, written_offset, written_synced)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                 ?18, ?19)",
        )?
        .execute(params![
            number,
            column::arrival(sealed.arrival),
            job,
            study.0.0,
            rows.seal.look_up(record.sop_instance.as_str().as_bytes()).0,
            record.document,
            record.ordinal,
            record.set_size,
            record.sop_class.as_ref().map(Uid::as_str),
            record.transfer_syntax.as_str(),
            record.length.cast_signed(),
            column::urgency(record.urgency),
            to_json(&record.routes)?,
            seal_json(rows.seal, &study.1, &secret)?,
            boot,
            monotonic,
            wall,
            offset,
            synced
        ])?;
    if let Some(word) = &record.refusal {
        rows.tables
            .prepare_cached("UPDATE jobs SET refusal = ?2 WHERE number = ?1 AND refusal IS NULL")?
            .execute(params![job, word])?;
    }
    settle(rows.tables, job)?;
    Ok(study.0)
}

/// One document of a set, the first record of its ordinal standing for it.
struct Document {
    debt: Debt,
    ordinal: i64,
    set_size: u32,
    routes: String,
}

/// Owes the documents of a job, and finishes the job, once its set is complete.
///
/// A document sealed twice has the same UID and bytes: it counts once, and repeats nothing.
pub(super) fn settle(tables: &Connection, job: i64) -> rusqlite::Result<()> {
    let mut set = BTreeMap::new();
    for document in documents(tables, job)? {
        set.entry(document.ordinal).or_insert(document);
    }
    let size = set.values().map(|document| document.set_size).max();
    if size.and_then(|size| usize::try_from(size).ok()) != Some(set.len()) {
        return Ok(());
    }
    for document in set.values() {
        let routes: Vec<String> = from_json(&document.routes)?;
        let debt = &document.debt;
        let ordinal = (job, document.ordinal);
        routes.iter().try_for_each(|name| owe_once(tables, debt, ordinal, name))?;
    }
    tables
        .prepare_cached(
            "UPDATE jobs SET state = CASE WHEN refusal IS NULL THEN 'done' ELSE 'refused' END
             WHERE number = ?1 AND state IN ('decided', 'running', 'quarantined')",
        )?
        .execute([job])?;
    Ok(())
}

fn documents(tables: &Connection, job: i64) -> rusqlite::Result<Vec<Document>> {
    tables
        .prepare_cached(
            "SELECT row, study, instance_key, urgency, arrival, ordinal, set_size, routes,
                 written_boot, written_monotonic, written_wall, written_offset, written_synced
             FROM results WHERE job = ?1 ORDER BY ordinal, arrival, number",
        )?
        .query_map([job], |row| {
            let since: Stamp = column::read_stamp(row, 8)?;
            Ok(Document {
                debt: Debt {
                    thing: Thing::Result(row.get(0)?),
                    study: row.get(1).map(StudyRow)?,
                    instance_key: column::read_digest(row, 2)?,
                    urgency: row.get(3)?,
                    order_no: row.get(4)?,
                    since,
                },
                ordinal: row.get(5)?,
                set_size: row.get(6)?,
                routes: row.get(7)?,
            })
        })?
        .collect()
}
