//! Series of the phantom as data sets, as the vault would hand them over.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use scanpost::base::uid::Uid;
use scanpost::dicom::element::Elements;
use scanpost::dicom::header::SliceFacts;
use scanpost::dicom::syntax::TransferSyntax;
use scanpost::dicom::syntax::{DEFLATED_LE, EXPLICIT_BE, EXPLICIT_LE, Encoding, IMPLICIT_LE};
use scanpost::dicom::tags;
use scanpost::dicom::walker::{Keep, Walker};
use scanpost::image::frame::{ByteOrder, Frame};
use scanpost::image::geometry::Coverage;
use scanpost::image::phantom::{Phantom, PhantomSettings, PhantomSlice, Pose};
use scanpost::image::volume::Volume;
use scanpost::model::package::Package;
use scanpost::node::worker::{Slices, SlicesError, Worker};

/// The syntaxes that instances take in turns.
const SYNTAXES: [(&str, Encoding); 4] = [
    (IMPLICIT_LE, Encoding::ImplicitLe),
    (EXPLICIT_LE, Encoding::ExplicitLe),
    (EXPLICIT_BE, Encoding::ExplicitBe),
    (DEFLATED_LE, Encoding::DeflatedLe),
];

/// The binary under test.
pub(crate) fn worker() -> Worker {
    Worker::of(env!("CARGO_BIN_EXE_scanpost").into())
}

/// The parts of the package in the repository.
pub(crate) fn parts() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/lung-nodule");
    let names = ["CARD.md", "NOTICE", "golden/output.f32", "golden/slice.i16", "model.onnx"];
    let names = names.into_iter().chain(["model.toml"]);
    names.map(|name| (name.to_owned(), std::fs::read(folder.join(name)).unwrap())).collect()
}

pub(crate) fn package() -> Package {
    Package::parse(&parts()).unwrap()
}

/// One instance as it was kept.
#[derive(Clone)]
pub(crate) struct Instance {
    pub(crate) syntax: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// A series in memory.
#[derive(Clone)]
pub(crate) struct Series {
    pub(crate) facts: Vec<SliceFacts>,
    pub(crate) instances: Vec<Instance>,
    next: usize,
    sent: usize,
}

impl Slices for Series {
    fn facts(&self) -> &[SliceFacts] {
        &self.facts
    }

    fn begin(&mut self) -> Result<Option<Uid>, SlicesError> {
        let Some(instance) = self.instances.get(self.next) else { return Ok(None) };
        self.next += 1;
        self.sent = 0;
        Ok(Uid::parse(instance.syntax.as_bytes()).ok())
    }

    fn chunk(&mut self, chunk: &mut Vec<u8>) -> Result<bool, SlicesError> {
        let bytes = &self.instances[self.next - 1].bytes;
        let end = bytes.len().min(self.sent + 64 * 1024);
        chunk.extend_from_slice(&bytes[self.sent..end]);
        self.sent = end;
        Ok(end < bytes.len())
    }
}

/// A phantom with its pixels, and the same as data sets in every syntax.
pub(crate) struct Case {
    slices: Vec<PhantomSlice>,
    pub(crate) series: Series,
}

pub(crate) fn case(count: usize, pose: Pose) -> Case {
    drawn(count, pose, |_| ())
}

/// The same of soft tissue alone.
pub(crate) fn without_lungs(count: usize) -> Case {
    drawn(count, Pose::Hfs, |slice| slice.hu.fill(40))
}

fn drawn(count: usize, pose: Pose, change: impl Fn(&mut PhantomSlice)) -> Case {
    let settings = PhantomSettings { slices: count, pose, ..PhantomSettings::default() };
    let phantom = Phantom::new(settings);
    let mut slices: Vec<_> = (0..count).map(|index| phantom.slice(index)).collect();
    slices.iter_mut().for_each(change);
    let mut series = Series { facts: Vec::new(), instances: Vec::new(), next: 0, sent: 0 };
    for (slice, (syntax, encoding)) in slices.iter().zip(SYNTAXES.into_iter().cycle()) {
        let bytes = data_set(slice, encoding);
        series.facts.push(slice.facts());
        assert_eq!(walked(syntax, &bytes), slice.facts(), "the fixture writes what it means");
        series.instances.push(Instance { syntax, bytes });
    }
    Case { slices, series }
}

impl Case {
    /// The volume, made in this process straight from the pixels.
    pub(crate) fn volume(&self) -> Volume {
        let facts = &self.series.facts;
        let frame = |(slice, facts): (&PhantomSlice, &SliceFacts)| {
            Frame::decode(facts, ByteOrder::LittleEndian, &slice.pixel_data()).unwrap()
        };
        let frames: Vec<_> = self.slices.iter().zip(facts).map(frame).collect();
        Volume::build(&Coverage::of(facts), facts, &frames).unwrap()
    }
}

/// The facts that the walker keeps of a data set.
fn walked(syntax: &str, bytes: &[u8]) -> SliceFacts {
    let syntax = TransferSyntax::lookup(&Uid::parse(syntax.as_bytes()).unwrap()).unwrap();
    let mut walker = Walker::new(syntax, Keep::Routing);
    walker.feed(bytes).unwrap();
    let walk = walker.finish().unwrap();
    SliceFacts::of(&walk.header, walk.pixel_data.as_ref())
}

/// Writes a slice as a CT image, in the order of tags.
fn data_set(slice: &PhantomSlice, encoding: Encoding) -> Vec<u8> {
    let facts = slice.facts();
    let decimals =
        |numbers: &[f64]| numbers.iter().map(f64::to_string).collect::<Vec<_>>().join("\\");
    let number = |fact: Option<u16>| fact.unwrap();
    let bytes = Elements::new(encoding)
        .text(tags::IMAGE_TYPE, *b"CS", &facts.image_type.join("\\"))
        .text(tags::BODY_PART_EXAMINED, *b"CS", &facts.body_part)
        .text(tags::SLICE_THICKNESS, *b"DS", &decimals(&[slice.thickness]))
        .text(tags::CONVOLUTION_KERNEL, *b"SH", &facts.kernel)
        .text(tags::PATIENT_POSITION, *b"CS", slice.patient_position)
        .text(tags::ACQUISITION_NUMBER, *b"IS", "1")
        .text(tags::INSTANCE_NUMBER, *b"IS", &slice.instance_number.to_string())
        .text(tags::IMAGE_POSITION_PATIENT, *b"DS", &decimals(&slice.position))
        .text(tags::IMAGE_ORIENTATION_PATIENT, *b"DS", &decimals(&slice.orientation))
        .us(tags::SAMPLES_PER_PIXEL, 1)
        .text(tags::PHOTOMETRIC_INTERPRETATION, *b"CS", &facts.photometric)
        .us(tags::ROWS, slice.rows)
        .us(tags::COLUMNS, slice.columns)
        .text(tags::PIXEL_SPACING, *b"DS", &decimals(&slice.pixel_spacing))
        .us(tags::BITS_ALLOCATED, number(facts.bits_allocated))
        .us(tags::BITS_STORED, number(facts.bits_stored))
        .us(tags::HIGH_BIT, number(facts.high_bit))
        .us(tags::PIXEL_REPRESENTATION, number(facts.pixel_representation))
        .text(tags::RESCALE_INTERCEPT, *b"DS", &decimals(&[facts.rescale_intercept.unwrap()]))
        .text(tags::RESCALE_SLOPE, *b"DS", &decimals(&[facts.rescale_slope.unwrap()]))
        .put(tags::PIXEL_DATA, *b"OW", &slice.pixel_data())
        .into_bytes();
    if encoding != Encoding::DeflatedLe {
        return bytes;
    }
    let level = flate2::Compression::fast();
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
    encoder.write_all(&bytes).unwrap();
    encoder.finish().unwrap()
}
