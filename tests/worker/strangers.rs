//! Workers that die, hang or lie: scripts in the worker's place.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use scanpost::base::uid::Uid;
use scanpost::dicom::header::SliceFacts;
use scanpost::image::phantom::Pose;
use scanpost::node::worker::{Answer, Died, Lie, Slices, SlicesError, Worker, WorkerError};

use crate::fixture::{Series, case, package};

const HELLO: &str = r#"{"version":1,"sandbox":{"landlock":"Full","seccomp":"Enforced"}}"#;

/// A frame as the shell's printf writes it.
fn frame(kind: u8, payload: &str) -> String {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let octal = |head: String, byte: &u8| head + &format!("\\{byte:03o}");
    let head = [kind].iter().chain(&length).fold(String::new(), octal);
    format!("printf '{head}'; printf '%s' '{payload}'\n")
}

/// A script in the worker's place; it tells its process id in a file of its folder.
struct Script {
    place: tempfile::TempDir,
}

impl Script {
    fn new(body: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let script = Self { place };
        let pid = script.file("pid").display().to_string();
        let text = format!("#!/bin/sh\necho $$ > '{pid}'\n{body}");
        std::fs::write(script.file("worker"), text).unwrap();
        let mode = Permissions::from_mode(0o700);
        std::fs::set_permissions(script.file("worker"), mode).unwrap();
        script
    }

    /// One that says that it is confined, reads its input away, and goes on so.
    fn after_hello(body: &str) -> Self {
        Self::new(&format!("{}/bin/cat > /dev/null\n{body}", frame(1, HELLO)))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn worker(&self) -> Worker {
        Worker::of(self.file("worker"))
    }

    fn pid(&self) -> Pid {
        let text = std::fs::read_to_string(self.file("pid")).unwrap();
        Pid::from_raw(text.trim().parse().unwrap()).unwrap()
    }

    /// Whether its process is over and collected.
    fn is_over(&self) -> bool {
        rustix::process::test_kill_process(self.pid()).is_err()
    }

    fn read(&self) -> Result<Answer, WorkerError> {
        self.read_within(Duration::from_mins(1))
    }

    fn read_within(&self, limit: Duration) -> Result<Answer, WorkerError> {
        let answer = crate::read(&self.worker().within(limit), case(3, Pose::Hfs).series);
        assert!(self.is_over(), "its process lives on");
        answer
    }

    fn died(&self) -> Died {
        match self.read() {
            Err(WorkerError::Died(died)) => died,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_worker_that_ends_without_an_answer_died_and_its_last_words_are_a_place_only() {
    let script =
        Script::after_hello("echo 'DOE^JANE' >&2; echo 'panicked at a/b.rs:7' >&2; exit 9");
    let died = script.died();
    assert!(matches!(died, Died::Exit { code: 9, .. }), "{died:?}");
    assert_eq!(died.to_string(), "it ended with code 9 (panicked at a/b.rs:7)");
    let died = Script::after_hello("kill -SEGV $$").died();
    assert!(matches!(died, Died::Signal { signal: 11, .. }), "{died:?}");
    let died = Script::after_hello("exit 0").died();
    assert!(matches!(died, Died::Garbled(_)), "{died:?}");
}

#[test]
fn a_worker_that_hangs_is_killed_when_its_time_is_over() {
    let script = Script::new(&format!("{}exec /bin/sleep 600", frame(1, HELLO)));
    let answer = script.read_within(Duration::from_millis(200));
    assert!(matches!(answer, Err(WorkerError::Died(Died::TooSlow { .. }))), "{answer:?}");
}

#[test]
fn a_liar_that_lives_on_is_killed_at_once_for_its_lie() {
    let lie = "printf '\\007\\010\\0\\0\\0\\011\\0\\0\\0\\011\\0\\0\\0'";
    let died = Script::after_hello(&format!("{lie}; exec /bin/sleep 600")).died();
    assert!(matches!(died, Died::Lied(Lie::Progress)), "{died:?}");
}

#[test]
fn a_worker_that_does_not_end_behind_its_answer_is_killed_when_its_time_is_over() {
    let answer = format!("{}{}exec /bin/sleep 600", frame(10, "\"NoPixels\""), frame(6, ""));
    let answer = Script::after_hello(&answer).read_within(Duration::from_secs(2));
    assert!(matches!(answer, Err(WorkerError::Died(Died::TooSlow { .. }))), "{answer:?}");
}

#[test]
fn a_worker_that_is_not_confined_gets_no_byte_of_the_study() {
    let open = HELLO.replace("Enforced", "Missing");
    for hello in [open.as_str(), r#"{"version":2}"#, "{}"] {
        let script = Script::new(&format!("cd \"${{0%/*}}\"\n{}/bin/cat > got", frame(1, hello)));
        let answer = script.read();
        assert!(matches!(answer, Err(WorkerError::Start(_))), "{answer:?}");
        let got = std::fs::metadata(script.file("got")).unwrap();
        assert_eq!(got.len(), 0, "it was sent something");
    }
    let answer = Script::new("exit 3").read();
    assert!(matches!(answer, Err(WorkerError::Start(_))), "{answer:?}");
    let nowhere = crate::read(&Worker::of("/nowhere".into()), case(3, Pose::Hfs).series);
    assert!(matches!(nowhere, Err(WorkerError::Start(_))), "{nowhere:?}");
}

#[test]
fn an_answer_that_cannot_be_is_a_death() {
    let progress =
        |bytes: &str| Script::after_hello(&format!("printf '\\007\\010\\0\\0\\0{bytes}'"));
    let too_far = progress("\\004\\0\\0\\0\\004\\0\\0\\0");
    assert!(matches!(too_far.died(), Died::Lied(Lie::Progress)));
    let nowhere = progress("\\0\\0\\0\\0\\003\\0\\0\\0");
    assert!(matches!(nowhere.died(), Died::Lied(Lie::Progress)));
    for garbled in [
        // A length beyond every limit, a kind that there is not, a frame of the other direction.
        "printf '\\010\\377\\377\\377\\377'",
        "printf '\\177\\0\\0\\0\\0'",
        &frame(2, "{}"),
        &frame(10, "\"NoSuchReason\""),
        // An answer without its end, and one with more behind it.
        &frame(10, "\"NoPixels\""),
        &format!("{}{}{}", frame(10, "\"NoPixels\""), frame(6, ""), frame(6, "")),
    ] {
        let died = Script::after_hello(garbled).died();
        assert!(matches!(died, Died::Garbled(_)), "{garbled}: {died:?}");
    }
    let good = format!("{}{}", frame(10, "\"NoPixels\""), frame(6, ""));
    let answer = Script::after_hello(&good).read();
    assert!(matches!(answer, Ok(Answer::NotRead(_))), "{answer:?}");
    let bad_end = Script::after_hello(&format!("{good}exit 5")).died();
    assert!(matches!(bad_end, Died::Exit { code: 5, .. }), "{bad_end:?}");
}

#[test]
fn a_reading_of_another_package_is_a_lie() {
    let reading = r#"{"package":"other","version":"1","package_digest":"DIGEST","threshold":0.5,
        "marks":[],"heatmap":{"size":[3,1,1],"first":[0,0],"step":[1,1],"scores":[]},
        "pictures":[],"slices_read":3}"#;
    let reading = reading.replace("DIGEST", &"0".repeat(64));
    let died = Script::after_hello(&frame(8, &reading)).died();
    assert!(matches!(died, Died::Lied(Lie::Package)), "{died:?}");
    let ours = package();
    let name = &ours.manifest().name;
    let ours = reading
        .replace(&"0".repeat(64), &ours.digest().to_string())
        .replace("other", name)
        .replace("\"1\"", "\"1.0.0\"");
    let more = ours.replace("[3,1,1]", "[4,1,1]").replace("_read\":3", "_read\":4");
    let died = Script::after_hello(&frame(8, &more)).died();
    assert!(matches!(died, Died::Lied(Lie::Slices)), "{died:?}");
    let map = format!("{}printf '\\003\\003\\0\\0\\0abc'\n{}", frame(8, &ours), frame(6, ""));
    let answer = Script::after_hello(&map).read();
    assert!(matches!(answer, Ok(Answer::Read(_))), "{answer:?}");
}

/// A series that does something when its second instance is asked for.
struct Trap {
    series: Series,
    begun: usize,
    spring: Box<dyn FnMut() -> Result<(), SlicesError> + Send>,
}

impl Slices for Trap {
    fn facts(&self) -> &[SliceFacts] {
        self.series.facts()
    }

    fn begin(&mut self) -> Result<Option<Uid>, SlicesError> {
        self.begun += 1;
        if self.begun == 2 {
            (self.spring)()?;
        }
        self.series.begin()
    }

    fn chunk(&mut self, chunk: &mut Vec<u8>) -> Result<bool, SlicesError> {
        self.series.chunk(chunk)
    }
}

fn trapped(
    worker: &Worker,
    spring: impl FnMut() -> Result<(), SlicesError> + Send + 'static,
) -> Result<Answer, WorkerError> {
    let series = case(3, Pose::Hfs).series;
    let trap = Trap { series, begun: 0, spring: Box::new(spring) };
    let read = smol::block_on(worker.read(&package(), Box::new(trap), &mut |_| ()));
    read.map(|(answer, _)| answer)
}

#[test]
fn a_worker_killed_in_the_middle_died_of_that_signal() {
    let body = format!("exec '{}' worker", env!("CARGO_BIN_EXE_scanpost"));
    let script = Script::new(&body);
    let file = script.file("pid");
    let answer = trapped(&script.worker(), move || {
        let text = std::fs::read_to_string(&file).unwrap();
        let pid = Pid::from_raw(text.trim().parse().unwrap()).unwrap();
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
        Ok(())
    });
    assert!(matches!(answer, Err(WorkerError::Died(Died::Signal { signal: 9, .. }))), "{answer:?}");
    assert!(script.is_over());
}

#[test]
fn a_store_that_fails_is_no_death_and_ends_the_worker() {
    let body = format!("exec '{}' worker", env!("CARGO_BIN_EXE_scanpost"));
    let script = Script::new(&body);
    let failing = trapped(&script.worker(), || Err(SlicesError::Missing));
    assert!(matches!(failing, Err(WorkerError::Slices(SlicesError::Missing))), "{failing:?}");
    assert!(script.is_over());
    let mut short = case(3, Pose::Hfs).series;
    short.instances.truncate(2);
    let answer = crate::read(&crate::fixture::worker(), short);
    assert!(matches!(answer, Err(WorkerError::Slices(SlicesError::Missing))), "{answer:?}");
}
