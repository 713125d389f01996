//! Who reads which series of a whole study, and who gets an answer when nobody can.
//!
//! One result set per package and study (I3): of the series that a package claims and can read,
//! the best is read. Where it claims some but can read none, and is not silent, the study gets one
//! document that says why. Everything else only shows its reason in the timeline: no knee gets a
//! letter about lungs.

use std::cmp::Reverse;

use crate::base::digest::Digest;
use crate::flow::reasons::{Audience, Reason};
use crate::flow::shadow::Voice;

/// A series of the study, whatever the package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series {
    /// What stands against reading it: not images, quarantined, an instance that no decoder may
    /// see.
    pub against: Option<Reason>,
    /// Its instances.
    pub instances: u32,
}

/// What one installed package says about the series of a study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Name and version.
    pub package: String,
    /// Digest of the package.
    pub digest: Digest,
    /// Whether it claims each series, in their order, and whether it could read it.
    pub claims: Vec<Claim>,
    /// Where its results may go.
    pub voice: Voice,
}

/// Whether a series is a package's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Its series rules matched and nothing stands against reading; the slices lie this many µm
    /// apart.
    Reads {
        /// Distance of slices, µm: of two series the finer is read.
        spacing_um: u32,
    },
    /// Its series rules matched (modality and region), but it cannot read this one.
    Cannot(Reason),
    /// The series is not its business.
    Foreign(Reason),
}

/// What is to be done about one package and one series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Which series, counted from 0.
    pub series: usize,
    /// Name and version of the package.
    pub package: String,
    /// Digest of the package.
    pub digest: Digest,
    /// Why it is not read; `None` to read it.
    pub refusal: Option<Reason>,
    /// Where the documents go; none when silent.
    pub routes: Vec<String>,
}

/// What is to be done about a whole study.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// At most one job per package, in the order of the candidates.
    pub jobs: Vec<Job>,
    /// Series that no job speaks of, with the reason that the timeline shows.
    pub notes: Vec<(usize, Reason)>,
}

/// Decides what happens to a whole study.
pub fn plan(series: &[Series], candidates: &[Candidate]) -> Plan {
    let jobs: Vec<Job> = candidates.iter().filter_map(|each| job(series, each)).collect();
    let notes = series.iter().enumerate().filter_map(|(index, of)| {
        let is_told = jobs.iter().any(|job| job.series == index);
        (!is_told).then(|| (index, note(index, *of, candidates)))
    });
    let notes = notes.collect();
    Plan { jobs, notes }
}

/// The claim of a package on a series, with what stands against the series.
fn claim(candidate: &Candidate, index: usize, series: Series) -> Claim {
    let claim = candidate.claims.get(index).copied();
    match (claim.unwrap_or(Claim::Foreign(Reason::WrongRegion)), series.against) {
        (Claim::Foreign(reason), against) => Claim::Foreign(against.unwrap_or(reason)),
        (Claim::Reads { .. } | Claim::Cannot(_), Some(reason)) => Claim::Cannot(reason),
        (claim, None) => claim,
    }
}

/// The one job of a package: the finest series that it reads, of equals the one with most
/// instances, then the first; else the largest that it has to answer for.
fn job(series: &[Series], candidate: &Candidate) -> Option<Job> {
    let claims = || series.iter().enumerate().map(|(i, of)| (i, *of, claim(candidate, i, *of)));
    let best = claims()
        .filter_map(|(index, of, claim)| match claim {
            Claim::Reads { spacing_um } => Some((spacing_um, Reverse(of.instances), index)),
            Claim::Cannot(_) | Claim::Foreign(_) => None,
        })
        .min()
        .map(|(_, _, index)| (index, None));
    let refused = || {
        let told = claims().filter_map(|(index, of, claim)| match claim {
            Claim::Cannot(reason) if reason.audience() == Audience::Study => {
                Some((Reverse(of.instances), index, reason))
            }
            Claim::Cannot(_) | Claim::Reads { .. } | Claim::Foreign(_) => None,
        });
        told.min().map(|(_, index, reason)| (index, Some(reason)))
    };
    let (index, refusal) = best.or_else(refused)?;
    Some(Job {
        series: index,
        package: candidate.package.clone(),
        digest: candidate.digest,
        refusal,
        routes: candidate.voice.routes().to_vec(),
    })
}

/// Why nobody speaks of a series: what a package that claims it says comes first.
fn note(index: usize, series: Series, candidates: &[Candidate]) -> Reason {
    let claims: Vec<Claim> =
        candidates.iter().map(|candidate| claim(candidate, index, series)).collect();
    let claimed = claims.iter().find_map(|claim| match claim {
        Claim::Reads { .. } => Some(Reason::OtherSeries),
        Claim::Cannot(reason) => Some(*reason),
        Claim::Foreign(_) => None,
    });
    let foreign = claims.iter().find_map(|claim| match claim {
        Claim::Foreign(reason) => Some(*reason),
        Claim::Reads { .. } | Claim::Cannot(_) => None,
    });
    claimed.or(series.against).or(foreign).unwrap_or(Reason::NoModel)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Claim = Claim::Reads { spacing_um: 1000 };
    const COARSE: Claim = Claim::Reads { spacing_um: 2500 };
    const FOREIGN: Claim = Claim::Foreign(Reason::WrongRegion);

    fn candidate(package: &str, claims: &[Claim]) -> Candidate {
        Candidate {
            package: package.to_owned(),
            digest: Digest::of(package.as_bytes()),
            claims: claims.to_vec(),
            voice: Voice::Posts(vec!["PACS".to_owned()]),
        }
    }

    fn series(instances: &[u32]) -> Vec<Series> {
        instances.iter().map(|count| Series { against: None, instances: *count }).collect()
    }

    fn jobs(plan: &Plan) -> Vec<(&str, usize, Option<Reason>)> {
        plan.jobs.iter().map(|job| (job.package.as_str(), job.series, job.refusal)).collect()
    }

    #[test]
    fn i3_every_package_gets_one_job_for_the_finest_series_that_it_reads() {
        let lung = candidate("lung 1", &[COARSE, FINE, FOREIGN]);
        let knee = candidate("knee 1", &[FOREIGN, FOREIGN, FOREIGN]);
        let rib = candidate("rib 1", &[COARSE, Claim::Cannot(Reason::Kernel), FOREIGN]);
        let plan = plan(&series(&[99, 250, 2]), &[lung, knee, rib]);
        assert_eq!(jobs(&plan), [("lung 1", 1, None), ("rib 1", 0, None)]);
        assert_eq!(plan.notes, [(2, Reason::WrongRegion)]);
    }

    #[test]
    fn of_equally_fine_series_the_larger_is_read_and_the_other_says_so() {
        let lung = candidate("lung 1", &[FINE, FINE, FINE]);
        let plan = plan(&series(&[99, 250, 250]), &[lung]);
        assert_eq!(jobs(&plan), [("lung 1", 1, None)]);
        assert_eq!(plan.notes, [(0, Reason::OtherSeries), (2, Reason::OtherSeries)]);
    }

    #[test]
    fn a_knee_gets_no_letter_about_lungs() {
        let foreign = candidate("lung 1", &[FOREIGN]);
        for against in [None, Some(Reason::Gap), Some(Reason::Compressed)] {
            let plan = plan(&[Series { against, instances: 9 }], std::slice::from_ref(&foreign));
            assert!(plan.jobs.is_empty());
            assert_eq!(plan.notes, [(0, against.unwrap_or(Reason::WrongRegion))]);
        }
    }

    #[test]
    fn where_no_claimed_series_can_be_read_the_largest_is_answered_for_once() {
        let claims = [Claim::Cannot(Reason::Thickness), Claim::Cannot(Reason::Gap)];
        let plan = plan(&series(&[40, 90]), &[candidate("lung 1", &claims)]);
        assert_eq!(jobs(&plan), [("lung 1", 1, Some(Reason::Gap))]);
        assert_eq!(plan.jobs[0].routes, ["PACS"]);
        assert_eq!(plan.notes, [(0, Reason::Thickness)]);
    }

    #[test]
    fn what_stands_against_every_reading_comes_before_the_package() {
        let lung = candidate("lung 1", &[Claim::Cannot(Reason::Gap)]);
        let rib = candidate("rib 1", &[FINE]);
        let against = Some(Reason::Quarantined);
        let plan = plan(&[Series { against, instances: 9 }], &[lung, rib]);
        assert_eq!(jobs(&plan), [("lung 1", 0, against), ("rib 1", 0, against)]);
    }

    #[test]
    fn a_localizer_that_a_package_claims_is_not_answered_for() {
        let claimed = candidate("lung 1", &[Claim::Cannot(Reason::Localizer)]);
        let plan = plan(&series(&[2]), &[claimed]);
        assert_eq!((plan.jobs.len(), plan.notes), (0, vec![(0, Reason::Localizer)]));
    }

    #[test]
    fn a_silent_package_decides_and_is_kept_but_nothing_leaves() {
        let mut silent = candidate("lung 1", &[Claim::Cannot(Reason::Gap)]);
        silent.voice = Voice::Silent;
        let plan = plan(&series(&[9]), &[silent]);
        assert_eq!(jobs(&plan), [("lung 1", 0, Some(Reason::Gap))]);
        assert!(plan.jobs[0].routes.is_empty());
    }

    #[test]
    fn a_series_that_nobody_reads_always_says_why() {
        assert_eq!(plan(&series(&[9]), &[]).notes, [(0, Reason::NoModel)]);
        let not_images = Series { against: Some(Reason::NotImages), instances: 1 };
        assert_eq!(plan(&[not_images], &[]).notes, [(0, Reason::NotImages)]);
    }
}
