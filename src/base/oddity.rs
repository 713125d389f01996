//! What walks to its end and is odd all the same.

/// One kind of oddity of a data set. None of them is a reason to refuse (E20, E24, H23).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oddity {
    /// An element, item or fragment of odd length.
    OddLength,
    /// The length of a value is no multiple of its unit: parsers disagree on what follows.
    RaggedValue,
    /// A tag that is lower than the one before it.
    OutOfOrder,
    /// A tag twice in one data set or item; the first one counts.
    Repeated,
    /// Two letters that PS3.5 6.2 does not know.
    UnknownVr,
    /// A VR of another kind than the dictionary's.
    WrongVr,
    /// A sequence of the dictionary whose value is none; kept as a plain value.
    NoSequence,
    /// A delimiter of length FFFFFFFF, taken as 0 (H25).
    DelimiterLength,
    /// Group length elements (E15).
    GroupLength,
    /// File meta elements inside the data set (E15).
    MetaGroup,
    /// Compressed fragments in a syntax of native pixels.
    FragmentsInNative,
    /// Native pixels in a syntax of compressed fragments.
    NativeInEncapsulated,
    /// A value that identity or geometry want is too large to keep.
    NotKept,
    /// A UID with letters, leading zeros or empty components (E6).
    UidForm,
    /// Study Instance UID missing, empty or no UID (E9).
    NoStudy,
}

impl Oddity {
    /// Returns the word that records, page and log use.
    pub fn word(&self) -> &'static str {
        match self {
            Self::OddLength => "odd-length",
            Self::RaggedValue => "ragged-value",
            Self::OutOfOrder => "out-of-order",
            Self::Repeated => "repeated",
            Self::UnknownVr => "unknown-vr",
            Self::WrongVr => "wrong-vr",
            Self::NoSequence => "no-sequence",
            Self::DelimiterLength => "delimiter-length",
            Self::GroupLength => "group-length",
            Self::MetaGroup => "meta-group",
            Self::FragmentsInNative => "fragments-in-native",
            Self::NativeInEncapsulated => "native-in-encapsulated",
            Self::NotKept => "not-kept",
            Self::UidForm => "uid-form",
            Self::NoStudy => "no-study",
        }
    }

    /// Returns whether two parsers may read two different objects: then no decoder sees it.
    pub fn bars_decoders(&self) -> bool {
        match self {
            Self::OddLength
            | Self::RaggedValue
            | Self::OutOfOrder
            | Self::Repeated
            | Self::UnknownVr
            | Self::WrongVr
            | Self::NoSequence
            | Self::DelimiterLength
            | Self::FragmentsInNative
            | Self::NativeInEncapsulated
            | Self::NotKept
            | Self::NoStudy => true,
            Self::GroupLength | Self::MetaGroup | Self::UidForm => false,
        }
    }
}
