//! Who reads a whole series, and who gets an answer when nobody can.
//!
//! The rule: where an installed package claims the series but cannot read it, and is not silent,
//! the study gets a document that says why. Everything else only shows its reason in the
//! timeline: no knee gets a letter about lungs.

use crate::base::digest::Digest;
use crate::flow::reasons::{Audience, Reason};
use crate::flow::shadow::Voice;

/// What one installed package says about a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Name and version.
    pub package: String,
    /// Digest of the package.
    pub digest: Digest,
    /// Whether it claims the series, and whether it could read it.
    pub claim: Claim,
    /// Where its results may go.
    pub voice: Voice,
}

/// Whether a series is a package's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Its series rules matched and nothing stands against reading.
    Reads,
    /// Its series rules matched (modality and region), but it cannot read this one.
    Cannot(Reason),
    /// The series is not its business.
    Foreign(Reason),
}

/// What is to be done about one package and one series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Name and version of the package.
    pub package: String,
    /// Digest of the package.
    pub digest: Digest,
    /// Why it is not read; `None` to read it.
    pub refusal: Option<Reason>,
    /// Where the documents go; none when silent.
    pub routes: Vec<String>,
}

/// What is to be done about a whole series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One job per package that claims the series and reads it or answers for not reading it
    /// (I3), in the order of the candidates.
    pub jobs: Vec<Job>,
    /// What the timeline says; `None` where the jobs say it all.
    pub note: Option<Reason>,
}

/// Decides what happens to a whole series.
///
/// `against` is what stands against reading it whatever the package: not an image, quarantined,
/// never complete, an instance that no decoder may see.
pub fn plan(against: Option<Reason>, candidates: &[Candidate]) -> Plan {
    let mut plan = Plan::default();
    for candidate in candidates {
        let refusal = match (candidate.claim, against) {
            (Claim::Foreign(reason), _) => {
                plan.note = plan.note.or(Some(against.unwrap_or(reason)));
                continue;
            }
            (Claim::Reads, None) => None,
            (Claim::Cannot(reason), None) | (Claim::Reads | Claim::Cannot(_), Some(reason)) => {
                Some(reason)
            }
        };
        if let Some(reason) = refusal
            && reason.audience() == Audience::Timeline
        {
            plan.note = Some(reason);
            continue;
        }
        plan.jobs.push(Job {
            package: candidate.package.clone(),
            digest: candidate.digest,
            refusal,
            routes: candidate.voice.routes().to_vec(),
        });
    }
    if !plan.jobs.is_empty() {
        plan.note = None;
    } else if candidates.is_empty() {
        plan.note = Some(against.unwrap_or(Reason::NoModel));
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(package: &str, claim: Claim) -> Candidate {
        Candidate {
            package: package.to_owned(),
            digest: Digest::of(package.as_bytes()),
            claim,
            voice: Voice::Posts(vec!["PACS".to_owned()]),
        }
    }

    fn refusals(plan: &Plan) -> Vec<Option<Reason>> {
        plan.jobs.iter().map(|job| job.refusal).collect()
    }

    #[test]
    fn every_package_that_claims_and_reads_gets_one_job() {
        let plan = plan(
            None,
            &[
                candidate("lung 1", Claim::Reads),
                candidate("knee 1", Claim::Foreign(Reason::WrongRegion)),
                candidate("rib 1", Claim::Reads),
            ],
        );
        let names: Vec<_> = plan.jobs.iter().map(|job| job.package.as_str()).collect();
        assert_eq!(names, ["lung 1", "rib 1"]);
        assert_eq!((refusals(&plan), plan.note), (vec![None, None], None));
    }

    #[test]
    fn a_knee_gets_no_letter_about_lungs() {
        let foreign = candidate("lung 1", Claim::Foreign(Reason::WrongRegion));
        for against in [None, Some(Reason::Gap), Some(Reason::Incomplete)] {
            let plan = plan(against, std::slice::from_ref(&foreign));
            assert!(plan.jobs.is_empty());
            assert_eq!(plan.note, against.or(Some(Reason::WrongRegion)));
        }
    }

    #[test]
    fn a_claimed_series_that_cannot_be_read_is_answered() {
        let cannot = candidate("lung 1", Claim::Cannot(Reason::Gap));
        let plan = plan(None, &[cannot]);
        assert_eq!(refusals(&plan), [Some(Reason::Gap)]);
        assert_eq!(plan.jobs[0].routes, ["PACS"]);
    }

    #[test]
    fn what_stands_against_every_reading_comes_before_the_package() {
        let cannot = candidate("lung 1", Claim::Cannot(Reason::Gap));
        let reads = candidate("rib 1", Claim::Reads);
        let plan = plan(Some(Reason::Quarantined), &[cannot, reads]);
        assert_eq!(refusals(&plan), [Some(Reason::Quarantined); 2]);
    }

    #[test]
    fn a_localizer_that_a_package_claims_is_not_answered_either() {
        let claimed = candidate("lung 1", Claim::Cannot(Reason::Localizer));
        let plan = plan(None, &[claimed]);
        assert!(plan.jobs.is_empty());
        assert_eq!(plan.note, Some(Reason::Localizer));
    }

    #[test]
    fn a_silent_package_decides_and_is_kept_but_nothing_leaves() {
        let mut silent = candidate("lung 1", Claim::Cannot(Reason::Gap));
        silent.voice = Voice::Silent;
        let plan = plan(None, &[silent]);
        assert_eq!(refusals(&plan), [Some(Reason::Gap)]);
        assert!(plan.jobs[0].routes.is_empty());
    }

    #[test]
    fn a_series_that_nobody_reads_always_says_why() {
        assert_eq!(plan(None, &[]).note, Some(Reason::NoModel));
        assert_eq!(plan(Some(Reason::NotImages), &[]).note, Some(Reason::NotImages));
    }
}
