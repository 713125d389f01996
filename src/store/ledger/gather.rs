//! Studies while they come in, and their instances for the planning of readings.

use rusqlite::{OptionalExtension, Row};

use super::objects::ObjectSecret;
use super::seal::{ColumnSeal, open_json, open_text};
use super::{LedgerError, View, column, during};
use crate::base::digest::Digest;
use crate::base::ids::{Arrival, ObjectRow, RecordNumber, SeriesRow, StudyRow};
use crate::base::phi::Phi;
use crate::base::time::Stamp;
use crate::base::uid::Uid;
use crate::dicom::header::{Identity, SliceFacts};
use crate::store::record::{Location, Urgency};

/// A study with instances that it was not yet called whole with: all that re-arms its timers.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenStudy {
    /// The study.
    pub study: StudyRow,
    /// Its label: the Study Instance UID where it has one (see [`super::study_label`]).
    pub label: Phi<String>,
    /// Look-up key of the label.
    pub key: Digest,
    /// Instances, each version counted.
    pub objects: u64,
    /// When the first instance was complete.
    pub first: Stamp,
    /// When the newest instance was complete. Copies of one that was here do not count.
    pub last: Stamp,
    /// The newest instance's place in the order of arrival: what [`Ledger::set_whole`] takes.
    pub last_arrival: Arrival,
    /// Up to where it was whole before, if late instances opened it again.
    pub whole_before: Option<Arrival>,
    /// Its series, in order of their rows.
    pub series: Vec<OpenSeries>,
    /// Callers that released their association after sending parts of it, latest time each.
    pub releases: Vec<Release>,
    /// How often it killed a worker.
    pub deaths: u32,
    /// Whether it may be read.
    pub standing: Quarantine,
}

/// A series of a study that is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSeries {
    /// The series.
    pub series: SeriesRow,
    /// Its newest instance's place in the order of arrival.
    pub last_arrival: Arrival,
}

/// Whether a study may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quarantine {
    /// It may.
    No,
    /// It killed its worker too often: it is forwarded, never read.
    Yes,
}

/// The end of an association that brought parts of a study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Who.
    pub caller: String,
    /// When.
    pub at: Stamp,
}

/// Which of the versions under one SOP Instance UID an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The newest, mostly the only one.
    Latest,
    /// Another one came later.
    Replaced,
}

/// A kept instance.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptObject {
    /// Its row.
    pub object: ObjectRow,
    /// The record that holds the bytes.
    pub number: RecordNumber,
    /// Its place in the order of arrival.
    pub arrival: Arrival,
    /// Where the record stands.
    pub location: Location,
    /// Transfer syntax of the data set.
    pub transfer_syntax: Uid,
    /// Bytes of the data set.
    pub length: u64,
    /// How urgent.
    pub urgency: Urgency,
    /// Why no decoder may see it.
    pub unreadable: Option<String>,
    /// Counts up from 0 under one SOP Instance UID; above 0 the identity changed.
    pub version: u32,
    /// Whether it is the newest version.
    pub standing: Standing,
    /// Who sent it first.
    pub calling: String,
    /// When its first copy was complete.
    pub received: Stamp,
    /// Who and what it is.
    pub identity: Identity,
    /// Geometry and encoding of its pixels.
    pub facts: SliceFacts,
    /// BLAKE3 of the data set.
    pub digest: Digest,
    /// Oddities that are kept and shown.
    pub oddities: Vec<String>,
}

/// The instances of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesObjects {
    /// Its row.
    pub row: SeriesRow,
    /// Series Instance UID; `None` for the instances that have none.
    pub series: Option<Uid>,
    /// In order of arrival, every version.
    pub objects: Vec<KeptObject>,
}

const OPEN: &str = "
    SELECT s.row, s.key, s.uid, s.whole_arrival, s.deaths, s.quarantined,
        (SELECT count(*) FROM objects o WHERE o.study = s.row), n.arrival,
        f.received_boot, f.received_monotonic, f.received_wall, f.received_offset,
        f.received_synced,
        l.received_boot, l.received_monotonic, l.received_wall, l.received_offset,
        l.received_synced
    FROM studies s
    JOIN objects n ON n.row = (SELECT row FROM objects o WHERE o.study = s.row
        ORDER BY arrival DESC, number DESC LIMIT 1)
    JOIN copies l ON l.number = n.number
    JOIN copies f ON f.number = (SELECT number FROM objects o WHERE o.study = s.row
        ORDER BY arrival, number LIMIT 1)
    WHERE s.erased = 0 AND coalesce(s.whole_arrival, -1) < n.arrival
    ORDER BY s.row";

const KEPT: &str = "
    SELECT o.row, o.number, o.arrival, r.slab, r.generation, r.offset, o.transfer_syntax,
        o.length, o.urgency, o.unreadable, o.version, o.sealed, s.key, o.series,
        EXISTS (SELECT 1 FROM objects n WHERE n.instance_key = o.instance_key
            AND n.erased = 0 AND o.version < n.version),
        c.calling, c.received_boot, c.received_monotonic, c.received_wall, c.received_offset,
        c.received_synced
    FROM objects o
    JOIN studies s ON s.row = o.study
    JOIN records r ON r.number = o.number
    JOIN copies c ON c.number = o.number
    WHERE o.erased = 0 AND";

/// A row of [`KEPT`] before its sealed column is opened.
struct Raw {
    object: ObjectRow,
    number: RecordNumber,
    arrival: Arrival,
    location: Location,
    transfer_syntax: Uid,
    length: u64,
    urgency: Urgency,
    unreadable: Option<String>,
    version: u32,
    standing: Standing,
    calling: String,
    received: Stamp,
    sealed: Vec<u8>,
    key: Digest,
    series: i64,
}

impl View<'_> {
    /// Lists the studies that are not whole, oldest row first.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read or a sealed column does not open.
    pub fn open_studies(self, seal: &dyn ColumnSeal) -> Result<Vec<OpenStudy>, LedgerError> {
        let found: Vec<(OpenStudy, Vec<u8>)> = self
            .tables
            .prepare_cached(OPEN)
            .and_then(|mut query| query.query_map([], read_open)?.collect())
            .map_err(during("list open studies"))?;
        found
            .into_iter()
            .map(|(mut open, uid)| {
                let label = open_text(seal, &open.key, &uid).ok_or(LedgerError::Unopened)?;
                open.label = Phi::new(label);
                open.series = self.open_series(open.study)?;
                open.releases = self.releases(open.study)?;
                Ok(open)
            })
            .collect()
    }

    fn open_series(self, study: StudyRow) -> Result<Vec<OpenSeries>, LedgerError> {
        let read = |row: &Row<'_>| {
            let last_arrival = column::read_arrival(row, 1)?;
            Ok(OpenSeries { series: SeriesRow(row.get(0)?), last_arrival })
        };
        self.tables
            .prepare_cached(
                "SELECT series, max(arrival) FROM objects WHERE study = ?1 AND erased = 0
                 GROUP BY series ORDER BY series",
            )
            .and_then(|mut query| query.query_map([study.0], read)?.collect())
            .map_err(during("list series"))
    }

    fn releases(self, study: StudyRow) -> Result<Vec<Release>, LedgerError> {
        self.tables
            .prepare_cached(
                "SELECT caller, at_boot, at_monotonic, at_wall, at_offset, at_synced
                 FROM releases WHERE study = ?1 ORDER BY caller",
            )
            .and_then(|mut query| {
                let read = |row: &Row<'_>| {
                    Ok(Release { caller: row.get(0)?, at: column::read_stamp(row, 1)? })
                };
                query.query_map([study.0], read)?.collect()
            })
            .map_err(during("list releases"))
    }

    /// Finds the row of the study with this UID; `None` where there is none, or it was erased.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read.
    pub fn study(self, uid: &Uid, seal: &dyn ColumnSeal) -> Result<Option<StudyRow>, LedgerError> {
        self.labelled(uid.as_str(), seal)
    }

    /// Finds the row of the study with this label (see [`super::study_label`]).
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read.
    pub fn labelled(
        self,
        label: &str,
        seal: &dyn ColumnSeal,
    ) -> Result<Option<StudyRow>, LedgerError> {
        let key = seal.look_up(label.as_bytes());
        self.tables
            .prepare_cached("SELECT row FROM studies WHERE key = ?1 AND erased = 0")
            .and_then(|mut query| {
                query.query_row([key.0], |row| row.get(0).map(StudyRow)).optional()
            })
            .map_err(during("find a study"))
    }

    /// Lists a study's instances by series, the series in order of their first instance.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read or a sealed column does not open.
    pub fn series_objects(
        self,
        study: StudyRow,
        seal: &dyn ColumnSeal,
    ) -> Result<Vec<SeriesObjects>, LedgerError> {
        let raws = self.kept("o.study = ?1 ORDER BY o.arrival, o.number", study.0)?;
        let mut series: Vec<SeriesObjects> = Vec::new();
        for raw in raws {
            let row = SeriesRow(raw.series);
            let object = open(raw, seal)?;
            match series.iter_mut().find(|known| known.row == row) {
                Some(known) => known.objects.push(object),
                None => series.push(SeriesObjects {
                    row,
                    series: object.identity.series.clone(),
                    objects: vec![object],
                }),
            }
        }
        Ok(series)
    }

    /// Finds the instance whose bytes `number` holds; `None` where there is none any more.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read or the sealed column does not open.
    pub fn object_of_record(
        self,
        number: RecordNumber,
        seal: &dyn ColumnSeal,
    ) -> Result<Option<KeptObject>, LedgerError> {
        let of = "o.row = (SELECT object FROM copies WHERE number = ?1 AND kind = 'object')";
        let raw = self.kept(of, column::number(number))?.pop();
        raw.map(|raw| open(raw, seal)).transpose()
    }

    /// Finds the instances under a SOP Instance UID, oldest version first: whether the same or
    /// another one of that name is here.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read or a sealed column does not open.
    pub fn versions(
        self,
        sop_instance: &Uid,
        seal: &dyn ColumnSeal,
    ) -> Result<Vec<KeptObject>, LedgerError> {
        let key = seal.look_up(sop_instance.as_str().as_bytes());
        self.kept("o.instance_key = ?1 ORDER BY o.version", key.0)?
            .into_iter()
            .map(|raw| open(raw, seal))
            .collect()
    }

    fn kept(self, of: &str, value: impl rusqlite::ToSql) -> Result<Vec<Raw>, LedgerError> {
        self.tables
            .prepare_cached(&format!("{KEPT} {of}"))
            .and_then(|mut query| query.query_map([value], read_kept)?.collect())
            .map_err(during("list instances"))
    }
}

fn read_open(row: &Row<'_>) -> rusqlite::Result<(OpenStudy, Vec<u8>)> {
    let whole: Option<i64> = row.get(3)?;
    let open = OpenStudy {
        study: StudyRow(row.get(0)?),
        label: Phi::default(),
        key: column::read_digest(row, 1)?,
        objects: column::read_u64(row, 6)?,
        first: column::read_stamp(row, 8)?,
        last: column::read_stamp(row, 13)?,
        last_arrival: column::read_arrival(row, 7)?,
        series: Vec::new(),
        whole_before: whole.map(|arrival| Arrival(arrival.cast_unsigned())),
        releases: Vec::new(),
        deaths: row.get(4)?,
        standing: read_quarantine(row, 5)?,
    };
    Ok((open, row.get(2)?))
}

pub(super) fn read_quarantine(row: &Row<'_>, at: usize) -> rusqlite::Result<Quarantine> {
    Ok(if row.get::<_, i64>(at)? == 0 { Quarantine::No } else { Quarantine::Yes })
}

fn read_kept(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw {
        object: ObjectRow(row.get(0)?),
        number: column::read_number(row, 1)?,
        arrival: column::read_arrival(row, 2)?,
        location: column::read_location(row, 3)?,
        transfer_syntax: column::read_uid(row, 6)?,
        length: column::read_u64(row, 7)?,
        urgency: column::read_urgency(row, 8)?,
        unreadable: row.get(9)?,
        version: row.get(10)?,
        sealed: row.get(11)?,
        key: column::read_digest(row, 12)?,
        series: row.get(13)?,
        standing: if row.get::<_, i64>(14)? == 0 { Standing::Latest } else { Standing::Replaced },
        calling: row.get(15)?,
        received: column::read_stamp(row, 16)?,
    })
}

fn open(raw: Raw, seal: &dyn ColumnSeal) -> Result<KeptObject, LedgerError> {
    let secret: ObjectSecret = open_json(seal, &raw.key, &raw.sealed)?;
    Ok(KeptObject {
        object: raw.object,
        number: raw.number,
        arrival: raw.arrival,
        location: raw.location,
        transfer_syntax: raw.transfer_syntax,
        length: raw.length,
        urgency: raw.urgency,
        unreadable: raw.unreadable,
        version: raw.version,
        standing: raw.standing,
        calling: raw.calling,
        received: raw.received,
        identity: secret.identity,
        facts: secret.facts,
        digest: secret.digest,
        oddities: secret.oddities,
    })
}
