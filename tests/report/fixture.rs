//! A small made-up series, a reading of it, and the job.

use scanpost::base::digest::Digest;
use scanpost::base::ids::RecordNumber;
use scanpost::base::time::{Instant, Stamp, WallTime};
use scanpost::base::uid::Uid;
use scanpost::base::units::{Hu, Ml, Mm, Probability};
use scanpost::dicom::header::{Element, Header, Tag};
use scanpost::dicom::syntax::EXPLICIT_LE;
use scanpost::image::volume::SourceVoxel;
use scanpost::infer::finding::{
    Extent, Heatmap, Mark, Mask, Measured, NotMeasured, Picture, Reading, Run,
};
use scanpost::report::codes::{self, Codes};
use scanpost::report::{Device, JobFacts, Package, Source};

pub(crate) const ROWS: u16 = 11;
/// No multiple of 8, so that frames start inside bytes.
pub(crate) const COLUMNS: u16 = 13;

/// A name in JIS X 0208 with its escapes, and numbers as no printer would print them.
pub(crate) const NAME: &[u8] = b"YAMADA^TAROU=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B";
pub(crate) const SPACING: &[u8] = b"7.03125E-1\\.7031250 ";

pub(crate) fn uid(text: &str) -> Uid {
    Uid::parse(text.as_bytes()).unwrap()
}

/// Five slices of a small CT.
pub(crate) fn sources() -> Vec<Source> {
    (0..5).map(source).collect()
}

fn source(slice: u32) -> Source {
    let mut header = Header::default();
    let mut keep = |tag, vr: &[u8; 2], value: &[u8]| {
        let value = value.to_vec();
        header.keep(Tag(tag), Element { vr: *vr, value });
    };
    keep(0x0008_0005, b"CS", b"\\ISO 2022 IR 87 ");
    keep(0x0008_0016, b"UI", b"1.2.840.10008.5.1.4.1.1.2\0");
    keep(0x0008_0018, b"UI", format!("1.2.3.4.{slice}\0").as_bytes());
    keep(0x0008_0020, b"DA", b"20240229");
    keep(0x0008_0030, b"TM", b"101112");
    keep(0x0008_0050, b"SH", b"ACC 1 ");
    keep(0x0008_0070, b"LO", b"ACME CT ");
    keep(0x0008_1030, b"LO", b"Chest \xb1 ");
    keep(0x0008_1090, b"LO", b"Slicer 9");
    keep(0x0010_0010, b"PN", NAME);
    keep(0x0010_0020, b"LO", b"P-0042");
    keep(0x0010_0030, b"DA", b"19500101");
    keep(0x0010_0040, b"CS", b"M ");
    keep(0x0018_0015, b"CS", b"CHEST ");
    keep(0x0018_0050, b"DS", b"2.500 ");
    keep(0x0018_1020, b"LO", b"1.0\\2.0 ");
    keep(0x0020_000d, b"UI", b"1.2.3.1\0");
    keep(0x0020_000e, b"UI", b"1.2.3.2\0");
    keep(0x0020_0010, b"SH", b"7 ");
    keep(0x0020_0013, b"IS", format!("{} ", 101 + slice).as_bytes());
    let position = format!("-1.660E+2\\-171.7\\{:.6}", -2.5 * f64::from(slice));
    keep(0x0020_0032, b"DS", position.as_bytes());
    keep(0x0020_0037, b"DS", b"1.000000\\0\\0\\0\\1\\-0 ");
    keep(0x0020_0052, b"UI", b"1.2.3.3\0");
    keep(0x0028_0010, b"US", &ROWS.to_le_bytes());
    keep(0x0028_0011, b"US", &COLUMNS.to_le_bytes());
    keep(0x0028_0030, b"DS", SPACING);
    Source { header, transfer_syntax: uid(EXPLICIT_LE) }
}

/// The same slices from a careless sender: one orientation in other digits, one slice compressed
/// with loss, a name of odd length, no character set, no study id, no body part, no maker
/// of the scanner.
pub(crate) fn careless_sources() -> Vec<Source> {
    let mut careless = sources();
    for (index, source) in careless.iter_mut().enumerate() {
        let mut header = Header::default();
        for (tag, element) in source.header.iter() {
            let mut element = element.clone();
            match (tag.0, index) {
                (0x0008_0005 | 0x0008_0070 | 0x0008_1030 | 0x0018_0015 | 0x0020_0010, _) => {
                    continue;
                }
                (0x0010_0010, _) => element.value = b"DOE^JON".to_vec(),
                (0x0020_0037, 3) => element.value = b"1\\0\\0\\0\\1\\0 ".to_vec(),
                _ => {}
            }
            header.keep(tag, element);
        }
        if index == 2 {
            let mut keep = |tag, vr: &[u8; 2], value: &[u8]| {
                let value = value.to_vec();
                header.keep(Tag(tag), Element { vr: *vr, value });
            };
            keep(0x0028_2110, b"CS", b"01");
            keep(0x0028_2112, b"DS", b"10.0");
            keep(0x0028_2114, b"CS", b"ISO_10918_1 ");
        }
        source.header = header;
    }
    careless
}

pub(crate) fn job() -> JobFacts {
    JobFacts {
        job: RecordNumber { start: 7, sequence: 42 },
        supersedes: None,
        box_id: *b"box-identity-001",
        vault_identity: *b"vault-identity-1",
        decided: Stamp {
            boot: 1,
            monotonic: Instant::from_nanos(5),
            wall: WallTime(1_795_530_127_250),
            utc_offset_s: 3600,
            synced: true,
        },
        revision: 0,
        package: Package {
            name: "lung-nodule".to_owned(),
            version: "1.2.0".to_owned(),
            digest: Digest::of(b"package"),
            maker: "Example Makers".to_owned(),
        },
        codes: Codes { finding: codes::NODULE, site: codes::LUNG, procedure: codes::CT_CHEST },
        device: Device {
            manufacturer: "Scanpost".to_owned(),
            model: "Scanpost box".to_owned(),
            serial: "SP-0001".to_owned(),
            software_version: "scanpost 0.1.0".to_owned(),
        },
    }
}

pub(crate) fn voxel(slice: u32, row: u32, column: u32) -> SourceVoxel {
    SourceVoxel { slice, row, column }
}

fn run(slice: u32, row: u32, first: u32, count: u32) -> Run {
    Run { slice, row, first, count }
}

fn measured(mask: Vec<Run>, ends: [SourceVoxel; 2], volume: f64) -> Extent {
    Extent::Measured(Measured {
        long_axis: Mm(6.25),
        long_axis_ends: ends,
        volume: Ml(volume),
        mean: Hu(35.5),
        mask: Mask(mask),
    })
}

/// Three marks: two measured ones that overlap nowhere, and one without size between them.
pub(crate) fn reading() -> Reading {
    let mark = |score, at, extent| Mark {
        score: Probability::new(score).unwrap(),
        centre: [-160.0, -168.5, -2.5],
        at,
        extent,
    };
    let first = vec![run(1, 3, 4, 5), run(1, 4, 12, 1), run(2, 3, 5, 2)];
    let second = vec![run(4, 0, 0, 1), run(4, 10, 10, 3)];
    Reading {
        package: "lung-nodule".to_owned(),
        version: "1.2.0".to_owned(),
        package_digest: Digest::of(b"package"),
        threshold: Probability::new(0.5).unwrap(),
        marks: vec![
            mark(0.97, voxel(1, 3, 6), measured(first, [voxel(1, 3, 4), voxel(1, 4, 12)], 0.123)),
            mark(0.75, voxel(3, 5, 5), Extent::NotMeasured(NotMeasured::AlongPleura)),
            mark(
                0.625,
                voxel(4, 10, 11),
                measured(second, [voxel(4, 10, 10), voxel(4, 10, 12)], 0.02),
            ),
        ],
        heatmap: Heatmap::default(),
        pictures: vec![picture(1, vec![0]), picture(3, vec![1])],
        slices_read: 5,
    }
}

fn picture(slice: u32, marks: Vec<u32>) -> Picture {
    let (width, height) = (64u32, 48u32);
    let pixel = |at: u32| [at % 64 * 4, at / 64 * 5, 90].map(|value| u8::try_from(value).unwrap());
    Picture { slice, width, height, rgb: (0..width * height).flat_map(pixel).collect(), marks }
}

/// A reading without marks.
pub(crate) fn nothing_marked() -> Reading {
    Reading { marks: Vec::new(), pictures: Vec::new(), ..reading() }
}
