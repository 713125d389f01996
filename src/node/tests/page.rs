//! Goal: the page shows what the documents say and nothing beyond, names and pictures only where
//! the settings open it.
//! Method: a clinic that has read a study, and the page over a real socket.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::stand_in::{self, StandIn, reading, without_marks};
use super::{Clinic, POSTING, chest, slice};
use crate::base::phi::Phi;
use crate::dicom::header::Patient;
use crate::dicom::syntax::{Encoding, TransferSyntax};
use crate::dicom::tags;
use crate::dicom::walker::{Keep, PixelData, Walker};
use crate::node::read::Reader;
use crate::node::receive::{SharedDoor, Strangers};
use crate::node::status::{Observers, Status};
use crate::node::supervise::Restarts;
use crate::store::record::ObjectRecord;
use crate::web::tests::{Served, serve};

const OPEN: &str = "[page]\ndanger_open_page = true\n";

fn page(clinic: &Clinic, reader: &Reader) -> Served {
    serve(Arc::new(Status::new(Observers {
        config: Arc::clone(&clinic.config),
        stores: clinic.stores.clone(),
        strangers: Strangers::default(),
        standings: BTreeMap::new(),
        restarts: Restarts::default(),
        shelf: Arc::clone(&reader.desk.shelf),
        reading: reader.standing.clone(),
        door: Arc::new(SharedDoor::default()),
        faults: Vec::new(),
    })))
}

/// A clinic whose study has become whole, its reader, and the program behind that.
fn clinic(settings: &str, objects: Vec<ObjectRecord>) -> (Clinic, StandIn, Reader) {
    let mut clinic = Clinic::on_file(&format!("{POSTING}{settings}"));
    clinic.receive_all(objects);
    assert_eq!(clinic.settle().jobs, 1);
    let stand_in = StandIn::new();
    stand_in.reads(&reading(&clinic.packages[0], 60));
    let reader = clinic.reader(stand_in.worker());
    (clinic, stand_in, reader)
}

fn decoded(png: &[u8]) -> ([u32; 2], Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    ([info.height, info.width], pixels)
}

/// Rows, columns and pixels of a Secondary Capture.
fn pixels(data_set: &[u8]) -> ([u32; 2], Vec<u8>) {
    let syntax = TransferSyntax { encoding: Encoding::ExplicitLe, native_pixels: true };
    let mut walker = Walker::new(syntax, Keep::TopLevel);
    walker.feed(data_set).unwrap();
    let walk = walker.finish().unwrap();
    let side = |tag| u32::from(walk.header.u16(tag).unwrap());
    let size = [side(tags::ROWS), side(tags::COLUMNS)];
    let Some(PixelData::Native { offset, .. }) = walk.pixel_data else { panic!("no pixels") };
    let start = usize::try_from(offset).unwrap();
    let length = usize::try_from(size[0] * size[1] * 3).unwrap();
    (size, data_set[start..start + length].to_vec())
}

#[test]
fn an_open_page_shows_marks_and_the_very_pixels_of_the_captures() {
    let (clinic, _stand_in, reader) = clinic(OPEN, chest(1));
    clinic.read(&reader).unwrap();
    let page = page(&clinic, &reader);
    let text = page.get("/studies/1").text();
    for line in [
        "DOE, JANE",
        "lung-nodule 1.0.0: read",
        "AI mark 1, image 21: long axis 7.0 mm, volume 0.25 mL",
        "AI mark 2, image 21: not measured",
        "2 AI marks above the threshold.",
        "research, not for diagnosis",
        "Posted to PACS.",
        "/studies/1/pictures/2.png",
    ] {
        assert!(text.contains(line), "{line} is not on the page: {text}");
    }
    let results = clinic.results_of(1);
    let captures: Vec<_> = results[0].captures().collect();
    assert_eq!(captures.len(), 2);
    for (number, capture) in (1..).zip(captures) {
        let shown = page.get(&format!("/studies/1/pictures/{number}.png"));
        assert!(shown.head.contains("content-type: image/png"), "{}", shown.head);
        let kept = pixels(&stand_in::bytes(&clinic.stores, capture));
        assert!(decoded(&shown.body) == kept, "picture {number} shows other pixels");
    }
    for missing in ["1/pictures/0", "1/pictures/3", "2/pictures/1", "-1/pictures/1"] {
        assert_eq!(page.get(&format!("/studies/{missing}.png")).status, 404, "{missing}");
    }
    assert_eq!(page.get("/studies/2").status, 404);
    assert_eq!(page.get("/studies/9223372036854775807").status, 404);
}

#[test]
fn names_and_pictures_are_hidden_unless_the_settings_open_the_page() {
    let (clinic, _stand_in, reader) = clinic("", chest(1));
    clinic.read(&reader).unwrap();
    let page = page(&clinic, &reader);
    let text = [page.get("/").text(), page.get("/studies/1").text()].concat();
    for name in ["DOE", "JANE", "PATIENT7", "1.2.1", ".png"] {
        assert!(!text.contains(name), "{name} is on the page: {text}");
    }
    assert!(text.contains("names are hidden") && text.contains("Pictures are hidden"));
    for number in 0..4 {
        assert_eq!(page.get(&format!("/studies/1/pictures/{number}.png")).status, 404);
    }
}

#[test]
fn a_name_with_markup_two_directions_and_nuls_is_shown_as_text() {
    let name = "<script>alert(1)</script>\0\u{202e}\u{5d3}\u{5d5}^\"'&".as_bytes();
    let mut objects = chest(1);
    for object in &mut objects {
        let patient = Patient {
            name: name.to_vec(),
            character_set: b"ISO_IR 192".to_vec(),
            ..Patient::clone(object.identity.patient.reveal("a test changes its own patient"))
        };
        object.identity.patient = Phi::new(patient);
    }
    let (clinic, _stand_in, reader) = clinic(OPEN, objects);
    clinic.read(&reader).unwrap();
    let page = page(&clinic, &reader);
    for path in ["/", "/studies/1"] {
        let text = page.get(path).text();
        assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{path}: {text}");
        assert!(text.contains("\u{5d3}\u{5d5}") && !text.contains("<script"), "{path}: {text}");
        assert!(!text.contains('\0'), "{path}");
        // The direction of a name ends with its own block.
        assert!(text.contains("dir=\"auto\""), "{path}");
    }
}

#[test]
fn what_was_replaced_is_not_shown_as_current_and_its_pictures_are_gone() {
    let (mut clinic, stand_in, reader) = clinic(OPEN, chest(1));
    clinic.read(&reader).unwrap();
    clinic.receive(slice(1, 60));
    assert_eq!(clinic.settle().jobs, 1);
    {
        // Known to be replaced, the later one not read yet: nothing old stands there as current.
        let page = page(&clinic, &reader);
        let text = page.get("/studies/1").text();
        assert!(text.contains("revision 1: waits to be read"), "{text}");
        assert!(!text.contains("AI mark 1") && !text.contains(".png"), "{text}");
    }
    stand_in.reads(&without_marks(&clinic.packages[0], 61));
    clinic.read(&reader).unwrap();
    let page = page(&clinic, &reader);
    let text = page.get("/studies/1").text();
    assert!(text.contains("revision 1: read"), "{text}");
    assert!(!text.contains("AI mark 1") && !text.contains("pictures/2.png"), "{text}");
    assert_eq!(page.get("/studies/1/pictures/2.png").status, 404);
}

/// Words by which a reader could be sure too soon.
const PROMISES: [&str; 7] =
    ["healthy", "normal finding", "all clear", "no finding", "no nodule", "cancer", "lesion"];

#[test]
fn a_study_without_marks_shows_the_honest_sentence_and_no_page_promises_health() {
    let (clinic, stand_in, reader) = clinic(OPEN, chest(1));
    let served = page(&clinic, &reader);
    let waiting = served.get("/studies/1").text();
    assert!(waiting.contains("waits to be read"), "{waiting}");
    stand_in.reads(&without_marks(&clinic.packages[0], 60));
    clinic.read(&reader).unwrap();
    let text = served.get("/studies/1").text();
    let json = clinic.results_of(1)[0].json(&clinic.stores).unwrap();
    let summary = json["summary"].as_str().unwrap();
    assert!(summary.starts_with("No mark above the threshold. This does not mean that no"));
    assert!(text.contains(summary), "{text}");
    for text in [waiting, text, served.get("/").text()] {
        let lower = text.to_lowercase();
        // What the sentence denies, it has to name.
        let lower = lower.replace(&summary.to_lowercase(), "");
        for promise in PROMISES {
            assert!(!lower.contains(promise), "{promise}: {text}");
        }
    }
}

#[test]
fn a_study_that_was_not_read_says_why_and_a_silent_one_that_nothing_leaves() {
    let (clinic, stand_in, reader) = clinic(OPEN, chest(1));
    stand_in.refuses("\"NoRegion\"");
    clinic.read(&reader).unwrap();
    let text = page(&clinic, &reader).get("/studies/1").text();
    let why = crate::flow::reasons::Reason::NoRegion;
    assert!(text.contains(&format!("not read: {why}")), "{text}");
    let clause = format!("Not processed because {}.", why.clause());
    assert!(text.contains(&clause) && text.contains("This says nothing about the images"));
    drop(clinic);

    let silent = POSTING.split("[models]").next().unwrap();
    let mut clinic = Clinic::on_file(silent);
    clinic.receive_all(chest(1));
    clinic.settle();
    let stand_in = StandIn::new();
    stand_in.reads(&reading(&clinic.packages[0], 60));
    let reader = clinic.reader(stand_in.worker());
    clinic.read(&reader).unwrap();
    let text = page(&clinic, &reader).get("/studies/1").text();
    assert!(text.contains("Silent trial: nothing of this leaves the box."), "{text}");
}
