//! The one table of why something is not read, in the words of the people who ask.
//!
//! A reason is kept as its word (in records and rows) and shown as its sentence (on page, sheet
//! and command line). Words are for ever; sentences may be improved.

use std::fmt;

/// Who hears a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The study gets a document that says it, where a model claims the series and is not silent:
    /// somebody expected a reading.
    Study,
    /// Only the timeline shows it: nobody expects a reading of a localizer or a dose report.
    Timeline,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $audience:ident, $sentence:literal;)*) => {
        /// Why a series or an instance is not read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// Every reason, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Returns the word that records and rows keep: lower case and underscores.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// Returns the sentence that people read.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }

            /// Returns the sentence as the end of another one: "… because CLAUSE".
            pub fn clause(self) -> String {
                let sentence = self.sentence().trim_end_matches('.');
                let mut letters = sentence.chars();
                let first = letters.next().map(|first| first.to_ascii_lowercase());
                first.into_iter().chain(letters).collect()
            }

            /// Returns who hears it.
            pub fn audience(self) -> Audience {
                match self { $(Self::$name => Audience::$audience,)* }
            }

            /// Returns the reason of a word; `None` for a word of a later release.
            pub fn of_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$name),)* _ => None }
            }
        }
    };
}

reasons! {
    // What the data set is.

    /// A transfer syntax whose pixels no decoder of ours reads.
    Compressed = "compressed", Study,
        "The images are compressed in a way that this box cannot read.";
    /// Odd element lengths, wrong VRs, tags out of order.
    OddDataSet = "odd_data_set", Study,
        "The images are written in an unusual way, so the box forwards but does not read them.";
    /// No Study or Series Instance UID.
    NoStudy = "no_study", Study,
        "The images do not say which study or series they belong to.";
    /// No pixels in an image, or fewer than Rows × Columns need.
    NoPixels = "no_pixels", Study,
        "Images of the series have no picture data, or less than they should.";
    /// Rows, Columns, bits or Photometric Interpretation missing or not possible.
    BadPixels = "bad_pixels", Study,
        "The images do not say how their picture data is to be understood.";
    /// The decoder refused.
    NotDecoded = "not_decoded", Study,
        "The picture data of the series could not be opened.";

    // What kind of picture it is.

    /// Image Type says LOCALIZER, or slices lie across the others.
    Localizer = "localizer", Timeline,
        "This is a localizer (scout), not a series of slices.";
    /// Image Type says DERIVED or SECONDARY: a screen shot, an MPR, a fusion.
    Derived = "derived", Timeline,
        "These pictures were made from others; only original slices are read.";
    /// A report, a dose sheet, raw data: no image.
    NotImages = "not_images", Timeline,
        "This series holds no images.";
    /// Several frames in one instance.
    MultiFrame = "multi_frame", Study,
        "The series comes as one multi-frame object, which is not supported yet.";
    /// More than one sample a pixel, or a palette.
    Colour = "colour", Study,
        "The images are in colour; the models read grey images only.";

    // What is missing or does not fit for a volume.

    /// Position, orientation or spacing missing.
    NoGeometry = "no_geometry", Study,
        "The images do not say where in the patient they lie.";
    /// Rescale Slope or Intercept missing.
    NoRescale = "no_rescale", Study,
        "The images do not say how to turn their values into Hounsfield units.";
    /// A slice is missing between others, and did not come in the time that it had.
    Gap = "gap", Study,
        "Slices are missing in the middle of the series.";
    /// Distances that differ without a gap, or a slice that is displaced in its plane.
    UnevenSpacing = "uneven_spacing", Study,
        "The slices do not lie evenly one behind the other.";
    /// The gantry was tilted, or slices are not axial.
    Tilt = "tilt", Study,
        "The slices are tilted against the patient's axis.";
    /// Two slices at one place.
    Duplicates = "duplicates", Study,
        "Two or more slices lie at the same place: phases or repeats are mixed in one series.";
    /// Different matrices, spacings or orientations.
    Mixed = "mixed", Study,
        "The series mixes images of different size or direction.";
    /// Fewer slices than the model needs.
    TooFewSlices = "too_few_slices", Study,
        "The series has fewer slices than the model needs.";
    /// More slices than one job may look at.
    TooManySlices = "too_many_slices", Study,
        "The series has more slices than the box can read at once.";
    /// Rows or columns that the model was not made for.
    Matrix = "matrix", Study,
        "The images have more or fewer pixels than the model was made for.";
    /// Pixels of a size that the model was not made for.
    PixelSpacing = "pixel_spacing", Study,
        "The pixels are larger or smaller than the model was made for.";
    /// Slices nearer or farther apart than the model was made for.
    SliceSpacing = "slice_spacing", Study,
        "The slices lie closer together or farther apart than the model was made for.";
    /// Slices thicker or thinner than the model was made for.
    Thickness = "thickness", Study,
        "The slices are thicker or thinner than the model was made for.";
    /// A kernel that the model was not made for.
    Kernel = "kernel", Study,
        "The images were reconstructed in a way that the model was not made for.";

    // What the reader met.

    /// What the model searches in is not there.
    NoRegion = "no_region", Study,
        "The part of the body that the model searches was not found in the images.";
    /// It would take more memory than the reader may have.
    TooLarge = "too_large", Study,
        "The series is too large for this box to read.";

    // Who reads.

    /// No installed model is for this modality.
    WrongModality = "wrong_modality", Timeline,
        "No installed model reads this kind of examination.";
    /// No model at all.
    NoModel = "no_model", Timeline,
        "No model is installed.";
    /// Another region of the body.
    WrongRegion = "wrong_region", Timeline,
        "No installed model reads this part of the body.";
    /// Another series of the study fits the model better.
    OtherSeries = "other_series", Timeline,
        "Another series of the study suits the model better and is read instead.";
    /// It stopped the worker twice.
    Quarantined = "quarantined", Study,
        "The study stopped the reader twice and was set aside; it is still forwarded.";
    /// The model failed on it without stopping the worker.
    ModelFailed = "model_failed", Study,
        "The model could not finish with this series.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_word_comes_back_as_its_reason_and_belongs_to_one_only() {
        let words: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.word()).collect();
        assert_eq!(words.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert_eq!(Reason::of_word(reason.word()), Some(*reason));
        }
        assert_eq!(Reason::of_word("a_word_of_next_year"), None);
    }

    #[test]
    fn words_are_plain_and_sentences_are_sentences_for_people() {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        let jargon = ["SOP", "UID", "VR ", "IOP", "IPP", "syntax", "tag", "affine", "parse"];
        for reason in Reason::ALL {
            assert!(reason.word().bytes().all(plain), "{}", reason.word());
            let sentence = reason.sentence();
            assert!(sentence.starts_with(|first: char| first.is_ascii_uppercase()));
            assert!(sentence.ends_with('.') && sentence.len() <= 100, "{sentence}");
            for word in jargon {
                assert!(!sentence.contains(word), "{sentence}");
            }
        }
    }

    #[test]
    fn a_sentence_ends_another_one() {
        assert_eq!(Reason::Gap.clause(), "slices are missing in the middle of the series");
    }

    #[test]
    fn no_sentence_stands_twice() {
        let all: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.sentence()).collect();
        assert_eq!(all.len(), Reason::ALL.len());
    }

    #[test]
    fn nobody_gets_a_letter_about_a_localizer_or_about_a_model_that_is_not_for_them() {
        let quiet = Reason::ALL.iter().filter(|reason| reason.audience() == Audience::Timeline);
        let quiet: Vec<_> = quiet.map(|reason| reason.word()).collect();
        let expected = [
            "localizer",
            "derived",
            "not_images",
            "wrong_modality",
            "no_model",
            "wrong_region",
            "other_series",
        ];
        assert_eq!(quiet, expected);
    }
}
