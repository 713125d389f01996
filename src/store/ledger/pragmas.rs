//! How SQLite must behave, set and then read back: a pragma that does not take says nothing.

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::types::Value;

use super::{LedgerError, during};

/// What kind of connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The one writer, on a file.
    Writer,
    /// The one writer, in memory: for the simulator.
    Memory,
    /// An observer.
    Reader,
}

/// A pragma, what to set, and what must be read back.
struct Rule {
    name: &'static str,
    value: Expected,
}

enum Expected {
    Number(i64),
    Word(&'static str),
}

/// Bytes of the log that stay after a checkpoint; `wal_autocheckpoint` keeps it near this too.
const LOG_BYTES: i64 = 4 << 20;

fn rules(kind: Kind) -> Vec<Rule> {
    let number = |name, value| Rule { name, value: Expected::Number(value) };
    let word = |name, value| Rule { name, value: Expected::Word(value) };
    let mut rules = vec![
        number("busy_timeout", 5000),
        number("trusted_schema", 0),
        number("cell_size_check", 1),
        number("foreign_keys", 1),
        // In memory, so that no sort leaves a file behind.
        number("temp_store", 2),
    ];
    match kind {
        Kind::Writer => rules.extend([
            word("journal_mode", "wal"),
            // 2 is FULL: NORMAL lost every acknowledged row at a power cut when it was measured.
            number("synchronous", 2),
            // What is erased is overwritten with zeros.
            number("secure_delete", 1),
            number("journal_size_limit", LOG_BYTES),
            number("wal_autocheckpoint", LOG_BYTES / 4096),
        ]),
        Kind::Memory => rules.extend([
            word("journal_mode", "memory"),
            number("synchronous", 2),
            number("secure_delete", 1),
        ]),
        Kind::Reader => rules.extend([word("journal_mode", "wal"), number("query_only", 1)]),
    }
    rules
}

/// Sets every pragma of `kind` and reads each back.
///
/// # Errors
///
/// [`LedgerError::Pragma`] names the first that did not take.
pub(super) fn set(connection: &Connection, kind: Kind) -> Result<(), LedgerError> {
    for rule in rules(kind) {
        // An observer can only find the journal's mode, not choose it.
        if kind == Kind::Reader && rule.name == "journal_mode" {
            continue;
        }
        let value: &dyn rusqlite::ToSql = match &rule.value {
            Expected::Number(number) => number,
            Expected::Word(word) => word,
        };
        connection.pragma_update(None, rule.name, value).map_err(during("set a pragma"))?;
    }
    for option in [DbConfig::SQLITE_DBCONFIG_DQS_DML, DbConfig::SQLITE_DBCONFIG_DQS_DDL] {
        // Off: a misspelt column is an error and not a text.
        connection.set_db_config(option, false).map_err(during("set an option"))?;
    }
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)
        .map_err(during("set an option"))?;
    verify(connection, kind)
}

/// Reads every pragma of `kind` back.
///
/// # Errors
///
/// As [`set`].
pub(super) fn verify(connection: &Connection, kind: Kind) -> Result<(), LedgerError> {
    for rule in rules(kind) {
        let found = connection
            .pragma_query_value(None, rule.name, |row| row.get::<_, Value>(0))
            .map_err(during("read a pragma back"))?;
        let expected = match rule.value {
            Expected::Number(number) => Value::Integer(number),
            Expected::Word(word) => Value::Text(word.to_owned()),
        };
        if found != expected {
            return Err(LedgerError::Pragma { name: rule.name, found });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pragma_that_did_not_take_is_found_whichever_it_is() {
        let connection = Connection::open_in_memory().unwrap();
        assert!(
            matches!(verify(&connection, Kind::Memory), Err(LedgerError::Pragma { .. })),
            "a plain connection must not pass"
        );
        set(&connection, Kind::Memory).unwrap();
        for rule in rules(Kind::Memory) {
            let Expected::Number(good) = rule.value else {
                continue;
            };
            let bad = i64::from(good == 0);
            connection.pragma_update(None, rule.name, bad).unwrap();
            let error = verify(&connection, Kind::Memory).unwrap_err();
            assert!(
                matches!(error, LedgerError::Pragma { name, .. } if name == rule.name),
                "{} was not found: {error}",
                rule.name
            );
            connection.pragma_update(None, rule.name, good).unwrap();
        }
        verify(&connection, Kind::Memory).unwrap();
    }

    #[test]
    fn a_ledger_in_memory_is_not_taken_for_one_that_survives() {
        let connection = Connection::open_in_memory().unwrap();
        let error = set(&connection, Kind::Writer).unwrap_err();
        assert!(matches!(error, LedgerError::Pragma { name: "journal_mode", .. }), "{error}");
    }
}
