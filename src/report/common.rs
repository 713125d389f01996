//! What all documents of a job share: the checked inputs, and the plan of the set.

use std::ops::Range;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use crate::base::digest::Digest;
use crate::base::uid::Uid;
use crate::dicom::header::Element;
use crate::dicom::syntax::EXPLICIT_LE;
use crate::image::volume::SourceVoxel;
use crate::infer::finding::{Extent, Mark, Measured, Picture, Reading, Run};

use super::dataset::{DataSet, kept};
use super::uids::Uids;
use super::{Document, JobFacts, Kind, Outcome, ReportError, Source};

/// Documents of one set at most: Instance Number leaves this many to each revision.
pub(super) const DOCUMENTS_MAX: u32 = 1000;

/// Marks of one reading: nobody looks at more, and the words about them still fit one capture.
const MARKS_MAX: usize = 1000;
/// Lengths in mm and volumes in mL that a body can hold; they also fit the 16 characters of DS.
const SIZES: Range<f64> = 0.0..1.0e6;

/// The inputs, checked once: every slice, row, column and mark that they name exists.
pub(super) struct Context<'a> {
    /// How the job ended.
    pub(super) outcome: Outcome<'a>,
    /// The sources, at least one, all of one study and series.
    pub(super) sources: &'a [Source],
    /// The job.
    pub(super) job: &'a JobFacts,
    /// Makes the UIDs.
    pub(super) uids: Uids,
    /// Study Instance UID.
    pub(super) study: Uid,
    /// What references to the sources name.
    pub(super) references: Vec<Reference>,
}

/// An instance as others refer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// Its SOP Class UID.
    pub(super) class: Uid,
    /// Its SOP Instance UID.
    pub(super) instance: Uid,
}

/// A document of the set before it is written.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    /// What it will be.
    pub(super) kind: Kind,
    /// Its place in the set.
    pub(super) ordinal: u32,
    /// Which picture a capture shows; `None` for one of words only.
    pub(super) picture: Option<usize>,
    /// Its SOP Class UID.
    pub(super) class: Option<Uid>,
    /// Its SOP Instance UID.
    pub(super) instance: Uid,
    /// Its Series Instance UID.
    pub(super) series: Uid,
}

/// A mark that was measured: one segment.
pub(super) struct Segment<'a> {
    /// Segment Number, from 1.
    pub(super) number: u16,
    /// Index of the mark.
    pub(super) index: usize,
    /// Its size and outline.
    pub(super) measured: &'a Measured,
}

impl Source {
    /// Returns the value of an element as it was sent.
    pub(super) fn value(&self, tag: Tag) -> Option<&[u8]> {
        self.header.get(kept(tag)).map(|Element { value, .. }| value.as_slice())
    }

    /// Returns the value unless it is missing or blank.
    pub(super) fn filled(&self, tag: Tag) -> Option<&[u8]> {
        self.value(tag).filter(|bytes| bytes.iter().any(|byte| !matches!(byte, 0 | b' ')))
    }

    fn uid(&self, tag: Tag) -> Option<Uid> {
        Uid::parse(self.value(tag)?).ok()
    }

    /// Returns the first US value.
    pub(super) fn u16(&self, tag: Tag) -> Option<u16> {
        self.value(tag)?.first_chunk::<2>().map(|bytes| u16::from_le_bytes(*bytes))
    }
}

impl Planned {
    /// Returns the finished document.
    pub(super) fn document(&self, bytes: Vec<u8>) -> Document {
        Document {
            kind: self.kind,
            ordinal: self.ordinal,
            sop_class: self.class.clone(),
            sop_instance: self.instance.clone(),
            series: self.series.clone(),
            transfer_syntax: fixed_uid(EXPLICIT_LE),
            bytes,
        }
    }
}

impl<'a> Context<'a> {
    /// Checks the inputs.
    ///
    /// # Errors
    ///
    /// See [`ReportError`]: everything but encoding is found here.
    pub(super) fn new(
        outcome: Outcome<'a>,
        sources: &'a [Source],
        job: &'a JobFacts,
    ) -> Result<Self, ReportError> {
        let first = sources.first().ok_or(ReportError::NoSource)?;
        let need = |index: usize, source: &Source, tag| {
            source.uid(tag).ok_or(ReportError::Missing { index, tag: kept(tag) })
        };
        let study = need(0, first, tags::STUDY_INSTANCE_UID)?;
        let series = need(0, first, tags::SERIES_INSTANCE_UID)?;
        let mut references = Vec::with_capacity(sources.len());
        for (index, source) in sources.iter().enumerate() {
            if need(index, source, tags::STUDY_INSTANCE_UID)? != study
                || need(index, source, tags::SERIES_INSTANCE_UID)? != series
            {
                return Err(ReportError::MixedSources { index });
            }
            references.push(Reference {
                class: need(index, source, tags::SOP_CLASS_UID)?,
                instance: need(index, source, tags::SOP_INSTANCE_UID)?,
            });
        }
        let context = Self {
            outcome,
            sources,
            job,
            uids: Uids {
                box_id: job.box_id,
                vault_identity: job.vault_identity,
                job: job.job,
                package: job.package.digest,
                source_series: series,
            },
            study,
            references,
        };
        if let Outcome::Read(reading) = outcome {
            context.check(reading)?;
        }
        Ok(context)
    }

    fn check(&self, reading: &Reading) -> Result<(), ReportError> {
        if reading.package_digest != self.job.package.digest {
            return Err(ReportError::OtherPackage);
        }
        for (index, mark) in reading.marks.iter().enumerate() {
            if !self.mark_fits(mark) {
                return Err(ReportError::Outside { mark: index });
            }
        }
        for (index, picture) in reading.pictures.iter().enumerate() {
            if !self.picture_fits(picture, reading) {
                return Err(ReportError::Picture { picture: index });
            }
        }
        if MARKS_MAX < reading.marks.len() {
            return Err(ReportError::TooMany { what: "marks" });
        }
        // Beside the captures: report, segmentation, JSON.
        match u32::try_from(reading.pictures.len()) {
            Ok(pictures) if pictures <= DOCUMENTS_MAX - 3 => Ok(()),
            _ => Err(ReportError::TooMany { what: "pictures" }),
        }
    }

    fn mark_fits(&self, mark: &Mark) -> bool {
        if !self.pixel_fits(mark.at) || !mark.centre.iter().all(|mm| mm.is_finite()) {
            return false;
        }
        let Extent::Measured(measured) = &mark.extent else {
            return true;
        };
        let run_fits = |run: &Run| {
            let end = run.count.checked_sub(1).and_then(|n| run.first.checked_add(n));
            end.is_some_and(|last| {
                self.pixel_fits(SourceVoxel { slice: run.slice, row: run.row, column: last })
            })
        };
        let [from, to] = measured.long_axis_ends;
        self.pixel_fits(from)
            && self.pixel_fits(to)
            && from.slice == to.slice
            && SIZES.contains(&measured.long_axis.0)
            && SIZES.contains(&measured.volume.0)
            && measured.mean.0.is_finite()
            && measured.mask.0.iter().all(run_fits)
    }

    fn pixel_fits(&self, at: SourceVoxel) -> bool {
        let size = |source: &Source| {
            Some([source.u16(tags::ROWS)?, source.u16(tags::COLUMNS)?].map(u32::from))
        };
        self.source(at.slice)
            .and_then(size)
            .is_some_and(|[rows, columns]| at.row < rows && at.column < columns)
    }

    fn picture_fits(&self, picture: &Picture, reading: &Reading) -> bool {
        let side = |side: u32| u16::try_from(side).ok().map(usize::from);
        let bytes = side(picture.width)
            .zip(side(picture.height))
            .and_then(|(width, height)| width.checked_mul(height)?.checked_mul(3));
        bytes == Some(picture.rgb.len())
            && !picture.rgb.is_empty()
            && self.source(picture.slice).is_some()
            && picture
                .marks
                .iter()
                .all(|mark| usize::try_from(*mark).is_ok_and(|mark| mark < reading.marks.len()))
    }

    /// Returns the reading, unless the job was not read.
    pub(super) fn reading(&self) -> Option<&'a Reading> {
        match self.outcome {
            Outcome::Read(reading) => Some(reading),
            Outcome::NotRead { .. } => None,
        }
    }

    /// Returns the marks; none where nothing was read.
    pub(super) fn marks(&self) -> &'a [Mark] {
        self.reading().map_or(&[], |reading| &reading.marks)
    }

    /// Returns the source that a slice number names.
    pub(super) fn source(&self, slice: u32) -> Option<&'a Source> {
        self.sources.get(usize::try_from(slice).ok()?)
    }

    /// Returns the Instance Number of the source that a slice number names, as text.
    pub(super) fn instance_number(&self, slice: u32) -> Option<String> {
        let value = self.source(slice)?.filled(tags::INSTANCE_NUMBER)?;
        Some(String::from_utf8_lossy(value).trim_matches([' ', '\0']).to_owned())
    }

    /// Returns the reference to the source that a slice number names.
    pub(super) fn reference(&self, slice: u32) -> Option<&Reference> {
        self.references.get(usize::try_from(slice).ok()?)
    }

    /// Returns the measured marks as segments, in the order of the marks.
    pub(super) fn segments(&self) -> Vec<Segment<'a>> {
        let measured = self.marks().iter().enumerate();
        let measured = measured.filter_map(|(index, mark)| match &mark.extent {
            Extent::Measured(measured) => Some((index, measured)),
            Extent::NotMeasured(_) => None,
        });
        (1..=u16::MAX)
            .zip(measured)
            .map(|(number, (index, measured))| Segment { number, index, measured })
            .collect()
    }

    /// Returns the Tracking Unique Identifier of a mark.
    pub(super) fn tracking(&self, index: usize) -> Uid {
        let marks = self.marks();
        let at = marks.get(index).map(|mark| mark.at);
        let earlier = marks.iter().take(index);
        let nth = earlier.filter(|mark| Some(mark.at) == at).count();
        let at = at.unwrap_or(SourceVoxel { slice: 0, row: 0, column: 0 });
        let instance =
            self.reference(at.slice).map_or(&self.study, |reference| &reference.instance);
        self.uids.tracking(instance, [at.row, at.column], u32::try_from(nth).unwrap_or(u32::MAX))
    }

    /// Returns what the set will hold, in order.
    pub(super) fn plan(&self) -> Vec<Planned> {
        let mut kinds = vec![(Kind::Sr, None)];
        if !self.segments().is_empty() {
            kinds.push((Kind::Seg, None));
        }
        let pictures = self.reading().map_or(0, |reading| reading.pictures.len());
        if self.marks().is_empty() || pictures == 0 {
            kinds.push((Kind::Capture, None));
        } else {
            kinds.extend((0..pictures).map(|picture| (Kind::Capture, Some(picture))));
        }
        kinds.push((Kind::Json, None));
        (0..)
            .zip(kinds)
            .map(|(ordinal, (kind, picture))| Planned {
                kind,
                ordinal,
                picture,
                class: sop_class(kind),
                instance: self.uids.instance(kind, ordinal),
                series: self.uids.series(kind),
            })
            .collect()
    }
}

impl Reference {
    /// Returns the item that refers to the instance.
    pub(super) fn item(&self) -> DataSet {
        let mut item = DataSet::default();
        item.uid(tags::REFERENCED_SOP_CLASS_UID, &self.class);
        item.uid(tags::REFERENCED_SOP_INSTANCE_UID, &self.instance);
        item
    }
}

/// Returns the SOP Class of a kind of document.
pub(super) fn sop_class(kind: Kind) -> Option<Uid> {
    match kind {
        Kind::Seg => Some(fixed_uid("1.2.840.10008.5.1.4.1.1.66.4")),
        Kind::Sr => Some(fixed_uid("1.2.840.10008.5.1.4.1.1.88.33")),
        Kind::Capture => Some(fixed_uid("1.2.840.10008.5.1.4.1.1.7")),
        Kind::Json => None,
    }
}

/// Parses a UID of the standard. The texts are constants of this room; should one ever be
/// wrong, the hash of it is still a UID that nothing else has.
pub(super) fn fixed_uid(text: &str) -> Uid {
    Uid::parse(text.as_bytes()).unwrap_or_else(|_broken| Digest::of(text.as_bytes()).uid())
}
