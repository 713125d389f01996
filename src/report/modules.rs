//! The modules that all our instances have: patient, study, series, equipment, SOP common.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::common::{Context, DOCUMENTS_MAX, Planned};
use super::dataset::DataSet;
use super::{Kind, Source, codes, notice};

/// Series Number of our first series: behind whatever a scanner counts to.
const SERIES_NUMBER: u32 = 9001;
/// Transfer syntaxes that always lose something: JPEG baseline and extended, near-lossless
/// JPEG-LS (PS3.5 A.4.1, A.4.3). JPEG 2000 may; there the attribute tells.
const LOSSY_SYNTAXES: [&str; 3] =
    ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81"];

impl Context<'_> {
    /// Returns a data set with the modules that every instance of ours has: patient, study,
    /// series, equipment, SOP common (PS3.3 C.7.1.1, C.7.2.1, C.7.3.1, C.7.5.1, C.12.1).
    pub(super) fn instance(&self, planned: &Planned) -> DataSet {
        let mut set = DataSet::default();
        self.patient_and_study(&mut set);
        self.series(&mut set, planned);
        self.equipment(&mut set);
        if let Some(class) = &planned.class {
            set.uid(tags::SOP_CLASS_UID, class);
        }
        set.uid(tags::SOP_INSTANCE_UID, &planned.instance);
        let number =
            self.job.revision.saturating_mul(DOCUMENTS_MAX).saturating_add(planned.ordinal + 1);
        // IS is a signed number of 32 bits.
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        set.text(tags::INSTANCE_NUMBER, &number.to_string());
        let (date, time) = (self.job.decided.da(), self.job.decided.tm());
        set.text(tags::INSTANCE_CREATION_DATE, &date);
        set.text(tags::INSTANCE_CREATION_TIME, &time);
        set.text(tags::CONTENT_DATE, &date);
        set.text(tags::CONTENT_TIME, &time);
        set.text(tags::CONTENT_QUALIFICATION, "RESEARCH");
        set
    }

    fn patient_and_study(&self, set: &mut DataSet) {
        const REQUIRED: [Tag; 9] = [
            tags::PATIENT_NAME,
            tags::PATIENT_ID,
            tags::PATIENT_BIRTH_DATE,
            tags::PATIENT_SEX,
            tags::STUDY_DATE,
            tags::STUDY_TIME,
            tags::ACCESSION_NUMBER,
            tags::REFERRING_PHYSICIAN_NAME,
            tags::STUDY_ID,
        ];
        const WHERE_SENT: [Tag; 7] = [
            tags::SPECIFIC_CHARACTER_SET,
            tags::STUDY_INSTANCE_UID,
            tags::STUDY_DESCRIPTION,
            tags::ISSUER_OF_PATIENT_ID,
            tags::PATIENT_AGE,
            tags::PATIENT_SIZE,
            tags::PATIENT_WEIGHT,
        ];
        // The one is not allowed without the other (PS3.3 C.7.1.1).
        const REMOVED: [Tag; 2] = [tags::PATIENT_IDENTITY_REMOVED, tags::DEIDENTIFICATION_METHOD];
        let Some(first) = self.sources.first() else {
            return;
        };
        for tag in REQUIRED {
            set.bytes(tag, first.value(tag).unwrap_or_default());
        }
        copy(set, first, &WHERE_SENT);
        if REMOVED.iter().all(|tag| first.filled(*tag).is_some()) {
            copy(set, first, &REMOVED);
        }
    }

    fn series(&self, set: &mut DataSet, planned: &Planned) {
        let (modality, offset, what) = match planned.kind {
            Kind::Seg => ("SEG", 0, "outlines"),
            Kind::Sr => ("SR", 1, "report"),
            Kind::Capture | Kind::Json => ("OT", 2, "pictures"),
        };
        set.text(tags::MODALITY, modality);
        set.uid(tags::SERIES_INSTANCE_UID, &planned.series);
        set.text(tags::SERIES_NUMBER, &(SERIES_NUMBER + offset).to_string());
        set.text(tags::SERIES_DATE, &self.job.decided.da());
        set.text(tags::SERIES_TIME, &self.job.decided.tm());
        let description = format!("{}: {what}, {}", notice::SERIES_PREFIX, self.job.package.name);
        set.text(tags::SERIES_DESCRIPTION, &description);
    }

    fn equipment(&self, set: &mut DataSet) {
        let mut ours = DataSet::default();
        self.device(&mut ours);
        let decided = &self.job.decided;
        let moment = format!("{}{}{}", decided.da(), decided.tm(), decided.utc_offset_text());
        ours.text(tags::CONTRIBUTION_DATE_TIME, &moment);
        let package = &self.job.package;
        let description = format!(
            "package {} {} of {}, BLAKE3 {}",
            package.name, package.version, package.maker, package.digest
        );
        ours.text(tags::CONTRIBUTION_DESCRIPTION, &description);
        ours.item(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, codes::PROCESSING_EQUIPMENT.item());
        let mut equipment: Vec<DataSet> =
            self.sources.first().and_then(scanner).into_iter().collect();
        equipment.push(ours);
        set.items(tags::CONTRIBUTING_EQUIPMENT_SEQUENCE, equipment);
        self.device(set);
    }

    fn device(&self, set: &mut DataSet) {
        let device = &self.job.device;
        set.text(tags::MANUFACTURER, &device.manufacturer);
        set.text(tags::MANUFACTURER_MODEL_NAME, &device.model);
        set.text(tags::DEVICE_SERIAL_NUMBER, &device.serial);
        set.uid(tags::DEVICE_UID, &self.uids.device());
        set.texts(tags::SOFTWARE_VERSIONS, &[&device.software_version, &self.package_label()]);
    }

    /// Returns name and version of the package.
    pub(super) fn package_label(&self) -> String {
        let package = &self.job.package;
        format!("{} {}", package.name, package.version)
    }

    /// Returns whether any source was compressed with loss, and copies what it says of it.
    pub(super) fn lossy(&self, set: &mut DataSet) {
        let says_so = |source: &Source| {
            source
                .value(tags::LOSSY_IMAGE_COMPRESSION)
                .is_some_and(|value| value.starts_with(b"01"))
        };
        let is_lossy = |source: &&Source| {
            says_so(source) || LOSSY_SYNTAXES.contains(&source.transfer_syntax.as_str())
        };
        match self.sources.iter().find(is_lossy) {
            Some(source) => {
                set.text(tags::LOSSY_IMAGE_COMPRESSION, "01");
                copy(
                    set,
                    source,
                    &[tags::LOSSY_IMAGE_COMPRESSION_RATIO, tags::LOSSY_IMAGE_COMPRESSION_METHOD],
                );
            }
            None => set.text(tags::LOSSY_IMAGE_COMPRESSION, "00"),
        }
    }
}

/// Copies the elements of `tags` that have a value in the source: where an element may be left
/// out, an empty one is often an error.
pub(super) fn copy(set: &mut DataSet, source: &Source, tags: &[Tag]) {
    for tag in tags {
        if let Some(value) = source.filled(*tag) {
            set.bytes(*tag, value);
        }
    }
}

/// The scanner, in its own bytes. Manufacturer is required in the item: without it there is none.
fn scanner(source: &Source) -> Option<DataSet> {
    const COPIED: [Tag; 8] = [
        tags::MANUFACTURER,
        tags::MANUFACTURER_MODEL_NAME,
        tags::DEVICE_SERIAL_NUMBER,
        tags::SOFTWARE_VERSIONS,
        tags::DEVICE_UID,
        tags::INSTITUTION_NAME,
        tags::INSTITUTIONAL_DEPARTMENT_NAME,
        tags::STATION_NAME,
    ];
    source.filled(tags::MANUFACTURER)?;
    let mut item = DataSet::default();
    copy(&mut item, source, &COPIED);
    item.item(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, codes::ACQUISITION_EQUIPMENT.item());
    Some(item)
}
