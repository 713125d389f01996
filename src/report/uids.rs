//! The UIDs of results: hashes of what they name, so that a resend is the same instance.

use crate::base::digest::Digest;
use crate::base::ids::RecordNumber;
use crate::base::uid::Uid;

use super::Kind;

/// Version of what our documents look like. It rises with every change of their bytes, so that
/// other bytes never come under a UID that was used.
pub const RESULT_FORMAT: u32 = 1;

/// What all UIDs of one job are made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uids {
    /// The box.
    pub box_id: [u8; 16],
    /// The vault.
    pub vault_identity: [u8; 16],
    /// The job's record.
    pub job: RecordNumber,
    /// The package.
    pub package: Digest,
    /// The series that was looked at.
    pub source_series: Uid,
}

impl Uids {
    /// Names the document of `kind` at place `ordinal` of the job's set.
    pub fn instance(&self, kind: Kind, ordinal: u32) -> Uid {
        self.hash(
            "instance",
            &[&self.job.to_u64().to_le_bytes(), kind.name().as_bytes(), &ordinal.to_le_bytes()],
        )
    }

    /// Names the series of all documents of `kind` that this package makes of this series: a
    /// revision is a further instance in it.
    pub fn series(&self, kind: Kind) -> Uid {
        self.hash(
            "series",
            &[kind.name().as_bytes(), &self.package.0, self.source_series.as_str().as_bytes()],
        )
    }

    /// Names what a mark points at, by the source pixel of its centre: the same in every
    /// document, and over revisions as long as the package marks the same pixel. `nth` counts
    /// earlier marks of the same pixel.
    pub fn tracking(&self, source_instance: &Uid, pixel: [u32; 2], nth: u32) -> Uid {
        let [row, column] = pixel;
        self.hash(
            "tracking",
            &[
                &self.package.0,
                source_instance.as_str().as_bytes(),
                &row.to_le_bytes(),
                &column.to_le_bytes(),
                &nth.to_le_bytes(),
            ],
        )
    }

    /// Names the order of the frames of the job's segmentation.
    pub fn dimensions(&self) -> Uid {
        self.hash("dimensions", &[&self.job.to_u64().to_le_bytes()])
    }

    /// Names box and model together as a device: it changes with the model.
    pub fn device(&self) -> Uid {
        Digest::of_parts(&[b"device", &self.box_id, &self.package.0]).uid()
    }

    fn hash(&self, purpose: &str, parts: &[&[u8]]) -> Uid {
        let format = RESULT_FORMAT.to_le_bytes();
        let mut all: Vec<&[u8]> =
            vec![purpose.as_bytes(), &self.box_id, &self.vault_identity, &format];
        all.extend(parts);
        Digest::of_parts(&all).uid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uids() -> Uids {
        Uids {
            box_id: [1; 16],
            vault_identity: [2; 16],
            job: RecordNumber { start: 3, sequence: 4 },
            package: Digest::of(b"package"),
            source_series: Uid::parse(b"1.2.3").unwrap(),
        }
    }

    #[test]
    fn every_part_of_the_name_changes_the_uid() {
        let first = uids().instance(Kind::Sr, 0);
        let mut others = vec![
            uids().instance(Kind::Seg, 0),
            uids().instance(Kind::Sr, 1),
            uids().series(Kind::Sr),
        ];
        for change in [
            |uids: &mut Uids| uids.box_id = [9; 16],
            |uids: &mut Uids| uids.vault_identity = [9; 16],
            |uids: &mut Uids| uids.job.sequence = 9,
        ] {
            let mut changed = uids();
            change(&mut changed);
            others.push(changed.instance(Kind::Sr, 0));
        }
        others.push(first.clone());
        let count = others.len();
        others.sort();
        others.dedup();
        assert_eq!(others.len(), count);
        assert_eq!(first, uids().instance(Kind::Sr, 0));
        assert!(first.is_conformant());
    }

    #[test]
    fn a_revision_stays_in_its_series_and_keeps_its_tracking_uids() {
        let mut later = uids();
        later.job.sequence = 99;
        let at = Uid::parse(b"1.2.3.4").unwrap();
        assert_eq!(later.series(Kind::Seg), uids().series(Kind::Seg));
        assert_eq!(later.tracking(&at, [5, 6], 0), uids().tracking(&at, [5, 6], 0));
        assert_ne!(later.tracking(&at, [5, 6], 0), uids().tracking(&at, [6, 5], 0));
        assert_eq!(later.device(), uids().device());
    }

    #[test]
    fn another_model_is_another_device_and_another_series() {
        let mut other = uids();
        other.package = Digest::of(b"other");
        assert_ne!(other.device(), uids().device());
        assert_ne!(other.series(Kind::Seg), uids().series(Kind::Seg));
    }
}
