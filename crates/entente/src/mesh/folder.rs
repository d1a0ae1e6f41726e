//! The data folder of a mesh: one mesh at a time, files replaced whole.

use std::{
    fs::{File, Permissions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::exit::{Failure, UNAVAILABLE};

/// Held locked while a mesh runs.
const LOCK: &str = "lock";
/// Keys and reports are below: nobody else may look.
const FOLDER_MODE: u32 = 0o700;

/// A data folder that belongs to this process.
pub(crate) struct Folder {
    path: PathBuf,
    /// The lock ends with the file.
    _lock: File,
}

impl Folder {
    /// Opens the folder, made when missing; refuses one in which a mesh runs.
    pub(crate) fn open(path: &Path) -> Result<Folder, Failure> {
        std::fs::create_dir_all(path).map_err(|error| fault(path, &error))?;
        let path = path.canonicalize().map_err(|error| fault(path, &error))?;
        std::fs::set_permissions(&path, Permissions::from_mode(FOLDER_MODE))
            .map_err(|error| fault(&path, &error))?;
        let lock_path = path.join(LOCK);
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(|error| fault(&lock_path, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Folder { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                let message = format!("a mesh is already running in {}", path.display());
                Err(Failure::new(UNAVAILABLE, message)
                    .detail("stop it, or choose another folder with --data DIR"))
            }
            Err(TryLockError::Error(error)) => Err(fault(&lock_path, &error)),
        }
    }

    /// Where it is, absolute.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of one service, made when missing.
    pub(crate) fn service(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.path.join(name);
        std::fs::create_dir_all(&path).map_err(|error| fault(&path, &error))?;
        Ok(path)
    }

    /// Replaces a file whole: a reader sees the old one or the new one.
    pub(crate) fn write(&self, name: impl AsRef<Path>, text: &str) -> Result<(), Failure> {
        let path = self.path.join(name);
        replace(&path, text).map_err(|error| fault(&path, &error))
    }

    /// Writes a file that is not there yet.
    pub(crate) fn write_new(&self, name: impl AsRef<Path>, text: &str) -> Result<(), Failure> {
        if self.path.join(&name).exists() { Ok(()) } else { self.write(name, text) }
    }
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let unfinished = path.with_extension("unfinished");
    let mut file = File::create(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    File::open(folder)?.sync_all()
}

/// A file of the folder could not be read or written.
pub(super) fn fault(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_belongs_to_one_mesh_at_a_time() {
        let data = tempfile::tempdir().unwrap();
        let first = Folder::open(data.path()).unwrap();
        assert!(Folder::open(data.path()).is_err());
        drop(first);
        assert!(Folder::open(data.path()).is_ok());
    }

    #[test]
    fn a_file_replaced_leaves_nothing_unfinished_behind() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::open(data.path()).unwrap();
        folder.write("profiles/a.toml", "first").unwrap();
        folder.write("profiles/a.toml", "second").unwrap();
        folder.write_new("profiles/a.toml", "third").unwrap();
        let names: Vec<_> = std::fs::read_dir(data.path().join("profiles")).unwrap().flatten().collect();
        assert_eq!(names.len(), 1);
        assert_eq!(std::fs::read_to_string(names[0].path()).unwrap(), "second");
    }
}
