//! Which presentation contexts we accept, and with which transfer syntax (PS3.8 9.3.3.2).
//!
//! Everything that could be an object is taken: standard and retired storage classes, private
//! and unknown ones. Refused is what the standard defines as something other than storage: a
//! console that is refused its worklist context knows where it stands.

use std::collections::BTreeMap;

use dicom_ul::pdu::PresentationContextResultReason as Verdict;

use crate::base::limits::CONTEXTS_MAX;
use crate::base::uid::Uid;
use crate::dicom::pdu::associate::{AssociateRq, Proposed};
use crate::dicom::syntax::{EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, TransferSyntax};

/// Verification SOP class: C-ECHO.
pub const VERIFICATION: &str = "1.2.840.10008.1.1";

/// The root of the standard's own UIDs.
const ROOT: &str = "1.2.840.10008.";

/// SOP classes below [`ROOT`] that store nothing, each with what stands below it (PS3.6 A-1):
/// directories, commitment, logging, real-time video, the detached and performed-procedure-step
/// managements, print, query and retrieve, worklists, verification of machines.
#[rustfmt::skip]
const NOT_STORAGE: &[&str] = &[
    "1.3.10", "1.9", "1.20", "1.40", "1.42", "10", "3.1.2",
    "5.1.1.1", "5.1.1.2", "5.1.1.4", "5.1.1.9", "5.1.1.14", "5.1.1.15", "5.1.1.16", "5.1.1.18",
    "5.1.1.22", "5.1.1.23", "5.1.1.24", "5.1.1.26", "5.1.1.31", "5.1.1.32", "5.1.1.33",
    "5.1.1.40",
    "5.1.4.1.1.200.4", "5.1.4.1.1.200.5", "5.1.4.1.1.200.6",
    "5.1.4.1.1.201.2", "5.1.4.1.1.201.3", "5.1.4.1.1.201.4", "5.1.4.1.1.201.5", "5.1.4.1.1.201.6",
    "5.1.4.1.2", "5.1.4.20", "5.1.4.31", "5.1.4.32", "5.1.4.33",
    "5.1.4.34.2", "5.1.4.34.3", "5.1.4.34.4", "5.1.4.34.6", "5.1.4.34.8", "5.1.4.34.9",
    "5.1.4.37", "5.1.4.38.2", "5.1.4.38.3", "5.1.4.38.4", "5.1.4.39.2", "5.1.4.39.3",
    "5.1.4.39.4", "5.1.4.41", "5.1.4.42", "5.1.4.43.2", "5.1.4.43.3", "5.1.4.43.4",
    "5.1.4.44.2", "5.1.4.44.3", "5.1.4.44.4", "5.1.4.45.2", "5.1.4.45.3", "5.1.4.45.4",
];

/// A context that both sides agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Its abstract syntax: the SOP class.
    pub class: Uid,
    /// The transfer syntax that data sets on it are in.
    pub transfer_syntax: Uid,
}

/// What we say to one proposed context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Presentation context ID.
    pub id: u8,
    /// Result/Reason.
    pub verdict: Verdict,
    /// The agreement, where there is one.
    pub agreed: Option<Agreed>,
}

/// What of a proposal was against the standard and still let pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slips {
    /// Contexts with an even ID, accepted as they are.
    pub even: u32,
    /// Contexts that repeat an ID, ignored.
    pub repeated: u32,
    /// Contexts beyond the 128th, ignored.
    pub beyond: u32,
}

/// Returns whether objects of `class` are taken.
pub fn is_storage(class: &Uid) -> bool {
    let Some(rest) = class.as_str().strip_prefix(ROOT) else {
        return true;
    };
    let lies_below = |root: &&str| {
        rest.strip_prefix(*root).is_some_and(|tail| tail.is_empty() || tail.starts_with('.'))
    };
    class.as_str() != VERIFICATION && !NOT_STORAGE.iter().any(lies_below)
}

/// Answers every context of `request`, in the order proposed.
pub fn negotiate(request: &AssociateRq) -> (Vec<Answer>, Slips) {
    let mut slips = Slips::default();
    let mut answers: Vec<Answer> = Vec::new();
    let mut seen = [false; 256];
    for proposed in &request.contexts {
        let place = seen.get_mut(usize::from(proposed.id));
        if place.is_some_and(|seen| std::mem::replace(seen, true)) {
            slips.repeated += 1;
        } else if answers.len() == CONTEXTS_MAX {
            slips.beyond += 1;
        } else {
            slips.even += u32::from(proposed.id % 2 == 0);
            answers.push(answer(proposed, request));
        }
    }
    (answers, slips)
}

/// Returns the agreements of `answers` by context ID.
pub fn agreed(answers: &[Answer]) -> BTreeMap<u8, Agreed> {
    answers.iter().filter_map(|answer| Some((answer.id, answer.agreed.clone()?))).collect()
}

fn answer(proposed: &Proposed, request: &AssociateRq) -> Answer {
    let refuse = |verdict| Answer { id: proposed.id, verdict, agreed: None };
    let Some(class) = proposed.abstract_syntax.clone() else {
        return refuse(Verdict::AbstractSyntaxNotSupported);
    };
    // A requestor that wants to be SCP only would wait for us to send; ID 0 cannot be answered
    // on, for it is no ID.
    let role = request.user.roles.iter().find(|role| role.class == class);
    if proposed.id == 0 || role.is_some_and(|role| !role.scu && role.scp) {
        return refuse(Verdict::UserRejection);
    }
    if class.as_str() != VERIFICATION && !is_storage(&class) {
        return refuse(Verdict::AbstractSyntaxNotSupported);
    }
    match choose(&proposed.transfer_syntaxes) {
        None => refuse(Verdict::TransferSyntaxesNotSupported),
        Some(transfer_syntax) => Answer {
            id: proposed.id,
            verdict: Verdict::Acceptance,
            agreed: Some(Agreed { class, transfer_syntax }),
        },
    }
}

/// Chooses the first syntax that we can walk: usually the one that the object is stored in.
///
/// Implicit VR loses the VRs and big endian is read by nobody else, so both yield to explicit VR
/// little endian. Private syntaxes cannot be walked.
fn choose(proposed: &[Uid]) -> Option<Uid> {
    let first = proposed.iter().find(|uid| TransferSyntax::lookup(uid).is_some())?;
    let yields = matches!(first.as_str(), IMPLICIT_LE | EXPLICIT_BE);
    let explicit = proposed.iter().find(|uid| uid.as_str() == EXPLICIT_LE);
    Some(explicit.filter(|_| yields).unwrap_or(first).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(text: &str) -> Uid {
        Uid::parse(text.as_bytes()).unwrap()
    }

    fn chosen(proposed: &[&str]) -> Option<String> {
        let proposed: Vec<_> = proposed.iter().map(|text| uid(text)).collect();
        choose(&proposed).map(|uid| uid.as_str().to_owned())
    }

    #[test]
    fn what_stores_is_taken_and_what_asks_or_prints_is_not() {
        use dicom_dictionary_std::uids;
        for taken in [
            uids::CT_IMAGE_STORAGE,
            uids::ENHANCED_MR_IMAGE_STORAGE,
            uids::SEGMENTATION_STORAGE,
            uids::INVENTORY_STORAGE,
            uids::HANGING_PROTOCOL_STORAGE,
            uids::RT_BEAMS_DELIVERY_INSTRUCTION_STORAGE,
            "1.2.840.10008.5.1.4.1.1.6",   // retired ultrasound
            "1.2.840.10008.5.1.1.29",      // retired hardcopy image
            "1.2.840.10008.5.1.4.1.1.999", // of an edition to come
            "1.3.12.2.1107.5.9.1",         // private: CSA non-image
        ] {
            assert!(is_storage(&uid(taken)), "{taken}");
        }
        for refused in [
            uids::STORAGE_COMMITMENT_PUSH_MODEL,
            uids::MODALITY_WORKLIST_INFORMATION_MODEL_FIND,
            uids::MODALITY_PERFORMED_PROCEDURE_STEP,
            uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_FIND,
            uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_GET,
            uids::BASIC_GRAYSCALE_PRINT_MANAGEMENT_META,
            uids::UNIFIED_PROCEDURE_STEP_PUSH,
            uids::INVENTORY_FIND,
            uids::INSTANCE_AVAILABILITY_NOTIFICATION,
            VERIFICATION,
        ] {
            assert!(!is_storage(&uid(refused)), "{refused}");
        }
    }

    #[test]
    fn the_first_syntax_counts_unless_it_should_yield_to_explicit_little_endian() {
        let jpeg = "1.2.840.10008.1.2.4.70";
        assert_eq!(chosen(&[jpeg, EXPLICIT_LE]).as_deref(), Some(jpeg));
        let yielding = chosen(&[EXPLICIT_BE, IMPLICIT_LE, EXPLICIT_LE]);
        assert_eq!(yielding.as_deref(), Some(EXPLICIT_LE));
        assert_eq!(chosen(&[IMPLICIT_LE, jpeg]).as_deref(), Some(IMPLICIT_LE));
        assert_eq!(chosen(&["1.2.840.113619.5.2", jpeg]).as_deref(), Some(jpeg));
        assert_eq!(chosen(&["1.2.840.113619.5.2"]), None);
        assert_eq!(chosen(&[]), None);
    }
}
