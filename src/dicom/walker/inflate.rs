//! Inflates a deflated data set in bounded steps (PS3.5 A.5, RFC 1951).
//!
//! Input goes through the decoder in blocks of one size, whatever the network cut it into: the
//! limits then fall at the same byte for every split.

use flate2::{Decompress, FlushDecompress, Status};

use crate::base::limits::{INFLATE_FREE_BYTES, INFLATE_RATIO_MAX};
use crate::dicom::walker::error::{Place, WalkError};
use crate::dicom::walker::machine::Machine;

/// Bytes of input per call of the decoder.
const BLOCK: usize = 4096;
/// Bytes of output per call of the decoder.
const OUTPUT: usize = 32 * 1024;

/// A streaming decoder in front of the element machine.
pub(super) struct Inflater {
    decoder: Decompress,
    block: Vec<u8>,
    output: Vec<u8>,
    ended: bool,
    behind_end: u64,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self {
            decoder: Decompress::new(false),
            block: Vec::with_capacity(BLOCK),
            output: vec![0; OUTPUT],
            ended: false,
            behind_end: 0,
        }
    }

    pub(super) fn feed(
        &mut self,
        mut bytes: &[u8],
        machine: &mut Machine,
    ) -> Result<(), WalkError> {
        while !bytes.is_empty() {
            let room = BLOCK.saturating_sub(self.block.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.block.extend_from_slice(now);
            bytes = later;
            if BLOCK <= self.block.len() {
                self.inflate_block(machine)?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, machine: &mut Machine) -> Result<(), WalkError> {
        self.inflate_block(machine)?;
        if !self.ended {
            return Err(WalkError::DeflateCut(self.place(machine)));
        }
        Ok(())
    }

    fn place(&self, machine: &Machine) -> Place {
        Place { tag: machine.place().tag, offset: self.decoder.total_out() }
    }

    fn inflate_block(&mut self, machine: &mut Machine) -> Result<(), WalkError> {
        let block = std::mem::take(&mut self.block);
        let mut rest = block.as_slice();
        while !self.ended {
            let (before_in, before_out) = (self.decoder.total_in(), self.decoder.total_out());
            let status = self
                .decoder
                .decompress(rest, &mut self.output, FlushDecompress::None)
                .map_err(|_broken| WalkError::DeflateBroken(self.place(machine)))?;
            let taken = difference(self.decoder.total_in(), before_in);
            let made = difference(self.decoder.total_out(), before_out);
            rest = rest.get(taken..).unwrap_or_default();
            machine.feed(self.output.get(..made).unwrap_or_default())?;
            self.ended = status == Status::StreamEnd;
            let allowed = self
                .decoder
                .total_in()
                .saturating_mul(INFLATE_RATIO_MAX)
                .saturating_add(INFLATE_FREE_BYTES);
            if allowed < self.decoder.total_out() {
                return Err(WalkError::DeflateBomb(self.place(machine)));
            }
            if taken == 0 && made == 0 {
                break;
            }
        }
        self.check_padding(rest, machine)?;
        self.block = block;
        self.block.clear();
        Ok(())
    }

    /// One NUL may make the stream even; anything else behind its end is no part of it.
    fn check_padding(&mut self, rest: &[u8], machine: &Machine) -> Result<(), WalkError> {
        for byte in rest {
            self.behind_end += 1;
            if *byte != 0 || 1 < self.behind_end {
                return Err(WalkError::TrailingGarbage(self.place(machine)));
            }
        }
        Ok(())
    }
}

fn difference(after: u64, before: u64) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(0)
}
