//! How values of ours stand in columns, and back.

use rusqlite::Row;
use rusqlite::types::Type;

use crate::base::digest::Digest;
use crate::base::ids::{Arrival, RecordNumber};
use crate::base::time::{Instant, Stamp, WallTime};
use crate::base::uid::Uid;
use crate::store::record::{Location, Urgency};

/// A stamp as its five columns, in the order of the schema.
pub(super) fn stamp(at: &Stamp) -> [i64; 5] {
    [
        at.boot.cast_signed(),
        at.monotonic.as_nanos().cast_signed(),
        at.wall.0,
        i64::from(at.utc_offset_s),
        i64::from(at.synced),
    ]
}

/// Reads the five columns of a stamp from `first` on.
pub(super) fn read_stamp(row: &Row<'_>, first: usize) -> rusqlite::Result<Stamp> {
    Ok(Stamp {
        boot: row.get::<_, i64>(first)?.cast_unsigned(),
        monotonic: Instant::from_nanos(row.get::<_, i64>(first + 1)?.cast_unsigned()),
        wall: WallTime(row.get(first + 2)?),
        utc_offset_s: row.get(first + 3)?,
        synced: row.get::<_, i64>(first + 4)? != 0,
    })
}

/// As [`read_stamp`]; `None` where the first column is null.
pub(super) fn read_stamp_or_none(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Stamp>> {
    match row.get::<_, Option<i64>>(first)? {
        Some(_) => read_stamp(row, first).map(Some),
        None => Ok(None),
    }
}

pub(super) fn number(number: RecordNumber) -> i64 {
    number.to_u64().cast_signed()
}

pub(super) fn read_number(row: &Row<'_>, at: usize) -> rusqlite::Result<RecordNumber> {
    Ok(RecordNumber::from_u64(row.get::<_, i64>(at)?.cast_unsigned()))
}

pub(super) fn arrival(arrival: Arrival) -> i64 {
    arrival.0.cast_signed()
}

pub(super) fn read_arrival(row: &Row<'_>, at: usize) -> rusqlite::Result<Arrival> {
    Ok(Arrival(row.get::<_, i64>(at)?.cast_unsigned()))
}

pub(super) fn read_u64(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(at)?.cast_unsigned())
}

/// Reads slab, generation and offset from `first` on.
pub(super) fn read_location(row: &Row<'_>, first: usize) -> rusqlite::Result<Location> {
    Ok(Location {
        slab: row.get(first)?,
        generation: row.get(first + 1)?,
        offset: read_u64(row, first + 2)?,
    })
}

pub(super) fn read_digest(row: &Row<'_>, at: usize) -> rusqlite::Result<Digest> {
    row.get(at).map(Digest)
}

pub(super) fn urgency(urgency: Urgency) -> i64 {
    match urgency {
        Urgency::High => 0,
        Urgency::Normal => 1,
        Urgency::Low => 2,
    }
}

pub(super) fn read_urgency(row: &Row<'_>, at: usize) -> rusqlite::Result<Urgency> {
    Ok(match row.get::<_, i64>(at)? {
        0 => Urgency::High,
        1 => Urgency::Normal,
        _ => Urgency::Low,
    })
}

pub(super) fn read_uid(row: &Row<'_>, at: usize) -> rusqlite::Result<Uid> {
    parse_uid(&row.get::<_, String>(at)?)
}

pub(super) fn parse_uid(text: &str) -> rusqlite::Result<Uid> {
    Uid::parse(text.as_bytes()).map_err(|source| {
        rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(source))
    })
}
