//! Goal: lamps and sentence say the same, green means well, red means danger. Method: the table
//! row by row, then every combination of states against the invariants.

use super::*;
use crate::base::aet::AeTitle;
use crate::panel::snapshot::{Faults, Incoming, Label, Load};

fn label(text: &str) -> Label {
    Label::of(&AeTitle::parse(text.as_bytes()).unwrap())
}

fn running() -> Snapshot {
    Snapshot { stage: Stage::Running, ..Snapshot::default() }
}

fn away(minutes: u64) -> Away {
    Away {
        ae: label("PACS"),
        lasting: Duration::from_mins(minutes),
        since: Some(14 * 60 + 2),
        backlog: Backlog::Fits,
    }
}

fn owed() -> Outgoing {
    Outgoing { instances: 12, studies: 3, ..Outgoing::default() }
}

fn unreached(minutes: u64) -> Outgoing {
    Outgoing { away: Some(away(minutes)), ..owed() }
}

fn load(reading: Activity, waiting: u32) -> Load {
    Load { reading, waiting }
}

/// Shows a snapshot as one line: the four lamps, then the sentence.
fn shown(snapshot: Snapshot) -> String {
    let panel = panel(&snapshot);
    let lamps = panel.lamps().map(|(_, lamp)| lamp.to_string());
    format!("{} | {}", lamps.join(", "), panel.sentence)
}

#[test]
fn the_life_of_a_box_is_shown_row_by_row() {
    let run = running();
    let rows = [
        (Snapshot::default(), "blue breathe, off, off, off | Starting."),
        (
            Snapshot { stage: Stage::NotSetUp, ..run },
            "blue breathe, blue 1 wink, off, off | Waiting to be set up.",
        ),
        (run, "green steady, off, off, off | Ready."),
        (
            Snapshot { studies_today: 3, done_today: 3, ..run },
            "green steady, off, off, off | Ready. 3 studies today, all delivered.",
        ),
        (
            Snapshot { scanner: Incoming { associations: 1, images: 120, stranger: None }, ..run },
            "green steady, blue 1 wink, off, off | Receiving: 120 images so far.",
        ),
        (
            Snapshot { reader: Reader::Posting(load(Activity::Busy, 0)), ..run },
            "green steady, off, blue breathe, off | Reading a series.",
        ),
        (
            Snapshot { reader: Reader::Silent(load(Activity::Busy, 2)), ..run },
            "green steady, off, blue breathe, off | Reading a series; 2 wait.",
        ),
        (
            Snapshot { reader: Reader::Silent(Load::default()), ..run },
            "green steady, off, white 1 wink, off | Ready. Models read silently.",
        ),
        (
            Snapshot { outgoing: Outgoing { sending: Activity::Busy, ..owed() }, ..run },
            "green steady, off, off, blue 1 wink | Sending 12 images of 3 studies.",
        ),
        (
            Snapshot { outgoing: unreached(1), ..run },
            "green steady, off, off, off | 12 images of 3 studies wait to be sent.",
        ),
        (
            Snapshot { outgoing: unreached(2), ..run },
            "yellow 2 winks, off, off, yellow 2 winks | PACS is not reached since 14:02. \
             3 studies kept safe. Nothing to do yet.",
        ),
        (
            Snapshot { outgoing: unreached(30), ..run },
            "yellow steady, off, off, yellow 2 winks | PACS is not reached since 14:02. \
             3 studies kept safe. Tell IT.",
        ),
        (
            Snapshot { reader: Reader::Off, ..run },
            "yellow 2 winks, off, yellow 2 winks, off | Reading is off: studies still go to the \
             archive.",
        ),
        (
            Snapshot { stage: Stage::Updating, ..run },
            "blue breathe, off, off, off | Updating, do not unplug.",
        ),
        (
            Snapshot { stage: Stage::Stopping, ..run },
            "blue breathe, off, off, off | Stopping. Everything is kept.",
        ),
        (
            Snapshot { locate: Locate::On, ..run },
            "white runs, white runs, white runs, white runs | I am here.",
        ),
    ];
    for (snapshot, expected) in rows {
        assert_eq!(shown(snapshot), expected);
    }
}

#[test]
fn every_fault_is_shown_at_its_place() {
    // Heart, scanner, reader, archive; N: a note that lights nothing.
    let rows = [
        ("D1", "red steady, red steady, off, off"),
        ("D2", "red steady, red steady, off, off"),
        ("D3", "red steady, off, off, off"),
        ("D4", "yellow steady, off, off, off"),
        ("K1", "red steady, red steady, off, off"),
        ("L1", "yellow steady, off, off, off"),
        ("A1", "yellow steady, off, off, off"),
        ("P1", "yellow 2 winks, off, off, yellow 2 winks"),
        ("P2", "yellow steady, off, off, yellow 2 winks"),
        ("P3", "yellow steady, off, off, yellow 2 winks"),
        ("S1", "green steady, off, off, off"),
        ("S2", "green steady, off, off, off"),
        ("S3", "green steady, off, off, off"),
        ("M1", "yellow 2 winks, off, yellow 2 winks, off"),
        ("M2", "yellow 2 winks, off, yellow 2 winks, off"),
        ("M3", "green steady, off, off, off"),
        ("C1", "yellow steady, off, off, off"),
        ("T1", "yellow steady, off, off, off"),
        ("X1", "yellow steady, off, off, off"),
    ];
    let listed: Vec<_> = rows.iter().map(|(code, _)| *code).collect();
    let all: Vec<_> = Fault::ALL.iter().map(|fault| fault.code()).collect();
    assert_eq!(listed, all);
    for (fault, (_, lamps)) in Fault::ALL.iter().zip(rows) {
        let faults = Faults::NONE.with(*fault);
        let line = shown(Snapshot { faults, ..running() });
        assert!(line.starts_with(&format!("{lamps} | ")), "{line}");
        if fault.severity() != Severity::Note && *fault != Fault::DestinationAway {
            let said = format!("{}: {}", fault.code(), fault.sentence());
            assert!(line.ends_with(&said), "{line}");
        }
    }
}

#[test]
fn a_stranger_is_named_for_a_minute_and_spoils_no_green() {
    let with = |seconds| Snapshot {
        scanner: Incoming {
            stranger: Some(Stranger { ae: label("CT2"), ago: Duration::from_secs(seconds) }),
            ..Incoming::default()
        },
        ..running()
    };
    let named = "green steady, yellow 3 winks, off, off | A device \"CT2\" asks for access and \
                 was refused.";
    assert_eq!(shown(with(59)), named);
    assert_eq!(shown(with(60)), "green steady, off, off, off | Ready.");
}

#[test]
fn a_clock_that_cannot_tell_still_tells_how_long() {
    let mut snapshot = running();
    let nameless = Some(Away { since: None, ..away(7) });
    snapshot.outgoing.away = nameless;
    let line = shown(snapshot);
    assert!(line.contains("PACS is not reached for 7 minutes."), "{line}");
}

#[test]
fn a_backlog_that_will_fill_the_box_is_told_at_once() {
    let mut snapshot = running();
    snapshot.outgoing.away = Some(Away { backlog: Backlog::OverLimit, ..away(3) });
    assert!(shown(snapshot).starts_with("yellow steady"));
}

/// Every combination of what the lamps look at.
fn every_snapshot() -> Vec<Snapshot> {
    let stages =
        [Stage::Starting, Stage::NotSetUp, Stage::Running, Stage::Updating, Stage::Stopping];
    let mut faults = vec![Faults::NONE];
    for one in Fault::ALL {
        faults.extend(Fault::ALL.iter().map(|two| Faults::NONE.with(*one).with(*two)));
    }
    let loads = [load(Activity::Idle, 0), load(Activity::Busy, u32::MAX)];
    let mut readers = vec![Reader::None, Reader::Off];
    readers.extend(loads.map(Reader::Posting));
    readers.extend(loads.map(Reader::Silent));
    let aways = [None, Some(away(0)), Some(away(2)), Some(away(30))];
    let counts = [(0, 0, Activity::Idle), (u64::MAX, u32::MAX, Activity::Busy)];
    let mut all = Vec::new();
    for stage in stages {
        for faults in &faults {
            for reader in &readers {
                for away in aways {
                    for (instances, studies, sending) in counts {
                        let outgoing =
                            Outgoing { sending, instances, studies, parked: instances, away };
                        let scanner =
                            Incoming { associations: studies, images: studies, stranger: None };
                        let (faults, reader) = (*faults, *reader);
                        let (studies_today, done_today) = (studies, 1);
                        all.push(Snapshot {
                            stage,
                            faults,
                            scanner,
                            reader,
                            outgoing,
                            studies_today,
                            done_today,
                            locate: Locate::Off,
                        });
                    }
                }
            }
        }
    }
    all
}

#[test]
fn green_means_well_red_means_danger_and_every_sentence_fits() {
    for snapshot in every_snapshot() {
        let panel = panel(&snapshot);
        let severity = snapshot.faults.iter().map(Fault::severity).max();
        let danger = severity == Some(Severity::Warning);
        let away = snapshot.outgoing.away.is_some_and(|away| AWAY_SHOWN <= away.lasting);
        let well = snapshot.stage == Stage::Running
            && severity.is_none_or(|severity| severity == Severity::Note)
            && snapshot.reader != Reader::Off
            && !away;
        assert_eq!(panel.heart == Lamp::steady(Colour::Green), well, "{snapshot:?}");
        assert_eq!(panel.heart.shows(Colour::Green), well, "{snapshot:?}");
        assert_eq!(is_well(&snapshot), well, "{snapshot:?}");
        assert_eq!(panel.heart == Lamp::steady(Colour::Red), danger, "{snapshot:?}");
        let lamps = panel.lamps().map(|(_, lamp)| lamp);
        assert_eq!(lamps.iter().any(|lamp| lamp.shows(Colour::Red)), danger);
        // Only the heart is ever green, and nothing green stands beside yellow.
        assert!(!lamps[1..].iter().any(|lamp| lamp.shows(Colour::Green)));
        assert!(!(well && lamps.iter().any(|lamp| lamp.shows(Colour::Yellow))));
        assert!(panel.sentence.ends_with('.'), "{}", panel.sentence);
        if danger {
            let code = snapshot.faults.iter().find(|it| it.severity() == Severity::Warning);
            assert!(panel.sentence.starts_with(code.unwrap().code()));
        }
    }
}
