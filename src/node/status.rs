//! What the box says about itself: one snapshot for lamp, page and command line.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::base::fault::Fault;
use crate::base::ids::StudyRow;
use crate::base::time::{Instant, Stamp, WallTime};
use crate::base::uid::Uid;
use crate::config::Config;
use crate::dicom::text;
use crate::node::control::{Question, StudyFilter};
use crate::node::deliver::Stores;
use crate::node::post::SharedStanding;
use crate::node::reading::SharedReading;
use crate::node::receive::{SharedDoor, Strangers};
use crate::node::results::{self, JobResult};
use crate::node::seal::Seal;
use crate::node::shelf::Shelf;
use crate::node::supervise::Restarts;
use crate::node::timeline;
use crate::panel::lamp::{Panel, panel};
use crate::panel::pattern::Colour;
use crate::panel::snapshot::{
    Activity, Away, Backlog, Faults, Incoming, Label, Load, Outgoing, Reader, Snapshot, Stage,
    Stranger,
};
use crate::store::ledger::{Filter, KeptDocument, Ledger, LedgerError, Resend, StudySummary, View};
use crate::web::{self, DestinationLine, Overview, ResultView, StudyLine, StudyPage};

/// Studies that a list shows at most.
const STUDIES_SHOWN: usize = 200;
/// How often the console lamp looks.
const LAMP: Duration = Duration::from_secs(1);
const DAY_MS: i64 = 86_400_000;

/// What is looked at.
pub struct Observers {
    /// The settings.
    pub config: Arc<Config>,
    /// The stores.
    pub stores: Stores,
    /// Refused callers.
    pub strangers: Strangers,
    /// How each destination is doing.
    pub standings: BTreeMap<String, SharedStanding>,
    /// How often loops had to be started again.
    pub restarts: Restarts,
    /// The installed packages.
    pub shelf: Arc<Shelf>,
    /// How the reader is doing.
    pub reading: SharedReading,
    /// What new associations meet.
    pub door: Arc<SharedDoor>,
    /// What the start found.
    pub faults: Vec<Fault>,
}

/// Answers everybody who asks how the box is doing.
pub struct Status {
    seen: Observers,
    path: PathBuf,
    /// An observer's connection, opened when first needed: it never blocks the writer.
    reader: Mutex<Option<crate::store::ledger::Reader>>,
}

impl Status {
    /// Observes `seen`.
    pub fn new(seen: Observers) -> Self {
        let path = seen.config.state.join("ledger.sqlite");
        Self { seen, path, reader: Mutex::new(None) }
    }

    /// Lets `look` read the ledger on the observer's connection.
    fn look<T>(
        &self,
        look: impl FnOnce(View<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if reader.is_none() {
            *reader = Some(Ledger::open_reader(&self.path)?);
        }
        let Some(open) = reader.as_ref() else { return Err(LedgerError::NotStarted) };
        let found = look(open.view());
        if found.is_err() {
            // Whatever it was, the next look opens anew.
            *reader = None;
        }
        found
    }

    fn now(&self) -> Stamp {
        self.seen.stores.clock.stamp()
    }

    /// Takes everything that lamps and page need, at one moment.
    pub fn snapshot(&self) -> Snapshot {
        let now = self.now();
        let mut faults: Faults = self.seen.faults.iter().copied().collect();
        let counts = self.look(|view| Ok((view.owed_counts()?, view.problems()?)));
        let (owed, problems) = counts.unwrap_or_else(|_| {
            faults = faults.with(Fault::LedgerError);
            (Vec::new(), Vec::new())
        });
        for problem in problems {
            faults = faults.with(problem.fault);
        }
        if let Some(fault) = self.seen.door.fault() {
            faults = faults.with(fault);
        }
        if 0 < self.seen.restarts.count() {
            faults = faults.with(Fault::LoopRestarted);
        }
        let today = self.today(now);
        let config = &self.seen.config;
        let is_set_up = !config.destinations.is_empty()
            && (!config.callers.is_empty() || config.danger_any_caller);
        Snapshot {
            stage: if is_set_up { Stage::Running } else { Stage::NotSetUp },
            faults,
            scanner: Incoming { stranger: self.stranger(now.monotonic), ..Incoming::default() },
            reader: self.reader(),
            outgoing: Outgoing {
                sending: self.sending(),
                instances: owed.iter().map(|count| count.owed).sum(),
                studies: today.0,
                parked: owed.iter().map(|count| count.parked).sum(),
                away: self.away(now, &owed),
            },
            studies_today: today.1,
            done_today: today.2,
            ..Snapshot::default()
        }
    }

    /// Studies with something owed, studies of today, and those of them that are done.
    fn today(&self, now: Stamp) -> (u32, u32, u32) {
        let offset = i64::from(now.utc_offset_s) * 1000;
        let midnight = (now.wall.0 + offset).div_euclid(DAY_MS) * DAY_MS - offset;
        let seal = Seal(&self.seen.stores.vault);
        let count = |studies: &[StudySummary]| u32::try_from(studies.len()).unwrap_or(u32::MAX);
        let lists = self.look(|view| {
            let since = Filter::Since(WallTime(midnight));
            Ok((
                view.studies(Filter::Owed, STUDIES_SHOWN, &seal)?,
                view.studies(since, STUDIES_SHOWN, &seal)?,
            ))
        });
        lists.map_or((0, 0, 0), |(owed, today)| {
            let done: Vec<_> = today
                .iter()
                .filter(|study| study.owed == 0 && study.parked == 0)
                .cloned()
                .collect();
            (count(&owed), count(&today), count(&done))
        })
    }

    fn reader(&self) -> Reader {
        if self.seen.shelf.active().is_empty() {
            return Reader::None;
        }
        let standing = *self.seen.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = self.look(|view| Ok(view.snapshot_counts()?.jobs_decided)).unwrap_or(0);
        let load = Load {
            reading: if standing.busy.is_some() { Activity::Busy } else { Activity::Idle },
            waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
        };
        if self.seen.config.models.danger_post_unapproved_results {
            Reader::Posting(load)
        } else {
            Reader::Silent(load)
        }
    }

    fn stranger(&self, now: Instant) -> Option<Stranger> {
        let latest = self.seen.strangers.list().into_iter().next()?;
        let ago = now.since(latest.last.monotonic);
        Some(Stranger { ae: Label::of(&latest.calling), ago })
    }

    fn sending(&self) -> Activity {
        let busy = self
            .seen
            .standings
            .values()
            .any(|standing| standing.lock().unwrap_or_else(PoisonError::into_inner).is_sending);
        if busy { Activity::Busy } else { Activity::Idle }
    }

    /// The destination that has been silent for the longest time with something owed to it.
    fn away(&self, now: Stamp, owed: &[crate::store::ledger::OwedCount]) -> Option<Away> {
        let silent = self.seen.standings.iter().filter_map(|(name, standing)| {
            let standing = standing.lock().unwrap_or_else(PoisonError::into_inner);
            let since = standing.away_since?;
            owed.iter().any(|count| count.destination == *name && 0 < count.owed).then_some(())?;
            let ae = Label::of(&self.seen.config.destinations.get(name)?.ae);
            Some((now.monotonic.since(since), ae))
        });
        let (lasting, ae) = silent.max_by_key(|(lasting, _)| *lasting)?;
        let ms = i64::try_from(lasting.as_millis()).unwrap_or(i64::MAX);
        let at = WallTime(now.wall.0.saturating_sub(ms)).civil(now.utc_offset_s);
        let minutes = u16::from(at.hour) * 60 + u16::from(at.minute);
        Some(Away { ae, lasting, since: Some(minutes), backlog: Backlog::default() })
    }

    /// Shows the lamp on the console: one line whenever it changes.
    pub async fn lamp(self: Arc<Self>) {
        let mut shown = None;
        loop {
            let status = Arc::clone(&self);
            let now = smol::unblock(move || panel(&status.snapshot())).await;
            if shown.as_ref() != Some(&now) {
                let [heart, scanner, reader, archive] =
                    now.lamps().map(|(_, lamp)| lamp.to_string());
                tracing::info!(%heart, %scanner, %reader, %archive, "{}", now.sentence);
                shown = Some(now);
            }
            smol::Timer::after(LAMP).await;
        }
    }

    /// Answers a line of the control socket.
    ///
    /// # Errors
    ///
    /// A sentence for whoever asked.
    pub fn answer(&self, question: &Question) -> Result<Value, String> {
        match question {
            Question::Studies { filter } => self.studies(*filter),
            Question::Study { uid } => self.study_by_uid(uid),
            Question::Resend { destination } => self.resend(destination),
        }
        .map_err(|error| error.to_string())
    }

    fn studies(&self, filter: StudyFilter) -> Result<Value, LedgerError> {
        let now = self.now();
        let since = WallTime(now.wall.0.saturating_sub(DAY_MS));
        let filter = match filter {
            StudyFilter::All => Filter::All,
            StudyFilter::Today => Filter::Since(since),
            StudyFilter::Owed => Filter::Owed,
            StudyFilter::Refused => Filter::Refused,
        };
        let seal = Seal(&self.seen.stores.vault);
        let studies = self.look(|view| view.studies(filter, STUDIES_SHOWN, &seal))?;
        let destinations = self.destinations()?;
        let mut text = vec![panel(&self.snapshot()).sentence.to_string()];
        text.extend(destinations.iter().map(|line| {
            format!("{}: {} owed, {} refused {}", line.name, line.owed, line.parked, line.words)
        }));
        text.extend(studies.iter().map(|study| {
            format!(
                "{} {} {}: {} instances, {} owed, {} refused",
                study.first.text(),
                study.modality,
                study.label.reveal("the user at the control socket may see it"),
                study.objects,
                study.owed,
                study.parked
            )
        }));
        Ok(json!({
            "text": text,
            "destinations": destinations.iter().map(|line| json!({
                "name": line.name, "owed": line.owed, "parked": line.parked, "words": line.words,
            })).collect::<Vec<_>>(),
            "studies": studies.iter().map(|study| json!({
                "study": study.label.reveal("the user at the control socket may see it"),
                "modality": study.modality,
                "instances": study.objects,
                "owed": study.owed,
                "parked": study.parked,
                "delivered": study.delivered,
                "first": study.first.text(),
            })).collect::<Vec<_>>(),
        }))
    }

    fn study_by_uid(&self, uid: &str) -> Result<Value, LedgerError> {
        let missing = || LedgerError::NoSuch { what: "study" };
        let uid = Uid::parse(uid.as_bytes()).ok().ok_or_else(missing)?;
        let seal = Seal(&self.seen.stores.vault);
        let study = self.look(|view| view.study(&uid, &seal))?.ok_or_else(missing)?;
        let events = self.look(|view| view.timeline(study))?;
        let stores = &self.seen.stores;
        let jobs = self.look(|view| results::of_study(view, stores, study))?;
        let result = |job: &JobResult| {
            let known = &job.job;
            json!({
                "package": known.package, "revision": known.revision, "words": job.words(),
                "refusal": known.refusal, "superseded": job.is_superseded,
                "posted_to": known.routes, "document": job.json(stores),
            })
        };
        let lines = self.timeline(study)?;
        let mut text: Vec<String> =
            lines.iter().map(|(at, what)| format!("{at}  {what}")).collect();
        text.extend(jobs.iter().map(|job| format!("{}: {}", job.job.package, job.words())));
        Ok(json!({
            "text": text,
            "timeline": events.iter().map(|event| json!({
                "at": event.at.text(), "kind": event.kind, "words": event.words,
                "count": event.count, "what": timeline::sentence(event),
            })).collect::<Vec<_>>(),
            "results": jobs.iter().map(result).collect::<Vec<_>>(),
        }))
    }

    fn timeline(&self, study: StudyRow) -> Result<Vec<(String, String)>, LedgerError> {
        let events = self.look(|view| view.timeline(study))?;
        Ok(events.iter().map(|event| (event.at.text(), timeline::sentence(event))).collect())
    }

    /// What came of a study, the latest first, and all its pictures in that order.
    fn results(
        &self,
        study: StudyRow,
    ) -> Result<(Vec<ResultView>, Vec<KeptDocument>), LedgerError> {
        let stores = &self.seen.stores;
        let jobs = self.look(|view| results::of_study(view, stores, study))?;
        let is_open = self.seen.config.page.danger_open_page;
        let mut pictures = Vec::new();
        let current = jobs.iter().rev().filter(|job| !job.is_superseded);
        let views = current.map(|result| {
            let document = result.json(stores).unwrap_or_default();
            let summary = document.get("summary").and_then(Value::as_str);
            let first = pictures.len() + 1;
            let captures = result.captures().cloned();
            pictures.extend(captures.filter(|_| is_open));
            let revision = match result.job.revision {
                0 => String::new(),
                revision => format!(", revision {revision}"),
            };
            ResultView {
                package: format!("{}{revision}", result.job.package),
                state: result.words(),
                summary: summary.unwrap_or_default().to_owned(),
                marks: results::marks(&document),
                pictures: first..pictures.len() + 1,
                are_pictures_hidden: !is_open && result.captures().next().is_some(),
                posted_to: result.job.routes.clone(),
            }
        });
        Ok((views.collect(), pictures))
    }

    fn resend(&self, destination: &str) -> Result<Value, LedgerError> {
        let at = self.now();
        let count = self.seen.stores.ledger().resend(Resend::Parked(destination), at)?;
        Ok(json!({"text": [format!("{count} instances are owed again")], "owed_again": count}))
    }

    fn destinations(&self) -> Result<Vec<DestinationLine>, LedgerError> {
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method itself holds for one lifetime of the view only"
        )]
        let counts = self.look(|view| view.owed_counts())?;
        Ok(counts
            .into_iter()
            .map(|count| {
                let standing = self.seen.standings.get(&count.destination);
                let words = standing.map(|standing| {
                    standing.lock().unwrap_or_else(PoisonError::into_inner).words.clone()
                });
                DestinationLine {
                    name: count.destination,
                    owed: count.owed,
                    parked: count.parked,
                    words: words.unwrap_or_default(),
                }
            })
            .collect())
    }

    fn line(&self, study: &StudySummary) -> StudyLine {
        let who = if self.seen.config.page.danger_open_page {
            let patient = study.patient.reveal("danger_open_page shows names on loopback");
            let name = text::decode(&patient.name, &patient.character_set).marked();
            text::person_name(&name)
        } else {
            format!("Study {} (names are hidden)", study.study)
        };
        StudyLine {
            number: study.study.0,
            who,
            modality: study.modality.clone(),
            instances: study.objects,
            first: study.first.text(),
            owed: study.owed,
            parked: study.parked,
        }
    }

    fn all_studies(&self) -> Result<Vec<StudySummary>, LedgerError> {
        let seal = Seal(&self.seen.stores.vault);
        self.look(|view| view.studies(Filter::All, STUDIES_SHOWN, &seal))
    }
}

fn colour(panel: &Panel) -> &'static str {
    match panel.heart.colour {
        Colour::Red => "red",
        Colour::Yellow => "yellow",
        Colour::Green | Colour::Blue | Colour::White => "green",
    }
}

impl web::View for Status {
    fn overview(&self) -> Result<Overview, String> {
        let snapshot = self.snapshot();
        let shown = panel(&snapshot);
        let text = |error: LedgerError| error.to_string();
        Ok(Overview {
            colour: colour(&shown),
            sentence: shown.sentence.to_string(),
            problems: snapshot
                .faults
                .iter()
                .map(|fault| {
                    format!("{} {} ({})", fault.sentence(), fault.what_to_do(), fault.code())
                })
                .collect(),
            destinations: self.destinations().map_err(text)?,
            studies: self.all_studies().map_err(text)?.iter().map(|s| self.line(s)).collect(),
        })
    }

    fn study(&self, number: i64) -> Result<Option<StudyPage>, String> {
        let text = |error: LedgerError| error.to_string();
        let studies = self.all_studies().map_err(text)?;
        let Some(study) = studies.iter().find(|study| study.study.0 == number) else {
            return Ok(None);
        };
        let timeline = self.timeline(study.study).map_err(text)?;
        let (results, _) = self.results(study.study).map_err(text)?;
        Ok(Some(StudyPage { line: self.line(study), results, timeline }))
    }

    fn picture(&self, number: i64, picture: usize) -> Result<Option<Vec<u8>>, String> {
        let (_, pictures) = self.results(StudyRow(number)).map_err(|error| error.to_string())?;
        let document = picture.checked_sub(1).and_then(|index| pictures.get(index));
        let bytes = document.and_then(|document| results::bytes(&self.seen.stores, document));
        Ok(bytes.and_then(|bytes| results::png(&bytes)))
    }
}
