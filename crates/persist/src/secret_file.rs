//! Durable small files for keys: written whole or not at all, on the disk before anything relies on them, readable by this
//! user only.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::error::PersistError;

/// A key file is small; more is not a key, bytes.
const BYTES_MAX: u64 = 64 * 1024;

/// The file's content; `None` when there is no such file.
///
/// # Errors
///
/// When it cannot be read, or is larger than a key can be.
pub fn load(path: &Path) -> Result<Option<Vec<u8>>, PersistError> {
    match fs::metadata(path) {
        Ok(found) if found.len() > BYTES_MAX => Err(PersistError::KeyFile(path.to_owned())),
        Ok(_) => fs::read(path).map(Some).map_err(|error| PersistError::file(path, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PersistError::file(path, error)),
    }
}

/// The file's content, or what `make` gives, stored durably first. When two processes make the file at once, both use
/// that of the first.
///
/// # Errors
///
/// Those of `make`, and when the file cannot be read or written.
pub fn load_or_create(
    path: &Path,
    make: impl FnOnce() -> Result<Vec<u8>, PersistError>,
) -> Result<Vec<u8>, PersistError> {
    if let Some(bytes) = load(path)? {
        return Ok(bytes);
    }
    let bytes = make()?;
    match publish(path, &bytes, |temporary| fs::hard_link(temporary, path)) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            load(path)?.ok_or_else(|| PersistError::file(path, error))
        }
        Err(error) => Err(PersistError::file(path, error)),
    }
}

/// Writes the file in place of an earlier one. A crash leaves the earlier or the new one, whole.
///
/// # Errors
///
/// When it cannot be written.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), PersistError> {
    publish(path, bytes, |temporary| fs::rename(temporary, path))
        .map_err(|error| PersistError::file(path, error))
}

/// Makes a folder and those above it, readable by this user only. One that is there stays as it is.
///
/// # Errors
///
/// When it cannot be made.
pub fn create_folder(path: &Path) -> Result<(), PersistError> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| PersistError::file(path, error))
}

/// Writes a temporary file beside `path`, syncs it, lets `put` give it its name, syncs the folder.
fn publish(path: &Path, bytes: &[u8], put: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_folder(folder).map_err(io::Error::other)?;
    let temporary = temporary_beside(path);
    let written = write_synced(&temporary, bytes).and_then(|()| put(&temporary));
    // After a rename there is nothing left to remove; after a link, or a failure, there is.
    let _ = fs::remove_file(&temporary);
    written?;
    File::open(folder)?.sync_all()
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A name nobody else uses now: several services may share the process.
fn temporary_beside(path: &Path) -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(format!(".{}-{number}.new", std::process::id()));
    path.with_file_name(name)
}
