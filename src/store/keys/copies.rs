//! Small facts kept in two copies, each one page: written A, synced, then B, synced.

use std::io;
use std::sync::Arc;

use crate::store::disk::{Disk, DiskFile, open_if_there, replace};
use crate::store::keys::{KeyError, unless_version};
use crate::store::page::{PAGE_BYTES, block, open_block};

/// The fields of the copies that can be read, A first.
pub(super) fn read_copies(
    disk: &dyn Disk,
    names: [&str; 2],
    magic: [u8; 8],
) -> Result<[Option<Vec<u8>>; 2], KeyError> {
    let [a, b] = names;
    Ok([read_copy(disk, a, magic)?, read_copy(disk, b, magic)?])
}

fn read_copy(disk: &dyn Disk, name: &str, magic: [u8; 8]) -> Result<Option<Vec<u8>>, KeyError> {
    let failed = KeyError::disk("read");
    let Some(file) = open_if_there(disk, name).map_err(&failed)? else {
        return Ok(None);
    };
    settle(&*file).map_err(&failed)?;
    let mut page = vec![0; PAGE_BYTES];
    let read = file.read_at(&mut page, 0).map_err(&failed)?;
    match open_block(magic, page.get(..read).unwrap_or_default()) {
        Ok(fields) => Ok(Some(fields.0.to_vec())),
        Err(bad) => unless_version(bad).map(|()| None),
    }
}

/// Makes sure that what is read next stands on the disk and not only in memory.
pub(crate) fn settle(file: &dyn DiskFile) -> io::Result<()> {
    file.sync_data()?;
    file.forget()
}

/// Writes both copies whole: a copy is replaced in one step, and A is safe before B is touched.
pub(super) fn write_copies(
    disk: &dyn Disk,
    names: [&str; 2],
    magic: [u8; 8],
    fields: &[u8],
) -> Result<(), KeyError> {
    let page = block(magic, fields, PAGE_BYTES);
    for name in names {
        replace(disk, name, &page).map_err(KeyError::disk("written"))?;
    }
    Ok(())
}

/// Opens a file that must be there.
pub(super) fn open_file(disk: &dyn Disk, name: &str) -> Result<Arc<dyn DiskFile>, KeyError> {
    disk.open(name).map_err(KeyError::disk("opened"))
}
