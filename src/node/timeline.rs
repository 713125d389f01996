//! The timeline in the words of the people who ask where a scan is.

use crate::flow::reasons::Reason;
use crate::store::ledger::Event;

/// Says what happened. Kinds and words of later releases are shown as they are.
pub(super) fn sentence(event: &Event) -> String {
    let words = event.words.as_str();
    let images = match event.count {
        1 => "1 image".to_owned(),
        count => format!("{count} images"),
    };
    match event.kind.as_str() {
        "received" => format!("received {images} from {words}"),
        "received again" => format!("received {images} again from {words}"),
        "whole" => format!("whole: {}", whole(words)),
        "decided" => format!("to be read by {words}"),
        "refused" => format!("not read: {}", refused(words)),
        "not read" => not_read(words),
        "reading" => "reading".to_owned(),
        "read" => format!("read by {words}"),
        "written" => format!("{} documents written by {words}", event.count),
        "owed" => format!("{} owed to {words}", event.count),
        "delivered" => format!("{} delivered to {words}", event.count),
        "parked" => format!("{} refused by {words}: they wait for a person", event.count),
        "reader died" => "the reader died over this study".to_owned(),
        "quarantined" => Reason::Quarantined.sentence().to_owned(),
        "erased" => "erased".to_owned(),
        other if words.is_empty() => other.to_owned(),
        other => format!("{other} ({words})"),
    }
}

fn whole(words: &str) -> &str {
    match words {
        "released" => "the scanner said goodbye and no slice is missing",
        "quiet" => "nothing came for a while",
        "incomplete" => "slices are missing, and waiting did not bring them",
        other => other,
    }
}

/// `PACKAGE: WORD`, or a word alone.
fn refused(words: &str) -> String {
    let (package, word) = match words.rsplit_once(": ") {
        Some((package, word)) => (Some(package), word),
        None => (None, words),
    };
    let sentence = Reason::of_word(word).map_or(word, |reason| reason.sentence());
    match package {
        Some(package) => format!("{sentence} ({package})"),
        None => sentence.to_owned(),
    }
}

/// `2 localizer`.
fn not_read(words: &str) -> String {
    let (series, word) = words.split_once(' ').unwrap_or(("", words));
    let sentence = Reason::of_word(word).map_or(word, |reason| reason.sentence());
    format!("series {series} is not read: {sentence}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::{Instant, Stamp, WallTime};

    fn said(kind: &str, words: &str, count: u64) -> String {
        let at = Stamp {
            boot: 1,
            monotonic: Instant::from_nanos(0),
            wall: WallTime(0),
            utc_offset_s: 0,
            synced: true,
        };
        sentence(&Event { at, kind: kind.to_owned(), words: words.to_owned(), count })
    }

    #[test]
    fn every_kind_of_event_is_a_sentence_for_a_radiographer() {
        assert_eq!(said("received", "CT1", 133), "received 133 images from CT1");
        assert_eq!(said("received", "CT1", 1), "received 1 image from CT1");
        assert_eq!(
            said("not read", "2 localizer", 1),
            "series 2 is not read: This is a localizer (scout), not a series of slices."
        );
        assert_eq!(
            said("refused", "lung-nodule 1.0.0: gap", 1),
            "not read: Slices are missing in the middle of the series. (lung-nodule 1.0.0)"
        );
        let kinds = ["whole", "decided", "written", "owed", "delivered", "parked", "quarantined"];
        for kind in kinds {
            assert_ne!(said(kind, "PACS", 4), format!("{kind} (PACS)"), "{kind}");
        }
    }

    #[test]
    fn what_a_later_release_wrote_is_shown_as_it_is() {
        assert_eq!(said("teleported", "MARS", 1), "teleported (MARS)");
        assert_eq!(said("whole", "by decree", 1), "whole: by decree");
        assert_eq!(said("refused", "new_reason", 1), "not read: new_reason");
        assert_eq!(said("not read", "1 new_reason", 1), "series 1 is not read: new_reason");
    }
}
