//! Putting a finished export where it belongs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::ExportError;

/// The path with every link on the way resolved, as far as it exists; the last part is taken as it stands,
/// since it is what gets replaced.
pub(super) fn real(path: &Path) -> PathBuf {
    let mut missing = Vec::new();
    let mut known = path;
    while let (Some(above), Some(name)) = (known.parent(), known.file_name()) {
        missing.push(name);
        if let Ok(mut real) = above.canonicalize() {
            real.extend(missing.iter().rev());
            return real;
        }
        known = above;
    }
    path.to_path_buf()
}

/// Refuses a destination that is the project or a folder around it.
pub(super) fn spare_project(destination: &Path, project: &Path) -> Result<(), ExportError> {
    let project = project.canonicalize().map_err(|error| ExportError::sort(&error, project))?;
    if project.starts_with(real(destination)) {
        return Err(ExportError::HoldsProject { path: destination.to_path_buf() });
    }
    Ok(())
}

/// Folders that were made on the way to a destination; taken back on drop unless it got there.
#[derive(Debug)]
pub(super) struct Parents {
    made: Vec<PathBuf>,
    /// The folder that holds the destination.
    pub(super) folder: PathBuf,
}

impl Parents {
    pub(super) fn make(destination: &Path) -> Result<Self, ExportError> {
        let folder = match destination.parent() {
            Some(folder) if destination.file_name().is_some() => folder.to_path_buf(),
            _ => return Err(ExportError::OtherKind { path: destination.to_path_buf(), found: "no name for a file" }),
        };
        let missing: Vec<&Path> = folder.ancestors().take_while(|above| fs::symlink_metadata(above).is_err()).collect();
        let mut parents = Self { made: Vec::new(), folder: folder.clone() };
        for above in missing.into_iter().rev() {
            match fs::create_dir(above) {
                Ok(()) => parents.made.push(above.to_path_buf()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(ExportError::sort(&error, destination)),
            }
        }
        Ok(parents)
    }

    /// The destination is in place: the folders stay, and the new name reaches the disk.
    pub(super) fn keep(mut self) -> io::Result<()> {
        self.made.clear();
        sync_folder(&self.folder)
    }
}

impl Drop for Parents {
    fn drop(&mut self) {
        for folder in self.made.iter().rev() {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
}

/// Makes the names in a folder durable, where the system has a way to ask for it.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Puts `new` in the place of the folder `old`; afterwards the old one lies at `new` or at the path returned.
pub(super) fn swap(new: &Path, old: &Path) -> io::Result<PathBuf> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        // In one step, so that whoever looks sees the old folder or the new one.
        if renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE).is_ok() {
            return Ok(new.to_path_buf());
        }
    }
    let aside = old.with_file_name(crate::workspace::temporary_name());
    fs::rename(old, &aside)?;
    match fs::rename(new, old) {
        Ok(()) => Ok(aside),
        Err(error) => {
            fs::rename(&aside, old)?;
            Err(error)
        }
    }
}
