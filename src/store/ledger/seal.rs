//! How identifying columns are sealed and found again without being readable.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::LedgerError;
use crate::base::digest::Digest;
use crate::store::record::ObjectRecord;

/// What the vault's keys do for the ledger's columns.
///
/// `study` is always [`ColumnSeal::look_up`] of the study's label (see [`study_label`]), so that
/// whoever implements it finds the study's key slot by the digest alone.
pub trait ColumnSeal {
    /// Seals `plain` under the key of `study`; two calls need not give the same bytes.
    fn seal(&self, study: &Digest, plain: &[u8]) -> Vec<u8>;

    /// Opens what [`ColumnSeal::seal`] made; `None` once the study's key is gone, or where the
    /// bytes were changed.
    fn open(&self, study: &Digest, sealed: &[u8]) -> Option<Vec<u8>>;

    /// Hashes `bytes` with the look-up key: the same bytes give the same digest, for ever.
    fn look_up(&self, bytes: &[u8]) -> Digest;
}

/// Returns what stands for an object's study: its Study Instance UID, or where there is none a
/// text that no UID can be, shared by all such objects of one caller and day.
pub fn study_label(object: &ObjectRecord) -> String {
    match &object.identity.study {
        Some(uid) => uid.as_str().to_owned(),
        None => format!("no study, {}, {}", object.calling, object.received.da()),
    }
}

/// What stands for the series of an object that has no Series Instance UID.
pub(super) const NO_SERIES: &str = "no series";

pub(super) fn seal_json<T: Serialize>(
    seal: &dyn ColumnSeal,
    study: &Digest,
    value: &T,
) -> rusqlite::Result<Vec<u8>> {
    let plain = to_json(value)?;
    Ok(seal.seal(study, plain.as_bytes()))
}

pub(super) fn open_json<T: DeserializeOwned>(
    seal: &dyn ColumnSeal,
    study: &Digest,
    sealed: &[u8],
) -> Result<T, LedgerError> {
    let plain = seal.open(study, sealed).ok_or(LedgerError::Unopened)?;
    serde_json::from_slice(&plain).map_err(|source| LedgerError::Json { source })
}

/// Opens a sealed text; one that does not open any more is `None`.
pub(super) fn open_text(seal: &dyn ColumnSeal, study: &Digest, sealed: &[u8]) -> Option<String> {
    String::from_utf8(seal.open(study, sealed)?).ok()
}

pub(super) fn to_json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|source| rusqlite::Error::ToSqlConversionFailure(Box::new(source)))
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|source| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(source))
    })
}
