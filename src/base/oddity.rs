//! What is odd in a data set that was walked to its end: the words of walker, records and page.

macro_rules! oddities {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $decoders:ident;)*) => {
        /// One kind of oddity of a data set. None of them is a reason to refuse (E20, E24, H23).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Oddity { $($(#[$doc])* $name,)* }

        impl Oddity {
            /// Every oddity, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Returns the word that records, page and log use. Words are for ever.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// Returns whether a decoder may see an object that is odd in this way alone.
            pub fn decoders(self) -> Decoders {
                match self { $(Self::$name => Decoders::$decoders,)* }
            }
        }
    };
}

/// Whether decoders may see an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoders {
    /// It harms nobody.
    Allowed,
    /// Two parsers may read two different objects, or it belongs to no study.
    Barred,
}

oddities! {
    /// An element, item or fragment of odd length.
    OddLength = "odd_length", Barred;
    /// The length of a value is no multiple of its unit: parsers disagree on what follows.
    RaggedValue = "ragged_value", Barred;
    /// A tag that is lower than the one before it.
    OutOfOrder = "out_of_order", Barred;
    /// A tag twice in one data set or item; the first one counts.
    Repeated = "repeated", Barred;
    /// Two letters that PS3.5 6.2 does not know.
    UnknownVr = "unknown_vr", Barred;
    /// A VR of another kind than the dictionary's.
    WrongVr = "wrong_vr", Barred;
    /// A sequence of the dictionary whose value is none; kept as a plain value.
    NoSequence = "no_sequence", Barred;
    /// A delimiter of length FFFFFFFF, taken as 0 (H25).
    DelimiterLength = "delimiter_length", Barred;
    /// Group length elements (E15).
    GroupLength = "group_length", Allowed;
    /// File meta elements inside the data set (E15): some parsers take a file head for one.
    MetaGroup = "meta_group", Barred;
    /// Compressed fragments in a syntax of native pixels.
    FragmentsInNative = "fragments_in_native", Barred;
    /// Native pixels in a syntax of compressed fragments.
    NativeInEncapsulated = "native_in_encapsulated", Barred;
    /// A value that identity or geometry want is too large to keep.
    NotKept = "not_kept", Barred;
    /// A UID with letters, leading zeros or empty components (E6).
    UidForm = "uid_form", Allowed;
    /// Study Instance UID missing, empty or no UID (E9).
    NoStudy = "no_study", Barred;
    /// Series Instance UID missing, empty or no UID.
    NoSeries = "no_series", Barred;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_oddity_has_a_word_of_its_own_that_a_column_can_keep() {
        let words: BTreeSet<_> = Oddity::ALL.iter().map(|odd| odd.word()).collect();
        assert_eq!(words.len(), Oddity::ALL.len());
        for word in words {
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{word}");
        }
    }
}
