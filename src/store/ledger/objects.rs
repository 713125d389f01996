//! Instances as received: copies that count as one, and versions under one UID.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::apply::Rows;
use super::deliveries::{Debt, owe};
use super::seal::{NO_SERIES, from_json, seal_json, study_label, to_json};
use super::{Thing, column};
use crate::base::digest::Digest;
use crate::base::ids::{ObjectRow, StudyRow};
use crate::base::plant::planted;
use crate::base::time::Stamp;
use crate::dicom::header::{Identity, SliceFacts};
use crate::store::record::{AgainRecord, ObjectRecord, Sealed};

/// What of an instance is sealed in its row: all that follows from its bytes.
///
/// Copies of one instance differ in who sent them when, which stands with the copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ObjectSecret {
    pub(super) identity: Identity,
    pub(super) facts: SliceFacts,
    pub(super) digest: Digest,
    #[serde(default)]
    pub(super) oddities: Vec<String>,
}

/// Takes an `object` record in.
pub(super) fn take(
    rows: &Rows<'_>,
    sealed: &Sealed,
    record: &ObjectRecord,
) -> rusqlite::Result<StudyRow> {
    let study = rows.study(&study_label(record))?;
    let object = find_or_insert(rows, sealed, record, study)?;
    let number = column::number(sealed.number);
    rows.assign(number, study.0)?;
    let [boot, monotonic, wall, offset, synced] = column::stamp(&record.received);
    rows.tables
        .prepare_cached(
            "INSERT INTO copies (number, object, of_record, kind, arrival, calling, called, peer,
                 urgency, unreadable, routes, config, received_boot, received_monotonic,
                 received_wall, received_offset, received_synced)
             VALUES (?1, ?2, ?1, 'object', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,
                 ?15)",
        )?
        .execute(params![
            number,
            object.0,
            column::arrival(sealed.arrival),
            record.calling.as_str(),
            record.called.as_str(),
            record.peer,
            column::urgency(record.urgency),
            record.unreadable,
            to_json(&record.routes)?,
            record.config.0,
            boot,
            monotonic,
            wall,
            offset,
            synced
        ])?;
    refresh(rows.tables, object)?;
    number_versions(rows.tables, object)?;
    owe_copy(rows.tables, object, number)?;
    take_waiting(rows, object, number)?;
    Ok(study.0)
}

/// Takes an `again` record in; `None` while the record that it repeats is not here yet.
pub(super) fn take_again(
    rows: &Rows<'_>,
    sealed: &Sealed,
    record: &AgainRecord,
) -> rusqlite::Result<Option<StudyRow>> {
    let number = column::number(sealed.number);
    let [boot, monotonic, wall, offset, synced] = column::stamp(&record.received);
    rows.tables
        .prepare_cached(
            "INSERT INTO copies (number, of_record, kind, arrival, calling, peer, routes,
                 received_boot, received_monotonic, received_wall, received_offset,
                 received_synced)
             VALUES (?1, ?2, 'again', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            number,
            column::number(record.of),
            column::arrival(sealed.arrival),
            record.calling.as_str(),
            record.peer,
            to_json(&record.routes)?,
            boot,
            monotonic,
            wall,
            offset,
            synced
        ])?;
    let object: Option<i64> = rows
        .tables
        .prepare_cached(
            "SELECT c.object FROM copies c JOIN objects o ON o.row = c.object
             WHERE c.number = ?1 AND c.kind = 'object' AND o.erased = 0",
        )?
        .query_row([column::number(record.of)], |row| row.get(0))
        .optional()?
        .flatten();
    object.map(|object| join(rows, ObjectRow(object), number)).transpose()
}

/// Joins the `again` records to the object that came behind them.
fn take_waiting(rows: &Rows<'_>, object: ObjectRow, of: i64) -> rusqlite::Result<()> {
    let waiting = rows
        .tables
        .prepare_cached(
            "SELECT number FROM copies WHERE of_record = ?1 AND object IS NULL
             ORDER BY arrival, number",
        )?
        .query_map([of], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    waiting.into_iter().try_for_each(|number| join(rows, object, number).map(|_| ()))
}

fn join(rows: &Rows<'_>, object: ObjectRow, number: i64) -> rusqlite::Result<StudyRow> {
    rows.tables
        .prepare_cached("UPDATE copies SET object = ?2 WHERE number = ?1")?
        .execute([number, object.0])?;
    let study = rows
        .tables
        .prepare_cached("SELECT study FROM objects WHERE row = ?1")?
        .query_row([object.0], |row| row.get(0).map(StudyRow))?;
    rows.assign(number, study)?;
    owe_copy(rows.tables, object, number)?;
    Ok(study)
}

fn find_or_insert(
    rows: &Rows<'_>,
    sealed: &Sealed,
    record: &ObjectRecord,
    study: (StudyRow, Digest),
) -> rusqlite::Result<ObjectRow> {
    let identity = &record.identity;
    let instance = rows.seal.look_up(identity.sop_instance.as_str().as_bytes());
    // Same means the same transfer syntax and the same bytes.
    let syntax = record.transfer_syntax.as_str();
    let mut same = [syntax.as_bytes(), b" ", &record.digest.0].concat();
    if planted!(DuplicateAsNew) {
        same.extend(sealed.arrival.0.to_le_bytes());
    }
    let content = rows.seal.look_up(&same);
    let found = rows
        .tables
        .prepare_cached(
            "SELECT row FROM objects
             WHERE instance_key = ?1 AND content_key = ?2 AND erased = 0",
        )?
        .query_row([instance.0, content.0], |row| row.get(0))
        .optional()?;
    if let Some(row) = found {
        return Ok(ObjectRow(row));
    }
    let label = identity.series.as_ref().map_or(NO_SERIES, |uid| uid.as_str());
    let series = rows.series(study, label)?;
    let secret = ObjectSecret {
        identity: identity.clone(),
        facts: record.facts.clone(),
        digest: record.digest,
        oddities: record.oddities.clone(),
    };
    rows.tables
        .prepare_cached(
            "INSERT INTO objects (study, series, instance_key, content_key, sop_class, modality,
                 transfer_syntax, length, sealed, number, arrival, urgency)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            study.0.0,
            series,
            instance.0,
            content.0,
            identity.sop_class.as_str(),
            identity.modality,
            syntax,
            record.length.cast_signed(),
            seal_json(rows.seal, &study.1, &secret)?,
            column::number(sealed.number),
            column::arrival(sealed.arrival),
            column::urgency(record.urgency)
        ])?;
    Ok(ObjectRow(rows.tables.last_insert_rowid()))
}

/// Makes what an object's row says of its copies true again: its first copy stands for it, its
/// most urgent one says how urgent.
pub(super) fn refresh(tables: &Connection, object: ObjectRow) -> rusqlite::Result<()> {
    tables
        .prepare_cached(
            "UPDATE objects SET
                 (number, arrival, unreadable) = (
                     SELECT number, arrival, unreadable FROM copies
                     WHERE object = ?1 AND kind = 'object' ORDER BY arrival, number LIMIT 1),
                 urgency = (SELECT min(urgency) FROM copies WHERE object = ?1)
             WHERE row = ?1",
        )?
        .execute([object.0])?;
    tables
        .prepare_cached(
            "UPDATE deliveries SET urgency = (SELECT urgency FROM objects WHERE row = ?1)
             WHERE object = ?1",
        )?
        .execute([object.0])?;
    Ok(())
}

/// Numbers the versions under `object`'s SOP Instance UID by arrival, from 0.
pub(super) fn number_versions(tables: &Connection, object: ObjectRow) -> rusqlite::Result<()> {
    let versions = tables
        .prepare_cached(
            "SELECT row, version FROM objects
             WHERE instance_key = (SELECT instance_key FROM objects WHERE row = ?1)
                 AND erased = 0
             ORDER BY arrival, number",
        )?
        .query_map([object.0], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(i64, i64)>>>()?;
    for (version, (row, was)) in (0_i64..).zip(versions) {
        if version != was {
            tables
                .prepare_cached("UPDATE objects SET version = ?2 WHERE row = ?1")?
                .execute([row, version])?;
        }
    }
    Ok(())
}

/// Owes an object to the routes of one of its copies.
fn owe_copy(tables: &Connection, object: ObjectRow, number: i64) -> rusqlite::Result<()> {
    let (study, instance_key, urgency) = tables
        .prepare_cached("SELECT study, instance_key, urgency FROM objects WHERE row = ?1")?
        .query_row([object.0], |row| {
            Ok((row.get(0).map(StudyRow)?, column::read_digest(row, 1)?, row.get(2)?))
        })?;
    let (order_no, routes, since) = tables
        .prepare_cached(
            "SELECT arrival, routes, received_boot, received_monotonic, received_wall,
                 received_offset, received_synced FROM copies WHERE number = ?1",
        )?
        .query_row([number], |row| {
            let routes: String = row.get(1)?;
            let since: Stamp = column::read_stamp(row, 2)?;
            Ok((row.get(0)?, routes, since))
        })?;
    let debt = Debt { thing: Thing::Object(object), study, instance_key, urgency, order_no, since };
    let routes: Vec<String> = from_json(&routes)?;
    routes.iter().try_for_each(|name| owe(tables, &debt, name))
}
