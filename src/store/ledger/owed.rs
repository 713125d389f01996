//! What is owed, in the order in which it should go.

use std::collections::{BTreeSet, VecDeque};

use rusqlite::{OptionalExtension, Row, params};

use super::deliveries::{Known, Owed, OwedCount, Thing};
use super::objects::ObjectSecret;
use super::results::ResultSecret;
use super::seal::{ColumnSeal, open_json};
use super::{LedgerError, View, column, during};
use crate::base::digest::Digest;
use crate::base::ids::{DeliveryRow, ObjectRow, StudyRow};
use crate::base::uid::Uid;

/// One turn in this many goes to what waits longest, whatever its class: nothing starves.
const FAIR_TURN: u64 = 8;

const OWED: &str = "
    SELECT d.row, d.object, d.result, d.study, d.urgency, d.attempts,
        r.number, r.slab, r.generation, r.offset,
        coalesce(o.sop_class, t.sop_class), coalesce(o.transfer_syntax, t.transfer_syntax),
        coalesce(o.length, t.length), coalesce(o.sealed, t.sealed), s.key, d.order_no
    FROM deliveries d
    LEFT JOIN objects o ON o.row = d.object
    LEFT JOIN results t ON t.row = d.result
    JOIN records r ON r.number = coalesce(o.number, t.number)
    JOIN studies s ON s.row = d.study
    WHERE d.destination = ?1 AND d.state = 'queued' AND NOT EXISTS (
        SELECT 1 FROM deliveries e
        WHERE e.instance_key = d.instance_key AND e.destination = d.destination
            AND e.order_no < d.order_no AND d.urgency < e.urgency
            AND e.state IN ('queued', 'sent'))";

/// A row of [`OWED`] before its sealed column is opened.
struct Raw {
    owed: Owed,
    sealed: Vec<u8>,
    key: Digest,
}

impl View<'_> {
    /// Lists what waits to be sent to `destination`, at most `limit`, in sending order.
    ///
    /// Urgent before the rest, then results before bulk, then by arrival, so that the slices of
    /// a study go as they came; but every eighth attempt goes to what waits longest. A version
    /// stands behind the earlier ones under its SOP Instance UID; where it is more urgent than
    /// one of them it is not listed before that one went. Empty for a destination that the
    /// settings do not name.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read or a sealed column does not open.
    pub fn owed(
        self,
        destination: &str,
        limit: usize,
        seal: &dyn ColumnSeal,
    ) -> Result<Vec<Owed>, LedgerError> {
        let found = self
            .tables
            .prepare_cached("SELECT row, turns FROM destinations WHERE name = ?1 AND known = 1")
            .and_then(|mut query| {
                query
                    .query_row([destination], |row| Ok((row.get(0)?, column::read_u64(row, 1)?)))
                    .optional()
            })
            .map_err(during("find a destination"))?;
        let Some((row, turns)) = found else {
            return Ok(Vec::new());
        };
        let by_class = self.sorted(row, "d.urgency, d.class, d.order_no, d.row", limit)?;
        let by_age = if (turns..).take(limit).any(is_fair) {
            // As many: it may meet only such as the classes have had already.
            self.sorted(row, "d.order_no, d.row", limit)?
        } else {
            Vec::new()
        };
        weave(by_class.into(), by_age.into(), turns, limit)
            .into_iter()
            .map(|raw| open(raw, seal))
            .collect()
    }

    fn sorted(self, row: i64, order: &str, limit: usize) -> Result<Vec<Raw>, LedgerError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.tables
            .prepare_cached(&format!("{OWED} ORDER BY {order} LIMIT ?2"))
            .and_then(|mut query| query.query_map(params![row, limit], read)?.collect())
            .map_err(during("list deliveries"))
    }

    /// Returns for each destination how much is owed, parked and done, by name.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read.
    pub fn owed_counts(self) -> Result<Vec<OwedCount>, LedgerError> {
        self.tables
            .prepare_cached(
                "SELECT name, known,
                     (SELECT count(*) FROM deliveries d WHERE d.destination = p.row
                         AND d.state IN ('queued', 'sent')),
                     (SELECT count(*) FROM deliveries d WHERE d.destination = p.row
                         AND d.state = 'parked'),
                     (SELECT count(*) FROM deliveries d WHERE d.destination = p.row
                         AND d.state IN ('accepted', 'committed')),
                     o.owed_boot, o.owed_monotonic, o.owed_wall, o.owed_offset, o.owed_synced
                 FROM destinations p
                 LEFT JOIN deliveries o ON o.row = (
                     SELECT d.row FROM deliveries d WHERE d.destination = p.row
                         AND d.state IN ('queued', 'sent') ORDER BY d.order_no LIMIT 1)
                 ORDER BY name",
            )
            .and_then(|mut query| query.query_map([], read_count)?.collect())
            .map_err(during("count deliveries"))
    }
}

fn is_fair(turn: u64) -> bool {
    turn % FAIR_TURN == FAIR_TURN - 1
}

/// Takes from `by_class`, and on every fair turn from `by_age`, none twice.
fn weave(
    mut by_class: VecDeque<Raw>,
    mut by_age: VecDeque<Raw>,
    turns: u64,
    limit: usize,
) -> Vec<Raw> {
    let mut taken = BTreeSet::new();
    let mut woven = Vec::new();
    for turn in (turns..).take(limit) {
        let from = if is_fair(turn) { &mut by_age } else { &mut by_class };
        let next =
            std::iter::from_fn(|| from.pop_front()).find(|raw| !taken.contains(&raw.owed.delivery));
        let Some(raw) = next else {
            break;
        };
        taken.insert(raw.owed.delivery);
        woven.push(raw);
    }
    woven
}

fn read(row: &Row<'_>) -> rusqlite::Result<Raw> {
    let object: Option<i64> = row.get(1)?;
    let result: Option<i64> = row.get(2)?;
    let sop_class: Option<String> = row.get(10)?;
    Ok(Raw {
        owed: Owed {
            delivery: DeliveryRow(row.get(0)?),
            thing: match object {
                Some(object) => Thing::Object(ObjectRow(object)),
                None => Thing::Result(result.unwrap_or(0)),
            },
            study: StudyRow(row.get(3)?),
            urgency: column::read_urgency(row, 4)?,
            attempts: row.get(5)?,
            number: column::read_number(row, 6)?,
            location: column::read_location(row, 7)?,
            sop_class: sop_class.map(|text| column::parse_uid(&text)).transpose()?,
            transfer_syntax: column::read_uid(row, 11)?,
            length: column::read_u64(row, 12)?,
            arrival: column::read_arrival(row, 15)?,
            // Filled in when the sealed column is opened.
            sop_instance: Uid::from_hash([0; 16]),
            digest: Digest([0; 32]),
        },
        sealed: row.get(13)?,
        key: column::read_digest(row, 14)?,
    })
}

fn open(raw: Raw, seal: &dyn ColumnSeal) -> Result<Owed, LedgerError> {
    let mut owed = raw.owed;
    match owed.thing {
        Thing::Object(_) => {
            let secret: ObjectSecret = open_json(seal, &raw.key, &raw.sealed)?;
            owed.sop_instance = secret.identity.sop_instance;
            owed.digest = secret.digest;
        }
        Thing::Result(_) => {
            let secret: ResultSecret = open_json(seal, &raw.key, &raw.sealed)?;
            owed.sop_instance = secret.sop_instance;
            owed.digest = secret.digest;
        }
    }
    Ok(owed)
}

fn read_count(row: &Row<'_>) -> rusqlite::Result<OwedCount> {
    Ok(OwedCount {
        destination: row.get(0)?,
        known: if row.get::<_, i64>(1)? == 0 { Known::No } else { Known::Yes },
        owed: column::read_u64(row, 2)?,
        parked: column::read_u64(row, 3)?,
        done: column::read_u64(row, 4)?,
        oldest: column::read_stamp_or_none(row, 5)?,
    })
}
