//! Installed model packages, and whose studies' results of each may leave.

use rusqlite::{OptionalExtension, Row, params};

use super::{Ledger, LedgerError, View, column, during};
use crate::base::digest::Digest;
use crate::base::time::Stamp;

/// Whether results of a package leave the box for studies of a caller (I4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Posting {
    /// Nothing leaves: the trial that every package starts in.
    #[default]
    Silent,
    /// Results are posted.
    Posted,
}

/// An installed package.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageRow {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its digest.
    pub digest: Digest,
    /// When it was installed first.
    pub installed: Stamp,
}

impl Ledger {
    /// Notes an installed package; one with the same digest is kept as it is.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot commit.
    pub fn note_package(&mut self, package: &PackageRow) -> Result<(), LedgerError> {
        let [boot, monotonic, wall, offset, synced] = column::stamp(&package.installed);
        self.write("note a package", |tables| {
            tables
                .execute(
                    "INSERT INTO packages (name, version, digest, installed_boot,
                         installed_monotonic, installed_wall, installed_offset, installed_synced)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (digest) DO NOTHING",
                    params![
                        package.name,
                        package.version,
                        package.digest.0,
                        boot,
                        monotonic,
                        wall,
                        offset,
                        synced
                    ],
                )
                .map_err(during("note a package"))?;
            Ok(())
        })
    }

    /// Says whether results of a package leave for studies of `caller`.
    ///
    /// # Errors
    ///
    /// [`LedgerError::NoSuch`] for a package that is not installed; fails when SQLite cannot
    /// commit.
    pub fn set_posting(
        &mut self,
        package: &Digest,
        caller: &str,
        posting: Posting,
        at: Stamp,
    ) -> Result<(), LedgerError> {
        let [boot, monotonic, wall, offset, synced] = column::stamp(&at);
        let state = match posting {
            Posting::Silent => "silent",
            Posting::Posted => "posted",
        };
        self.write("note an approval", |tables| {
            let changed = tables
                .execute(
                    "INSERT INTO package_callers (package, caller, state, since_boot,
                         since_monotonic, since_wall, since_offset, since_synced)
                     SELECT row, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM packages WHERE digest = ?1
                     ON CONFLICT (package, caller) DO UPDATE SET state = ?3, since_boot = ?4,
                         since_monotonic = ?5, since_wall = ?6, since_offset = ?7,
                         since_synced = ?8",
                    params![package.0, caller, state, boot, monotonic, wall, offset, synced],
                )
                .map_err(during("note an approval"))?;
            if changed == 0 {
                return Err(LedgerError::NoSuch { what: "package" });
            }
            Ok(())
        })
    }
}

impl View<'_> {
    /// Returns whether results of a package leave for studies of `caller`; silent unless said.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read.
    pub fn posting(self, package: &Digest, caller: &str) -> Result<Posting, LedgerError> {
        let state: Option<String> = self
            .tables
            .prepare_cached(
                "SELECT state FROM package_callers JOIN packages ON packages.row = package
                 WHERE digest = ?1 AND caller = ?2",
            )
            .and_then(|mut query| {
                query.query_row(params![package.0, caller], |row| row.get(0)).optional()
            })
            .map_err(during("look an approval up"))?;
        Ok(match state.as_deref() {
            Some("posted") => Posting::Posted,
            _ => Posting::Silent,
        })
    }

    /// Lists the installed packages, by name and version.
    ///
    /// # Errors
    ///
    /// Fails when SQLite cannot read.
    pub fn packages(self) -> Result<Vec<PackageRow>, LedgerError> {
        let read = |row: &Row<'_>| {
            Ok(PackageRow {
                name: row.get(0)?,
                version: row.get(1)?,
                digest: column::read_digest(row, 2)?,
                installed: column::read_stamp(row, 3)?,
            })
        };
        self.tables
            .prepare_cached(
                "SELECT name, version, digest, installed_boot, installed_monotonic,
                     installed_wall, installed_offset, installed_synced
                 FROM packages ORDER BY name, version, digest",
            )
            .and_then(|mut query| query.query_map([], read)?.collect())
            .map_err(during("list packages"))
    }
}
