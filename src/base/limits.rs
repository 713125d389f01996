//! Every bound in one place, each with its reason. What is not bounded here is a bug.

use std::time::Duration;

// Identifiers.

/// Bytes of a UID: PS3.5 9.1.
pub const UID_BYTES_MAX: usize = 64;

// Associations and PDUs.

/// Bytes of the P-DATA-TF PDUs that we announce and send: what DCMTK takes at most; above it a
/// PDU only costs memory.
pub const PDU_BYTES_MAX: u32 = 131_072;
/// Bytes of an A-ASSOCIATE-RQ: 128 contexts of 60 transfer syntaxes have 205,820.
pub const ASSOCIATE_BYTES_MAX: usize = 1 << 20;
/// Bytes by which a P-DATA-TF may pass the announced maximum: some peers count the headers in.
pub const PDU_BYTES_GRACE: u32 = 12;
/// Presentation contexts of an association: odd numbers of one byte (PS3.8 9.3.2.2).
pub const CONTEXTS_MAX: usize = 128;
/// Bytes of a command set: the largest legal one is far below 1 KiB.
pub const COMMAND_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a data set that a C-ECHO or an unknown request may bring and we throw away.
pub const DRAIN_BYTES_MAX: u64 = 64 * 1024;
/// Studies of one association whose release is remembered: a console sends one to a few.
pub const ASSOCIATION_STUDIES_MAX: usize = 64;
/// Bytes of an object over the limit that are read away so that the peer hears the answer.
pub const DRAIN_OBJECT_BYTES_MAX: u64 = 64 << 20;
/// Empty PDVs in a row: legal, but without end they are an attack.
pub const EMPTY_PDVS_MAX: u32 = 64;
/// ARTIM (PS3.8 9.1.5): a peer that says nothing, or does not close, holds a slot this long.
pub const ARTIM: Duration = Duration::from_secs(10);
/// Silence inside an association: consoles keep theirs open between series for minutes.
pub const ASSOCIATION_IDLE: Duration = Duration::from_mins(10);
/// A message must move on: fewer bytes than [`RATE_BYTES_MIN`] in this time end it.
pub const RATE_WINDOW: Duration = Duration::from_mins(1);
/// Bytes in [`RATE_WINDOW`]: 8 KB/s, a tenth of the slowest line that we know.
pub const RATE_BYTES_MIN: u64 = 8 * 1024 * 60;
/// How long the peer may take over one answer to us: DCMTK and pynetdicom give up then too.
pub const ANSWER: Duration = Duration::from_mins(1);
/// How long a C-ECHO may announce a data set and not send it (D18).
pub const DIMSE_WAIT: Duration = Duration::from_secs(30);
/// How long an object in transfer may keep us from shutting down.
pub const SHUTDOWN_FINISH: Duration = Duration::from_secs(30);
/// How long a peer may leave our bytes unread: then its socket is dead.
pub const WRITE_STALL: Duration = Duration::from_secs(30);
/// Sockets in all: a scanner and its consoles need four; 500 strangers must not exhaust us.
pub const SOCKETS_MAX: usize = 64;
/// Sockets of one address: a whole department may come through one router.
pub const SOCKETS_PER_PEER_MAX: usize = 32;
/// Associations that may store at once, each with a slab of its own.
pub const ASSOCIATIONS_MAX: usize = 16;

// Data sets.

/// Bytes of one object: 2 GiB; the largest enhanced CT that we know has 1.2 GB.
pub const OBJECT_BYTES_MAX: u64 = 2 << 30;
/// Elements of one data set, all levels: enhanced MR with 10,000 frames has under 3 million.
pub const ELEMENTS_MAX: u64 = 8_000_000;
/// Depth of nested sequences: the deepest IOD has 8, fo-dicom allows 256.
pub const NESTING_MAX: usize = 64;
/// Bytes of one value that the walker keeps: text that we route or write by.
pub const KEPT_VALUE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of all values that the walker keeps of one object.
pub const KEPT_BYTES_MAX: usize = 1 << 20;
/// Bytes of a deflated data set once inflated, as a multiple of what came in: above it a bomb.
pub const INFLATE_RATIO_MAX: u64 = 200;
/// Bytes that may come out of a deflated data set whatever went in: a black picture legally has a
/// ratio of 1,000, and a bomb of this size costs a tenth of a second and no memory.
pub const INFLATE_FREE_BYTES: u64 = 64 << 20;
/// Bytes of the file meta of a part-10 file, preamble included: real ones have under 1 KiB.
pub const FILE_META_BYTES_MAX: usize = 64 * 1024;

// The vault.

/// Bytes of a slab: a CT study is two to eight of them.
pub const SLAB_BYTES: u64 = 64 << 20;
/// With so few slabs left, more are made ready at once: half of what the associations may lease.
pub const SLABS_LOW: usize = ASSOCIATIONS_MAX / 2;
/// Bytes of plain data in one sealed chunk.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes that stay free for ledger, audit and logs.
pub const RESERVE_BYTES: u64 = 256 << 20;
/// Bytes of a trailer: UIDs, texts and routes of one object are under 8 KiB.
pub const TRAILER_BYTES_MAX: usize = 256 * 1024;

// Reading.

/// Instances of a study that one job looks at.
pub const STUDY_INSTANCES_MAX: usize = 10_000;
/// Address space of the worker: tract and one chest CT need under 700 MB.
pub const WORKER_MEMORY_BYTES: u64 = 2 << 30;
/// How long the worker may take over one job.
pub const WORKER_TIME: Duration = Duration::from_mins(15);
/// How often a study may kill its worker before it is quarantined.
pub const WORKER_DEATHS_MAX: u32 = 2;
/// Bytes of one frame of raw data between box and worker: what a pipe moves well.
pub const WORKER_CHUNK_BYTES_MAX: usize = 1 << 20;
/// Bytes of one text between box and worker: facts, names and reasons have under 4 KiB.
pub const WORKER_TEXT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of all that a worker answers: a map of 1,200 slices has 4 MiB, ten pictures 8 MiB, the
/// outlines of 100 nodules of 30 mm 16 MiB.
pub const WORKER_ANSWER_BYTES_MAX: usize = 128 << 20;
/// Bytes of one data set that the worker takes: a slice of 4096 x 4096 has 32 MiB of pixels.
pub const WORKER_INSTANCE_BYTES_MAX: u64 = 64 << 20;
/// Bytes that a reading leaves free in [`WORKER_MEMORY_BYTES`]: program, package, one data set.
pub const WORKER_RESERVE_BYTES: u64 = 256 << 20;

// Posting.

/// First pause after a failure.
pub const BACKOFF_MIN: Duration = Duration::from_secs(2);
/// Longest pause: a PACS that comes back is found within a quarter of an hour.
pub const BACKOFF_MAX: Duration = Duration::from_mins(15);
/// A700 to the same object this often, while others of the destination pass, is a verdict on the
/// object: archives answer A700 to things that no wait will mend.
pub const OUT_OF_RESOURCES_MAX: u32 = 3;
/// A-ABORT of the peer while the same object was under way this often is a verdict on the object:
/// DCMTK aborts on data sets that it cannot read, each time anew. Two may be an archive that is
/// restarted; a line that breaks is never counted.
pub const ABORTS_MAX: u32 = 3;

// Page, control socket, model packages, texts.

/// Bytes of an HTTP head.
pub const HTTP_HEAD_BYTES_MAX: usize = 8 * 1024;
/// Bytes of one line on the control socket.
pub const CONTROL_LINE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a config file.
pub const CONFIG_BYTES_MAX: u64 = 256 * 1024;
/// Bytes of one part of a model package.
pub const PACKAGE_PART_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a whole model package: the worker holds it twice while it checks it.
pub const PACKAGE_BYTES_MAX: u64 = 512 << 20;
/// Audit lines that wait to be written while the disk is slow; more are counted.
pub const AUDIT_NOTES_MAX: usize = 1024;
/// Callers that were refused and are remembered for the page.
pub const STRANGERS_MAX: usize = 64;
