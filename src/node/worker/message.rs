//! What box and worker say to each other inside their frames.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::image::geometry::GeometryRefusal;
use crate::node::worker::frame::FrameError;
use crate::node::worker::sandbox::Sandbox;

/// Version of the conversation. Both sides are one binary; another number is another one.
pub(super) const VERSION: u32 = 1;

/// Bytes of the text that says why a package does not run: a sentence with its causes.
pub(super) const BAD_BYTES_MAX: usize = 4096;

/// The first words of a worker, said when nothing of the job is known to it yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hello {
    /// [`VERSION`].
    pub(super) version: u32,
    /// What holds it.
    pub(super) sandbox: Sandbox,
}

/// What is to be done, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Task {
    /// Read or verify.
    pub(super) what: What,
    /// The parts of the package, in the order in which their bytes come.
    pub(super) parts: Vec<Part>,
    /// How many instances come; none to verify.
    pub(super) instances: u32,
}

/// The two tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum What {
    /// Read a series.
    Read,
    /// Run the golden case of the package.
    Golden,
}

/// One part of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    /// Its relative path.
    pub(super) name: String,
    /// Its bytes.
    pub(super) bytes: u64,
}

/// How the golden case came out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Verified {
    /// The largest distance of a value from the expected one.
    pub(super) worst: f32,
    /// How many values were compared.
    pub(super) values: u64,
}

/// Why a worker did not read a series. It lives: this counts as no death.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Refused {
    /// A data set cannot be walked, is of a syntax that nobody decodes, or does not say of itself
    /// what the ledger says of it.
    NotDecoded,
    /// No pixels, or fewer than the matrix needs.
    NoPixels,
    /// What says how pixels are stored is missing or impossible.
    BadPixels,
    /// The slices are no even stack.
    Geometry(GeometryRefusal),
    /// The region that the model looks at is not there: no lungs.
    NoRegion,
    /// It would take more memory than the worker may have.
    TooLarge,
    /// The network did not load or run, or is not what the manifest says.
    ModelFailed,
}

/// Writes a message.
///
/// # Errors
/// [`FrameError::Content`]; none of these types can cause it.
pub(super) fn to_bytes(message: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    serde_json::to_vec(message).map_err(|source| FrameError::Content { source })
}

/// Reads a message.
///
/// # Errors
/// [`FrameError::Content`] where it is none of this kind.
pub(super) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FrameError> {
    serde_json::from_slice(bytes).map_err(|source| FrameError::Content { source })
}
