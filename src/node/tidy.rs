//! Making room: studies of which nothing is owed go after their time, or sooner where room is
//! short; slabs in which nothing is kept are used again.
//!
//! # Invariants
//!
//! - I5: nothing owed is erased. The ledger is locked from the look at what is owed until it has
//!   forgotten the study, so that nothing can be owed in between.
//! - The key goes first, then the rows: cut in between, the next start finds the key gone and
//!   forgets the rows.

use std::time::Duration;

use crate::base::ids::StudyRow;
use crate::base::time::Stamp;
use crate::flow::retain::{self, Kept};
use crate::node::deliver::Stores;
use crate::node::receive::Books;
use crate::node::seal;
use crate::store::keys::KeyError;
use crate::store::ledger::{Holding, KeptStudy, LedgerError, Recycling};
use crate::store::vault::{KeyName, Stand, VaultError};

/// What was tidied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Studies that were erased.
    pub studies: usize,
    /// Slabs that can be written again.
    pub slabs: usize,
}

/// Why tidying stopped; the next round begins anew.
#[derive(Debug, thiserror::Error)]
pub enum TidyError {
    /// The ledger failed.
    #[error("what may go could not be looked up or written down")]
    Ledger(#[from] LedgerError),
    /// The vault failed.
    #[error("room could not be made")]
    Vault(#[from] VaultError),
}

/// Erases what may go after `keep`, and more where `need` bytes are wanted; then frees slabs.
///
/// # Errors
///
/// [`TidyError`]; what was erased before stays erased.
pub fn tidy(
    stores: &Stores,
    books: &Books,
    keep: Duration,
    need: u64,
) -> Result<Tidied, TidyError> {
    while books.book(stores)?.is_some() {}
    let now = stores.clock.stamp();
    let studies = stores.ledger().view().kept_studies()?;
    let kept: Vec<Kept> = studies.iter().map(|study| view(study, now)).collect();
    let mut tidied = Tidied::default();
    for row in retain::erasable(&kept, keep, need) {
        let Some(study) = studies.iter().find(|study| study.study == row) else { continue };
        tidied.studies += usize::from(erase(stores, study, now)?);
    }
    tidied.slabs = recycle(stores)?;
    Ok(tidied)
}

/// Returns how many bytes are wanted: what is missing for one slab per association.
///
/// # Errors
///
/// When the disk cannot be measured.
pub fn need(stores: &Stores, slabs_wanted: usize) -> Result<u64, VaultError> {
    let space = stores.vault.space()?;
    let wanted = u64::try_from(slabs_wanted).unwrap_or(u64::MAX).saturating_mul(space.slab_bytes);
    Ok(wanted.saturating_sub(space.open_bytes()))
}

/// Forgets the rows of studies whose key is gone: an erasure that was cut off.
///
/// # Errors
///
/// When the ledger fails.
pub fn finish_erasures(stores: &Stores) -> Result<usize, LedgerError> {
    let mut ledger = stores.ledger();
    let mut finished = 0;
    for (study, label) in ledger.view().sealed_labels()? {
        if seal::is_erased(&stores.vault, &label) {
            ledger.erase_study(study, "cut off", stores.clock.stamp())?;
            finished += 1;
        }
    }
    Ok(finished)
}

fn view(study: &KeptStudy, now: Stamp) -> Kept {
    let age = now.wall.0.checked_sub(study.last.0).and_then(|ms| u64::try_from(ms).ok());
    Kept {
        study: study.study,
        owed: study.owed,
        unread: study.unread,
        // Without a clock that was set, no age is known: only want of room decides then.
        idle: age.filter(|_| now.synced).map(Duration::from_millis),
        bytes: study.bytes,
    }
}

/// Erases one study, unless something of it is owed by now.
fn erase(stores: &Stores, study: &KeptStudy, at: Stamp) -> Result<bool, TidyError> {
    let mut ledger = stores.ledger();
    if ledger.view().owed_in_study(study.study)? != Holding::default() {
        return Ok(false);
    }
    let StudyRow(row) = study.study;
    stores.audit.note("erase", &format!("study {row}"));
    match stores.vault.erase(KeyName::Hashed(&study.key), Some(study.newest)) {
        Ok(_) => {}
        Err(VaultError::Key(KeyError::Changed)) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    ledger.erase_study(study.study, "its time was over", at)?;
    tracing::info!(study = row, bytes = study.bytes, "erased");
    Ok(true)
}

/// Uses slabs again in which nothing is kept.
fn recycle(stores: &Stores) -> Result<usize, TidyError> {
    let mut count = 0;
    for slab in stores.vault.slabs() {
        if slab.used_bytes == 0 || slab.stand != Stand::Free {
            continue;
        }
        let ledger = stores.ledger();
        let marks = ledger.marks()?;
        let mark = marks.iter().find(|mark| mark.slab == slab.slab);
        let is_booked =
            mark.is_some_and(|mark| (mark.generation, mark.offset) == (slab.generation, slab.end));
        if !is_booked || ledger.view().can_recycle(slab.slab)? != Recycling::Free {
            continue;
        }
        match stores.vault.recycle(slab.slab, slab.end) {
            Ok(()) => count += 1,
            Err(VaultError::Changed { .. } | VaultError::Pinned { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::{Clinic, chest};
    use crate::store::ledger::Answer;

    const MONTH: Duration = Duration::from_hours(30 * 24);

    /// Takes everything that is owed, as an archive would.
    fn deliver(stores: &Stores) {
        let seal = seal::Seal(&stores.vault);
        let mut ledger = stores.ledger();
        for owed in ledger.owed("PACS", 1000, &seal).unwrap() {
            let at = stores.clock.stamp();
            ledger.attempted(owed.delivery, at).unwrap();
            let answer = Answer { status: Some(0), words: "", at };
            ledger.accepted(owed.delivery, &answer, &seal).unwrap();
        }
    }

    fn refuse_jobs(clinic: &Clinic) {
        let (stores, at) = (&clinic.stores, clinic.stores.clock.stamp());
        let mut ledger = stores.ledger();
        while let Some(todo) = ledger.next_job(&seal::Seal(&stores.vault)).unwrap() {
            ledger.job_refused(todo.job.job, "gap", at).unwrap();
        }
    }

    /// A study of one series that is whole; what is owed of it is up to the test.
    fn clinic() -> Clinic {
        let mut clinic = Clinic::new();
        clinic.receive_all(chest(1));
        clinic.settle();
        clinic
    }

    fn studies(clinic: &Clinic) -> usize {
        clinic.stores.ledger().view().kept_studies().unwrap().len()
    }

    #[test]
    fn i5_nothing_owed_is_erased_however_old_and_however_short_the_room() {
        for (is_delivered, is_read) in [(false, true), (true, false)] {
            let clinic = clinic();
            if is_delivered {
                deliver(&clinic.stores);
            }
            if is_read {
                refuse_jobs(&clinic);
            }
            clinic.wait(40 * 24 * 3600);
            let tidied = tidy(&clinic.stores, &clinic.books, MONTH, u64::MAX).unwrap();
            assert_eq!((tidied, studies(&clinic)), (Tidied::default(), 1));
        }
    }

    #[test]
    fn what_is_done_goes_after_its_time_and_its_slabs_are_used_again() {
        let clinic = clinic();
        deliver(&clinic.stores);
        refuse_jobs(&clinic);
        clinic.wait(29 * 24 * 3600);
        let early = tidy(&clinic.stores, &clinic.books, MONTH, 0).unwrap();
        assert_eq!((early, studies(&clinic)), (Tidied::default(), 1));
        clinic.wait(2 * 24 * 3600);
        let tidied = tidy(&clinic.stores, &clinic.books, MONTH, 0).unwrap();
        assert_eq!((tidied.studies, studies(&clinic)), (1, 0));
        assert!(0 < tidied.slabs);
        assert!(clinic.stores.vault.slabs().iter().all(|slab| slab.used_bytes == 0));
    }

    #[test]
    fn where_room_is_short_what_is_done_goes_before_its_time() {
        let clinic = clinic();
        deliver(&clinic.stores);
        refuse_jobs(&clinic);
        let tidied = tidy(&clinic.stores, &clinic.books, MONTH, 1).unwrap();
        assert_eq!((tidied.studies, studies(&clinic)), (1, 0));
    }

    #[test]
    fn an_erasure_that_was_cut_off_is_finished_at_the_next_start() {
        let mut clinic = clinic();
        deliver(&clinic.stores);
        refuse_jobs(&clinic);
        let study = clinic.stores.ledger().view().kept_studies().unwrap()[0];
        clinic.stores.vault.erase(KeyName::Hashed(&study.key), Some(study.newest)).unwrap();
        assert_eq!(finish_erasures(&clinic.stores).unwrap(), 1);
        assert_eq!(studies(&clinic), 0);
        clinic.receive_all(chest(1));
        assert_eq!((studies(&clinic), finish_erasures(&clinic.stores).unwrap()), (1, 0));
    }
}
