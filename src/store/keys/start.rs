//! The start counter: rises at each start of the process, so that no number is drawn twice.

use crate::store::disk::Disk;
use crate::store::keys::copies::{read_copies, write_copies};
use crate::store::keys::{KeyError, VaultIdentity};
use crate::store::page::{Pack, Unpack};

const MAGIC: [u8; 8] = *b"SPSTART\0";
const NAMES: [&str; 2] = ["start.a", "start.b"];

/// Returns the highest start that a copy of this vault tells; `None` when neither can be read.
pub(crate) fn load_start(
    disk: &dyn Disk,
    identity: VaultIdentity,
) -> Result<Option<u32>, KeyError> {
    let copies = read_copies(disk, NAMES, MAGIC)?;
    let starts = copies.iter().flatten().filter_map(|fields| {
        let mut fields = Unpack(fields);
        let ours = fields.array() == Some(identity.0);
        fields.u32().filter(|_| ours)
    });
    Ok(starts.max())
}

/// Writes `start` into both copies.
pub(crate) fn write_start(
    disk: &dyn Disk,
    identity: VaultIdentity,
    start: u32,
) -> Result<(), KeyError> {
    let fields = Pack::default().bytes(&identity.0).u32(start).done();
    write_copies(disk, NAMES, MAGIC, &fields)
}
