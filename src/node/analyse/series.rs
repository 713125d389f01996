//! One series of a study as planning sees it: its newest instances, their geometry, and what
//! stands against reading them.

use crate::base::ids::{Arrival, RecordNumber, SeriesRow};
use crate::base::limits::STUDY_INSTANCES_MAX;
use crate::base::uid::Uid;
use crate::base::urgency::Urgency;
use crate::dicom::header::SliceFacts;
use crate::dicom::syntax::TransferSyntax;
use crate::flow::gather::{self, Complete};
use crate::flow::plan::{self, Claim};
use crate::flow::reasons::Reason;
use crate::image::geometry::{Coverage, GeometryRefusal};
use crate::model::manifest::{self, Manifest};
use crate::model::select::{self, Match, SeriesFacts};
use crate::store::ledger::{KeptObject, Quarantine, SeriesObjects, Standing};

/// A series and what can be said of it without its pixels.
pub(super) struct SeriesLook {
    /// Its row.
    pub(super) row: SeriesRow,
    /// Series Instance UID; `None` for instances that have none.
    pub(super) uid: Option<Uid>,
    /// Its newest arrival, replaced versions included.
    pub(super) last_arrival: Arrival,
    objects: Vec<KeptObject>,
    coverage: Coverage,
    facts: SeriesFacts,
}

impl SeriesLook {
    /// Looks at the instances up to `up_to`, of each the newest version; `None` if there is none.
    pub(super) fn of(series: SeriesObjects, up_to: Arrival) -> Option<Self> {
        let here = series.objects.into_iter().filter(|object| object.arrival <= up_to);
        let here: Vec<KeptObject> = here.collect();
        let last_arrival = here.iter().map(|object| object.arrival).max()?;
        let objects: Vec<KeptObject> =
            here.into_iter().filter(|object| object.standing == Standing::Latest).collect();
        let modality = objects.first()?.identity.modality.clone();
        let slices: Vec<SliceFacts> = objects.iter().map(|object| object.facts.clone()).collect();
        let coverage = Coverage::of(&slices);
        let facts = SeriesFacts::of(&modality, &slices, &coverage);
        Some(Self { row: series.row, uid: series.series, last_arrival, objects, coverage, facts })
    }

    /// Study Instance UID.
    pub(super) fn study(&self) -> Option<&Uid> {
        self.objects.first()?.identity.study.as_ref()
    }

    /// Who sent its first instance.
    pub(super) fn calling(&self) -> Option<&str> {
        Some(self.objects.first()?.calling.as_str())
    }

    /// How urgent its most urgent instance is.
    pub(super) fn urgency(&self) -> Option<Urgency> {
        self.objects.iter().map(|object| object.urgency).min()
    }

    /// Returns geometry's answer as `flow::gather` takes it.
    pub(super) fn coverage_fact(&self) -> gather::Coverage {
        let complete = match (&self.coverage.verdict, self.coverage.gaps.is_empty()) {
            (_, false) => Complete::Gap,
            (Ok(_), true) => Complete::Even,
            (Err(_), true) => Complete::Unknown,
        };
        let slices = u32::try_from(self.coverage.order.len()).unwrap_or(u32::MAX);
        gather::Coverage { slices, complete }
    }

    /// Returns what `flow::plan` needs whatever the package.
    pub(super) fn planned(&self, quarantine: Quarantine) -> plan::Series {
        plan::Series {
            against: match quarantine {
                Quarantine::Yes => Some(Reason::Quarantined),
                Quarantine::No => self.against(),
            },
            instances: u32::try_from(self.objects.len()).unwrap_or(u32::MAX),
        }
    }

    /// Returns what stands against reading the series, the most telling reason first.
    fn against(&self) -> Option<Reason> {
        if STUDY_INSTANCES_MAX < self.objects.len() {
            return Some(Reason::TooManySlices);
        }
        if self.objects.iter().all(|object| object.facts.rows.is_none()) {
            return Some(Reason::NotImages);
        }
        let unreadable = self.objects.iter().find_map(|object| object.unreadable.as_deref());
        if let Some(word) = unreadable {
            return Some(Reason::of_word(word).unwrap_or(Reason::OddDataSet));
        }
        self.objects.iter().find_map(pixels)
    }

    /// Returns what a package says to the series.
    pub(super) fn claim(&self, manifest: &Manifest) -> Claim {
        match select::select(manifest, &self.facts) {
            Match::NotClaimed => Claim::Foreign(self.foreign(&manifest.claim)),
            Match::Claimed(Err(reason)) => Claim::Cannot(unfit(reason)),
            Match::Claimed(Ok(())) => {
                let spacing = self.facts.stack.map_or(0.0, |stack| stack.slice_spacing_mm);
                Claim::Reads { spacing_um: micrometres(spacing) }
            }
        }
    }

    /// Why a package does not claim the series.
    fn foreign(&self, claim: &manifest::Claim) -> Reason {
        let has = |word: &str| self.facts.image_type.iter().any(|value| value == word);
        if self.facts.modality != claim.modality {
            Reason::WrongModality
        } else if has("LOCALIZER") {
            Reason::Localizer
        } else if has("DERIVED") || has("SECONDARY") {
            Reason::Derived
        } else {
            Reason::WrongRegion
        }
    }

    /// Returns the records that a job looks at: the stack in its order, or everything that a
    /// refusal is about.
    pub(super) fn sources(&self, refusal: Option<Reason>) -> Vec<RecordNumber> {
        if refusal.is_none() {
            let stack = self.coverage.order.iter();
            return stack.filter_map(|index| Some(self.objects.get(*index)?.number)).collect();
        }
        let all = self.objects.iter().take(STUDY_INSTANCES_MAX);
        all.map(|object| object.number).collect()
    }
}

/// What stands against decoding one instance, as far as its attributes tell.
fn pixels(object: &KeptObject) -> Option<Reason> {
    let facts = &object.facts;
    let syntax = TransferSyntax::lookup(&object.transfer_syntax);
    if !syntax.is_some_and(|syntax| syntax.native_pixels) {
        return Some(Reason::Compressed);
    }
    if facts.frames.is_some_and(|frames| 1 < frames) {
        return Some(Reason::MultiFrame);
    }
    let samples = facts.samples_per_pixel.unwrap_or(1);
    if samples != 1 || (!facts.photometric.is_empty() && !facts.photometric.starts_with("MONO")) {
        return Some(Reason::Colour);
    }
    let sizes = facts.rows.zip(facts.columns).zip(facts.bits_allocated);
    let Some(((rows, columns), bits @ (8 | 16))) = sizes else {
        return Some(Reason::BadPixels);
    };
    if facts.photometric.is_empty() || facts.bits_stored.is_none() || rows == 0 || columns == 0 {
        return Some(Reason::BadPixels);
    }
    let needed = u64::from(rows) * u64::from(columns) * u64::from(bits / 8);
    (facts.pixel_bytes.unwrap_or(0) < needed).then_some(Reason::NoPixels)
}

/// Says why a series that a package claims is not read by it.
fn unfit(reason: select::Reason) -> Reason {
    use select::Reason as Unfit;
    match reason {
        Unfit::Geometry(refusal) => geometry(refusal),
        Unfit::Slices { found, least, .. } => {
            let few = u32::try_from(found).is_ok_and(|found| found < least);
            if few { Reason::TooFewSlices } else { Reason::TooManySlices }
        }
        Unfit::Matrix { .. } => Reason::Matrix,
        Unfit::PixelSpacing { .. } => Reason::PixelSpacing,
        Unfit::SliceSpacing { .. } => Reason::SliceSpacing,
        Unfit::Thickness { .. } => Reason::Thickness,
        Unfit::Kernel => Reason::Kernel,
    }
}

/// Says why slices are no volume.
pub(crate) fn geometry(refusal: GeometryRefusal) -> Reason {
    match refusal {
        GeometryRefusal::Unplaced { .. } => Reason::NoGeometry,
        GeometryRefusal::TooFew { .. } => Reason::TooFewSlices,
        GeometryRefusal::Mixed { .. } => Reason::Mixed,
        GeometryRefusal::Duplicates { .. } => Reason::Duplicates,
        GeometryRefusal::Gaps { .. } => Reason::Gap,
        GeometryRefusal::Tilted { .. } | GeometryRefusal::NotAxial => Reason::Tilt,
        GeometryRefusal::Uneven { .. } | GeometryRefusal::Shifted { .. } => Reason::UnevenSpacing,
        GeometryRefusal::Unscaled => Reason::NoRescale,
        GeometryRefusal::Frames => Reason::BadPixels,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a proven spacing is a few mm; the cast saturates"
)]
fn micrometres(mm: f64) -> u32 {
    (mm * 1000.0).round() as u32
}
