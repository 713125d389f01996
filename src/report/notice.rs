//! The words that results use, in one place: what was found, what was not, and what that means.

use crate::base::REGULATORY;
use crate::infer::finding::{Extent, Mark, NotMeasured};

use super::Outcome;
use super::common::Context;

/// How every Series Description of ours starts.
pub const SERIES_PREFIX: &str = "AI research - not for diagnosis";
/// What a mark is called: never a finding, never a lesion.
pub const AI_MARK: &str = "AI mark";
/// What the score is called: it is no probability.
pub const MODEL_SCORE: &str = "model score (uncalibrated)";

/// Returns the name of a mark, counted from 1 for people.
pub(super) fn mark_name(index: usize) -> String {
    format!("{AI_MARK} {}", index.saturating_add(1))
}

/// Returns why a mark has no size, as a clause.
pub fn not_measured(why: NotMeasured) -> &'static str {
    match why {
        NotMeasured::Leaks => "not measured: its border to the surroundings was not found",
        NotMeasured::AlongPleura => "not measured: the outline spread along the pleura",
        NotMeasured::NotSolid => "not measured: no solid core (mean under -300 HU)",
        NotMeasured::NoCore => "not measured: nothing dense enough at the mark",
    }
}

/// Returns the line that describes a mark.
pub(super) fn mark_line(index: usize, mark: &Mark) -> String {
    let size = match &mark.extent {
        Extent::Measured(measured) => {
            format!("long axis {:.1} mm, volume {:.2} mL", measured.long_axis.0, measured.volume.0)
        }
        Extent::NotMeasured(why) => not_measured(*why).to_owned(),
    };
    format!("{}: {size}; {MODEL_SCORE} {}.", mark_name(index), score(mark))
}

/// Returns the score as it is printed everywhere.
pub(super) fn score(mark: &Mark) -> String {
    format!("{:.3}", mark.score.get())
}

/// Returns what the outcome comes to, in sentences.
pub(super) fn summary(context: &Context<'_>) -> String {
    match context.outcome {
        Outcome::NotRead { reason } => format!(
            "{} This says nothing about the images; no AI result exists for them.",
            not_processed(reason)
        ),
        Outcome::Read(reading) if reading.marks.is_empty() => {
            let finding = context.job.codes.finding.meaning.to_lowercase();
            format!(
                "No mark above the threshold. This does not mean that no {finding} is present; \
                 the sensitivity on whole scans has not been measured."
            )
        }
        Outcome::Read(reading) => {
            let count = reading.marks.len();
            let marks = if count == 1 { "mark" } else { "marks" };
            format!(
                "{count} AI {marks} above the threshold. A mark is a place to look at, not a \
                 finding; places without a mark were not found to be normal."
            )
        }
    }
}

/// Returns the sentence for a study that was not read.
pub fn not_processed(reason: &str) -> String {
    let reason = reason.trim().trim_end_matches('.');
    if reason.starts_with("Not processed") {
        format!("{reason}.")
    } else {
        format!("Not processed because {reason}.")
    }
}

/// Returns what read, when, and with which threshold.
pub(super) fn made_by(context: &Context<'_>) -> String {
    let threshold = context.reading().map_or_else(String::new, |reading| {
        format!(
            "; {} of {} slices read, threshold {:.3}",
            reading.slices_read,
            context.sources.len(),
            reading.threshold.get()
        )
    });
    format!(
        "Package {}; revision {}; {}{threshold}.",
        context.package_label(),
        context.job.revision,
        context.job.decided.text()
    )
}

/// Returns how a person finds the slice in the source series.
pub(super) fn slice_name(context: &Context<'_>, slice: u32) -> String {
    match context.instance_number(slice) {
        Some(number) => format!("image {number}"),
        None => format!("source slice {} of {}", slice + 1, context.sources.len()),
    }
}

/// Returns the lines that every report and every capture of words holds.
pub(super) fn lines(context: &Context<'_>) -> Vec<String> {
    let mut lines = vec![REGULATORY.to_owned(), summary(context)];
    let marks = context.marks().iter().enumerate();
    lines.extend(marks.map(|(index, mark)| mark_line(index, mark)));
    lines.push(made_by(context));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_becomes_one_sentence_however_it_ends() {
        for reason in ["slices are missing", "slices are missing. "] {
            assert_eq!(not_processed(reason), "Not processed because slices are missing.");
        }
        assert_eq!(not_processed("Not processed: no."), "Not processed: no.");
    }

    #[test]
    fn no_word_promises_a_finding() {
        for why in [
            NotMeasured::Leaks,
            NotMeasured::AlongPleura,
            NotMeasured::NotSolid,
            NotMeasured::NoCore,
        ] {
            let words = not_measured(why);
            assert!(words.starts_with("not measured: ") && !words.ends_with('.'));
            assert!(!words.contains("cancer") && !words.contains("lesion"));
        }
    }
}
