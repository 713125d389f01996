//! Finds studies whole and decides who reads them.
//!
//! A reconciler: each step looks at the ledger, asks geometry where silence has fallen, and writes
//! down what follows: `job` records in the vault, then that the study is whole. Power may fail
//! between the two; the next step finds the jobs and adds none.
//!
//! # Invariants
//!
//! - I3: a whole study has one job per package that claims a series of it, or none to answer for.
//! - The same instances are never given to the same package twice, not even after the ledger was
//!   lost: a job record stands in the vault.

mod series;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::digest::Digest;
use crate::base::ids::{Arrival, RecordNumber, StudyRow};
use crate::base::time::{Instant, Stamp};
use crate::base::uid::Uid;
use crate::base::urgency::Urgency;
use crate::config::Config;
use crate::flow::gather::{Gather, Whole, Why};
use crate::flow::plan::{self, Candidate, Plan};
use crate::flow::{route, shadow};
use crate::infer::ENGINE_REVISION;
use crate::model::package::Package;
use crate::node::deliver::Stores;
use crate::node::receive::Books;
use crate::node::seal::Seal;
use crate::store::ledger::{self, KnownJob, LedgerError, NotRead, OpenStudy, Quarantine};
use crate::store::record::{Content, JobRecord};
use crate::store::vault::{KeyName, Kind, VaultError};

use series::SeriesLook;
pub(crate) use series::geometry;

/// Digest of the settings that change a reading: there are none yet, the package says it all.
const SETTINGS: &[u8] = b"reading settings 1";

/// Why a step could not be finished; the next one begins anew.
#[derive(Debug, thiserror::Error)]
pub enum AnalyseError {
    /// The ledger failed.
    #[error("studies could not be looked up or written down")]
    Ledger(#[from] LedgerError),
    /// The vault did not take a decision.
    #[error("a decision could not be kept")]
    Vault(#[from] VaultError),
}

/// What a step came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// When to step again, bell or no bell.
    pub next: Option<Instant>,
    /// Studies that became whole in this step.
    pub whole: usize,
    /// Jobs that were decided in this step.
    pub jobs: usize,
}

/// Finds studies whole; one for the whole box.
pub struct Analyst {
    config: Arc<Config>,
    stores: Stores,
    books: Arc<Books>,
    gather: Gather,
    /// Studies that are not whole, as the ledger saw them in this step.
    open: BTreeMap<StudyRow, OpenStudy>,
    /// Those of them whose former state the machine was told.
    told: BTreeSet<StudyRow>,
    /// Series that became whole in studies of which others are still arriving.
    whole: BTreeMap<StudyRow, Vec<Whole>>,
}

impl Analyst {
    /// Begins with what the ledger has; every silence begins anew.
    pub fn new(config: Arc<Config>, stores: Stores, books: Arc<Books>) -> Self {
        let gather = Gather::new(config.gather.clone());
        let (open, told, whole) = Default::default();
        Self { config, stores, books, gather, open, told, whole }
    }

    /// Looks, asks and decides, as far as the time has come. Blocks on vault and ledger.
    ///
    /// `packages` are the active ones, each name once.
    ///
    /// # Errors
    ///
    /// What was decided before the error stands; the rest is decided in a later step.
    pub fn step(&mut self, packages: &[Arc<Package>]) -> Result<Step, AnalyseError> {
        let now = self.stores.clock.now();
        self.hear(now)?;
        self.look(now)?;
        for whole in self.gather.due(now) {
            self.whole.entry(whole.study).or_default().push(whole);
        }
        let mut step = Step::default();
        let closed = self.whole.keys().copied().filter(|study| !self.gather.is_open(*study));
        for study in closed.collect::<Vec<_>>() {
            step.jobs += self.decide(study, packages)?;
            step.whole += 1;
            self.whole.remove(&study);
        }
        step.next = self.gather.deadline();
        Ok(step)
    }

    /// Tells the machine what the ledger has.
    fn hear(&mut self, now: Instant) -> Result<(), AnalyseError> {
        let open = self.stores.ledger().view().open_studies(&Seal(&self.stores.vault))?;
        self.open = open.into_iter().map(|study| (study.study, study)).collect();
        self.told.retain(|study| self.open.contains_key(study));
        for study in self.open.values() {
            let row = study.study;
            let before = study.whole_before.filter(|_| self.told.insert(row));
            for series in &study.series {
                if before.is_some_and(|before| series.last_arrival <= before) {
                    self.gather.was_whole(row, series.series, series.last_arrival);
                }
                self.gather.arrived(now, row, series.series, series.last_arrival);
            }
            if study.releases.iter().any(|release| is_since(&release.at, &study.last)) {
                self.gather.released(row);
            }
        }
        Ok(())
    }

    /// Asks geometry about series that have fallen silent.
    fn look(&mut self, now: Instant) -> Result<(), AnalyseError> {
        let mut studies: BTreeMap<StudyRow, BTreeSet<_>> = BTreeMap::new();
        for (study, series) in self.gather.looks(now) {
            studies.entry(study).or_default().insert(series);
        }
        for (study, asked) in studies {
            for series in self.series(study, Arrival(u64::MAX))? {
                if asked.contains(&series.row) {
                    let fact = series.coverage_fact();
                    self.gather.coverage(study, series.row, series.last_arrival, fact);
                }
            }
        }
        Ok(())
    }

    /// The series of a study as they stood at `up_to`, in order of their first instances.
    fn series(&self, study: StudyRow, up_to: Arrival) -> Result<Vec<SeriesLook>, AnalyseError> {
        let seal = Seal(&self.stores.vault);
        let found = self.stores.ledger().view().series_objects(study, &seal)?;
        Ok(found.into_iter().filter_map(|series| SeriesLook::of(series, up_to)).collect())
    }

    /// Decides about a study whose series are all whole; returns how many jobs that made.
    fn decide(&self, study: StudyRow, packages: &[Arc<Package>]) -> Result<usize, AnalyseError> {
        let wholes = self.whole.get(&study).map(Vec::as_slice).unwrap_or_default();
        let up_to = wholes.iter().map(|whole| whole.up_to).max().unwrap_or_default();
        let series = self.series(study, up_to)?;
        let (Some(open), false) = (self.open.get(&study), series.is_empty()) else {
            // It was erased meanwhile.
            return Ok(0);
        };
        let quarantine = open.standing;
        let plan = self.plan(&series, quarantine, packages);
        let at = self.stores.clock.stamp();
        let known = self.stores.ledger().view().jobs_of(study, &Seal(&self.stores.vault))?;
        let mut notes = plan.notes;
        let mut count = 0;
        for job in &plan.jobs {
            let Some(of) = series.get(job.series) else { continue };
            let Some((study, uid)) = of.study().cloned().zip(of.uid.clone()) else {
                notes.extend(job.refusal.map(|reason| (job.series, reason)));
                continue;
            };
            let record = record(job, of, (study, uid), at);
            if let Some(record) = renewed(record, &known) {
                self.keep(record)?;
                count += 1;
            }
        }
        while self.books.book(&self.stores)?.is_some() {}
        let not_read = notes.into_iter().map(|(series, reason)| NotRead {
            series: series.saturating_add(1),
            word: reason.word(),
        });
        let not_read: Vec<NotRead> = not_read.collect();
        let whole = ledger::Whole { up_to, reason: word(wholes), not_read: &not_read };
        self.stores.ledger().set_whole(study, whole, at)?;
        tracing::info!(%study, series = series.len(), jobs = count, why = word(wholes), "whole");
        Ok(count)
    }

    /// Asks every package about every series.
    fn plan(
        &self,
        series: &[SeriesLook],
        quarantine: Quarantine,
        packages: &[Arc<Package>],
    ) -> Plan {
        let calling = series.iter().find_map(SeriesLook::calling).unwrap_or_default();
        let results = route::results(&self.config, calling);
        let voice = shadow::voice(&self.config, &results);
        let facts: Vec<_> = series.iter().map(|each| each.planned(quarantine)).collect();
        let candidates: Vec<Candidate> = packages
            .iter()
            .map(|package| Candidate {
                package: label(package),
                digest: package.digest(),
                claims: series.iter().map(|each| each.claim(package.manifest())).collect(),
                voice: voice.clone(),
            })
            .collect();
        plan::plan(&facts, &candidates)
    }

    /// Seals a decision; the books hear of it.
    fn keep(&self, record: JobRecord) -> Result<(), AnalyseError> {
        let vault = &self.stores.vault;
        let study = record.study.clone();
        let writer = vault.begin(Kind::Job)?;
        let tell = |sealed: &_| self.books.add(Clone::clone(sealed));
        let content = Content::Job(Box::new(record));
        vault.seal_and_tell(writer, KeyName::Label(study.as_str()), content, &tell)?;
        Ok(())
    }
}

/// Name and version, as records name a package.
pub fn label(package: &Package) -> String {
    let manifest = package.manifest();
    format!("{} {}", manifest.name, manifest.version)
}

/// Whether a release is of this boot, and nothing came behind it.
fn is_since(release: &Stamp, last: &Stamp) -> bool {
    release.boot == last.boot && last.monotonic <= release.monotonic
}

/// Why a study counts as whole: what the weakest of its series rests on.
fn word(wholes: &[Whole]) -> &'static str {
    let has = |why| wholes.iter().any(|whole| whole.why == why);
    if has(Why::Incomplete) {
        "incomplete"
    } else if has(Why::Quiet) {
        "quiet"
    } else {
        "released"
    }
}

fn record(job: &plan::Job, of: &SeriesLook, (study, series): (Uid, Uid), at: Stamp) -> JobRecord {
    JobRecord {
        study,
        series,
        sources: of.sources(job.refusal),
        package: job.package.clone(),
        package_digest: job.digest,
        settings: Digest::of(SETTINGS),
        engine: ENGINE_REVISION,
        decided: at,
        revision: 0,
        supersedes: None,
        refusal: job.refusal.map(|reason| reason.word().to_owned()),
        routes: job.routes.clone(),
        urgency: of.urgency().unwrap_or(Urgency::Normal),
    }
}

/// Makes a decision the next revision of the last one of its package; `None` when that one says
/// the same of the same instances, whatever the reader made of it.
fn renewed(mut record: JobRecord, known: &[KnownJob]) -> Option<JobRecord> {
    let name = |package: &str| package.split(' ').next().unwrap_or_default().to_owned();
    let last = known.iter().rfind(|job| name(&job.package) == name(&record.package));
    if let Some(last) = last {
        let is_same = last.series == record.series
            && sorted(&last.sources) == sorted(&record.sources)
            && (record.refusal.is_none() || last.refusal == record.refusal);
        if is_same {
            return None;
        }
        record.revision = last.revision.saturating_add(1);
        record.supersedes = Some(last.number);
    }
    Some(record)
}

fn sorted(numbers: &[RecordNumber]) -> Vec<RecordNumber> {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers
}
