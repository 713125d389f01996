//! Frames between box and worker: one byte of kind, four of length, little endian, the payload.
//!
//! # Invariants
//! - A length is held against the limit of its kind before a byte of the payload is read, and
//!   nothing is allocated by a length: a payload grows as it comes.

use std::io::{self, Read, Write};

use crate::base::limits::{
    KEPT_BYTES_MAX, WORKER_ANSWER_BYTES_MAX, WORKER_CHUNK_BYTES_MAX, WORKER_TEXT_BYTES_MAX,
};

/// Bytes before the payload.
pub(super) const HEAD_BYTES: usize = 5;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// From the worker, first: what holds it. JSON.
    Hello = 1,
    /// To the worker, first: the task. JSON.
    Task = 2,
    /// Raw bytes: of parts and data sets to the worker, of maps and pictures from it.
    Data = 3,
    /// To the worker: the facts of the next instance. JSON.
    Facts = 4,
    /// To the worker: the next instance begins. Its transfer syntax UID.
    Instance = 5,
    /// The end of an instance, or of the answer. Empty.
    End = 6,
    /// From the worker: slices done, slices in all. Two numbers of 32 bits, little endian.
    Progress = 7,
    /// From the worker: the series was read. JSON; the bytes of map and pictures follow.
    Read = 8,
    /// From the worker: the golden case came out. JSON.
    Golden = 9,
    /// From the worker: the series was not read. JSON.
    NotRead = 10,
    /// From the worker: the package does not run here. Text.
    Bad = 11,
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// What the frame is.
    pub(super) kind: Kind,
    /// Bytes of the payload, within the limit of the kind.
    pub(super) length: usize,
}

/// Why bytes are no frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A kind that there is not.
    #[error("a frame has the kind {kind}, which there is not")]
    Kind {
        /// The kind.
        kind: u8,
    },
    /// Longer than its kind may be.
    #[error("a frame has {length} bytes where {limit} are allowed")]
    Length {
        /// The length that it names.
        length: u32,
        /// The limit of its kind.
        limit: usize,
    },
    /// The bytes end within a frame.
    #[error("the bytes end within a frame")]
    Cut,
    /// Nothing comes any more.
    #[error("the other side is gone")]
    Gone,
    /// A frame that may not stand here.
    #[error("a frame stands where it may not")]
    Order,
    /// Its payload is not what its kind says.
    #[error("the content of a frame cannot be read")]
    Content {
        /// Where it breaks off.
        source: serde_json::Error,
    },
    /// The pipe failed.
    #[error("the pipe failed")]
    Pipe {
        /// What the system said.
        source: io::Error,
    },
}

impl Kind {
    /// Every kind.
    const ALL: [Self; 11] = [
        Self::Hello,
        Self::Task,
        Self::Data,
        Self::Facts,
        Self::Instance,
        Self::End,
        Self::Progress,
        Self::Read,
        Self::Golden,
        Self::NotRead,
        Self::Bad,
    ];

    /// Returns how many bytes its payload may have.
    pub(super) fn limit(self) -> usize {
        match self {
            Self::End => 0,
            Self::Progress => 8,
            Self::Data => WORKER_CHUNK_BYTES_MAX,
            Self::Read => WORKER_ANSWER_BYTES_MAX,
            // All that the walker keeps of one object, every character escaped.
            Self::Facts => 2 * KEPT_BYTES_MAX + WORKER_TEXT_BYTES_MAX,
            Self::Hello
            | Self::Task
            | Self::Instance
            | Self::Golden
            | Self::NotRead
            | Self::Bad => WORKER_TEXT_BYTES_MAX,
        }
    }

    fn byte(self) -> u8 {
        // The discriminant of a `repr(u8)` enum.
        self as u8
    }
}

impl Head {
    /// Makes the head of a payload.
    ///
    /// # Errors
    /// [`FrameError::Length`] for a payload over the limit of its kind.
    pub(super) fn of(kind: Kind, payload: &[u8]) -> Result<Self, FrameError> {
        let length = payload.len();
        let limit = kind.limit();
        if limit < length {
            let length = u32::try_from(length).unwrap_or(u32::MAX);
            return Err(FrameError::Length { length, limit });
        }
        Ok(Self { kind, length })
    }

    /// Returns its bytes.
    pub(super) fn bytes(self) -> [u8; HEAD_BYTES] {
        // Every limit is far below 32 bits.
        let length = u32::try_from(self.length).unwrap_or(u32::MAX);
        let [a, b, c, d] = length.to_le_bytes();
        [self.kind.byte(), a, b, c, d]
    }

    /// Reads a head.
    ///
    /// # Errors
    /// [`FrameError::Kind`] and [`FrameError::Length`].
    pub(super) fn parse([kind, a, b, c, d]: [u8; HEAD_BYTES]) -> Result<Self, FrameError> {
        let known = Kind::ALL.into_iter().find(|known| known.byte() == kind);
        let known = known.ok_or(FrameError::Kind { kind })?;
        let length = u32::from_le_bytes([a, b, c, d]);
        let limit = known.limit();
        match usize::try_from(length) {
            Ok(bytes) if bytes <= limit => Ok(Self { kind: known, length: bytes }),
            _ => Err(FrameError::Length { length, limit }),
        }
    }
}

/// Writes one frame.
///
/// # Errors
/// [`FrameError::Length`] and [`FrameError::Pipe`].
pub(super) fn write(to: &mut dyn Write, kind: Kind, payload: &[u8]) -> Result<(), FrameError> {
    let head = Head::of(kind, payload)?;
    let written = to.write_all(&head.bytes()).and_then(|()| to.write_all(payload));
    written.map_err(|source| FrameError::Pipe { source })
}

/// Reads one frame whole.
///
/// # Errors
/// [`FrameError`]; [`FrameError::Gone`] where the bytes end before a frame.
pub(super) fn read(from: &mut dyn Read) -> Result<(Kind, Vec<u8>), FrameError> {
    let pipe = |source| FrameError::Pipe { source };
    let mut head = Vec::with_capacity(HEAD_BYTES);
    let wanted = HEAD_BYTES as u64;
    Read::take(&mut *from, wanted).read_to_end(&mut head).map_err(pipe)?;
    let head = match <[u8; HEAD_BYTES]>::try_from(head.as_slice()) {
        Ok(head) => Head::parse(head)?,
        Err(_) if head.is_empty() => return Err(FrameError::Gone),
        Err(_) => return Err(FrameError::Cut),
    };
    let mut payload = Vec::new();
    let wanted = u64::try_from(head.length).unwrap_or(u64::MAX);
    Read::take(from, wanted).read_to_end(&mut payload).map_err(pipe)?;
    if payload.len() < head.length {
        return Err(FrameError::Cut);
    }
    Ok((head.kind, payload))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(kind: Kind, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, kind, payload).unwrap();
        bytes
    }

    #[test]
    fn a_frame_cut_anywhere_is_cut_and_one_that_does_not_begin_is_gone() {
        let bytes = written(Kind::Data, b"pixels");
        for cut in 1..bytes.len() {
            let error = read(&mut &bytes[..cut]).expect_err("cut");
            assert!(matches!(error, FrameError::Cut), "{cut}");
        }
        assert!(matches!(read(&mut &bytes[..0]), Err(FrameError::Gone)));
    }

    #[test]
    fn a_length_over_the_limit_of_its_kind_is_refused_before_its_payload() {
        for kind in Kind::ALL {
            let limit = u32::try_from(kind.limit()).unwrap();
            let head = |length: u32| {
                let [a, b, c, d] = length.to_le_bytes();
                Head::parse([kind.byte(), a, b, c, d])
            };
            assert_eq!(head(limit).unwrap().length, kind.limit());
            assert!(matches!(head(limit + 1), Err(FrameError::Length { .. })), "{kind:?}");
            assert!(matches!(head(u32::MAX), Err(FrameError::Length { .. })), "{kind:?}");
        }
        let long = vec![0; WORKER_CHUNK_BYTES_MAX + 1];
        let refused = write(&mut Vec::new(), Kind::Data, &long);
        assert!(matches!(refused, Err(FrameError::Length { .. })));
    }

    #[test]
    fn a_kind_of_another_version_is_named() {
        for kind in [0, 12, 255] {
            let error = read(&mut &[kind, 0, 0, 0, 0][..]).expect_err("no kind");
            assert!(matches!(error, FrameError::Kind { kind: found } if found == kind));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(kind in 0_usize..11, payload: Vec<u8>, rest: Vec<u8>) {
            let kind = Kind::ALL[kind];
            prop_assume!(payload.len() <= kind.limit());
            let mut bytes = written(kind, &payload);
            bytes.extend_from_slice(&rest);
            let mut left = bytes.as_slice();
            prop_assert_eq!(read(&mut left).unwrap(), (kind, payload));
            prop_assert_eq!(left, rest.as_slice());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let mut left = bytes.as_slice();
            while read(&mut left).is_ok() {}
        }
    }
}
