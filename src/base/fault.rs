//! The catalogue of faults: one code, one sentence, what to do, and who is to blame.
//!
//! Lamp, page, command line, audit and C-STORE status all speak from here, so that they cannot
//! disagree. A fault carries no patient data: its sentence is fixed.

use serde::{Deserialize, Serialize};

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Blame {
    /// The sender: its data or its settings.
    Sender,
    /// The archive or the line to it.
    Destination,
    /// The box itself.
    Box,
    /// The model package.
    Model,
    /// Whoever wrote the settings.
    Settings,
}

/// How loud it is. Red is kept for one thing: acknowledging has stopped or data is at risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    /// Only shown in lists.
    Note,
    /// Yellow: somebody, soon.
    Caution,
    /// Red: somebody, now.
    Warning,
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Retry {
    /// Yes, by itself, after a while.
    Transient,
    /// No, until a person changes something.
    Permanent,
}

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $blame:ident, $severity:ident, $retry:ident,
        $sentence:literal, $todo:literal;)*) => {
        /// One kind of trouble.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Fault { $($(#[$doc])* $name,)* }

        impl Fault {
            /// Every fault, in the order of the catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Returns the code that people read to each other over the phone.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// Returns what is wrong, as a sentence.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }

            /// Returns what to do about it.
            pub fn what_to_do(self) -> &'static str {
                match self { $(Self::$name => $todo,)* }
            }

            /// Returns who has to act.
            pub fn blame(self) -> Blame {
                match self { $(Self::$name => Blame::$blame,)* }
            }

            /// Returns how loud it is.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// Returns whether trying again can help.
            pub fn retry(self) -> Retry {
                match self { $(Self::$name => Retry::$retry,)* }
            }
        }
    };
}

faults! {
    /// The disk has no room for another object.
    DiskFull = "D1", Box, Warning, Transient,
        "The disk is full: new images are refused, nothing is lost.",
        "Keep the images on the scanner. See which archive is behind; its backlog fills the disk.";
    /// A write or a sync failed.
    DiskError = "D2", Box, Warning, Transient,
        "The disk reports errors: new images are refused.",
        "Keep the images on the scanner and call support: the disk may be failing.";
    /// A record that was sealed does not check.
    VaultDamaged = "D3", Box, Warning, Permanent,
        "Part of the store is damaged and was set aside.",
        "Do not switch the box off. Call support with this code.";
    /// Another disk stands where ours was.
    DiskSwapped = "D4", Box, Caution, Permanent,
        "The store and the ledger come from different boxes; the ledger was rebuilt.",
        "Check that the right disk is in this box.";
    /// The provider key is missing or wrong.
    KeyMissing = "K1", Box, Warning, Permanent,
        "The storage key is missing or wrong: the box cannot open its store.",
        "Bring the key file back to the place that the settings name, then start the box.";
    /// The ledger failed.
    LedgerError = "L1", Box, Caution, Transient,
        "The ledger cannot be written; it is rebuilt from the store at the next start.",
        "Restart the box. If it stays, call support.";
    /// The audit chain is broken.
    AuditDamaged = "A1", Box, Caution, Permanent,
        "The audit file was damaged or changed; it is kept, and a new one was begun.",
        "Call support and keep the old file.";
    /// An archive does not answer.
    DestinationAway = "P1", Destination, Caution, Transient,
        "An archive is not reached; what is owed to it is kept.",
        "Nothing, for a while. If it lasts, check the archive and the line.";
    /// An archive refused an object for good.
    DestinationRefuses = "P2", Destination, Caution, Permanent,
        "An archive refuses some images; they are kept and set aside.",
        "Read the archive's words on the page, change its settings, then send again.";
    /// A destination of a stored route is no longer in the settings.
    DestinationUnknown = "P3", Settings, Caution, Permanent,
        "Images are owed to an archive that the settings no longer name.",
        "Put the archive back into the settings, or release what is owed to it.";
    /// A caller that is not in the settings.
    CallerUnknown = "S1", Settings, Note, Permanent,
        "A device that the settings do not name asked for access and was refused.",
        "If it is yours, add it under [callers] in the settings.";
    /// The sender called another AE title.
    CalledUnknown = "S2", Sender, Note, Permanent,
        "A device called this box by another AE title and was refused.",
        "Correct the called AE title on the device.";
    /// A data set that cannot be walked.
    ObjectRefused = "S3", Sender, Note, Permanent,
        "An object was refused because its data set is broken.",
        "Send it again; if it is refused again, show the device's service the tag in the log.";
    /// The worker died or ran out of time or memory.
    WorkerDied = "M1", Model, Caution, Transient,
        "The reader stopped in the middle of a study and was started again.",
        "Nothing. A study that stops it twice is set aside and still posted.";
    /// A study killed its worker twice.
    StudyQuarantined = "M2", Model, Caution, Permanent,
        "A study stopped the reader twice: it is not read, but it is posted.",
        "Tell the model's maker which study it was.";
    /// A package does not verify or does not run.
    PackageRefused = "M3", Model, Note, Permanent,
        "A model package was refused.",
        "Read the reason; nothing on the box was changed.";
    /// A broken config.
    ConfigBroken = "C1", Settings, Caution, Permanent,
        "The settings cannot be read.",
        "Correct the line that the message names; scanpost check-config tells.";
    /// The wall clock cannot be right.
    ClockWrong = "T1", Box, Caution, Transient,
        "The clock is not set: dates of results may be wrong.",
        "Give the box a time server.";
    /// A loop of the box died and was started again.
    LoopRestarted = "X1", Box, Caution, Transient,
        "A part of the program failed and was started again.",
        "Nothing, unless it repeats: then call support.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_fault_has_a_code_of_its_own_and_says_what_to_do() {
        let codes: BTreeSet<_> = Fault::ALL.iter().map(|fault| fault.code()).collect();
        assert_eq!(codes.len(), Fault::ALL.len());
        for fault in Fault::ALL {
            assert!(fault.sentence().ends_with('.') && fault.what_to_do().ends_with('.'));
        }
    }

    #[test]
    fn red_means_that_acknowledging_stopped_or_data_is_at_risk() {
        let red = Fault::ALL.iter().filter(|fault| fault.severity() == Severity::Warning);
        let red: Vec<_> = red.copied().collect();
        assert_eq!(
            red,
            [Fault::DiskFull, Fault::DiskError, Fault::VaultDamaged, Fault::KeyMissing]
        );
    }
}
