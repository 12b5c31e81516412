//! `folder:PATH`: the project's files in a folder of their own.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use crate::domain::ExistingFiles;
use crate::export::bundle::{Bundle, BundleFile};
use crate::export::error::ExportError;
use crate::export::place::{self, Parents};
use crate::export::{Exported, Target};
use crate::workspace::{Access, TEMPORARY, TEMPORARY_END};

pub(super) const TARGET: Target = Target { id: "folder", about: "a folder with the project's files", write };

/// What stands at the destination.
enum Present {
    Nothing,
    /// A folder without entries, or with some that are to be replaced.
    Folder,
}

fn write(bundle: &Bundle, destination: &Path, existing: ExistingFiles) -> Result<Exported, ExportError> {
    let sort = |error: &io::Error| ExportError::sort(error, destination);
    let present = look(destination, existing)?;
    let parents = Parents::make(destination)?;
    // Beside the destination, so that a rename brings it there; removed on drop.
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY).suffix(TEMPORARY_END);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o777));
    }
    let temporary = builder.tempdir_in(&parents.folder).map_err(|error| sort(&error))?;
    let bytes = fill(bundle, temporary.path(), destination)?;
    match present {
        // A rename onto a folder that somebody has filled in the meantime fails.
        Present::Nothing => fs::rename(temporary.path(), destination).map_err(|error| sort(&error))?,
        Present::Folder => {
            let old = place::swap(temporary.path(), destination).map_err(|error| sort(&error))?;
            if existing == ExistingFiles::Keep {
                put_back_unless_empty(&old, destination)?;
            } else if let Err(error) = fs::remove_dir_all(&old) {
                tracing::warn!(%error, path = %old.display(), "the replaced folder could not be removed");
            }
        }
    }
    parents.keep().map_err(|error| sort(&error))?;
    Ok(bundle.exported(destination, bytes))
}

/// Looks at the destination and refuses what must not be touched.
fn look(destination: &Path, existing: ExistingFiles) -> Result<Present, ExportError> {
    let path = || destination.to_path_buf();
    match fs::symlink_metadata(destination) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Present::Nothing),
        Err(error) => return Err(ExportError::sort(&error, destination)),
        Ok(found) if found.is_symlink() => {
            return Err(ExportError::OtherKind { path: path(), found: "a symbolic link" });
        }
        Ok(found) if !found.is_dir() => return Err(ExportError::OtherKind { path: path(), found: "a file" }),
        Ok(_) => {}
    }
    let mut entries = fs::read_dir(destination).map_err(|error| ExportError::sort(&error, destination))?;
    if entries.next().is_none() {
        return Ok(Present::Folder);
    }
    if existing == ExistingFiles::Keep {
        return Err(ExportError::Exists { path: path() });
    }
    if destination.join(".git").exists() {
        return Err(ExportError::Precious { path: path(), what: "a git repository" });
    }
    let here = std::path::absolute(".").and_then(|here| here.canonicalize());
    if here.is_ok_and(|here| here.starts_with(place::real(destination))) {
        return Err(ExportError::Precious { path: path(), what: "the current folder" });
    }
    Ok(Present::Folder)
}

/// The empty folder that was swapped out may have been filled since we looked.
fn put_back_unless_empty(old: &Path, destination: &Path) -> Result<(), ExportError> {
    if fs::remove_dir(old).is_ok() {
        return Ok(());
    }
    let ours = place::swap(old, destination).map_err(|error| ExportError::sort(&error, destination))?;
    fs::remove_dir_all(ours).map_err(|error| ExportError::sort(&error, destination))?;
    Err(ExportError::Exists { path: destination.to_path_buf() })
}

/// Writes all files below a fresh folder; their size together.
fn fill(bundle: &Bundle, folder: &Path, destination: &Path) -> Result<u64, ExportError> {
    let sort = |error: &io::Error| ExportError::sort(error, destination);
    let mut total = 0_u64;
    let mut folders = std::collections::BTreeSet::from([folder.to_path_buf()]);
    for (name, file) in bundle.files() {
        let path = folder.join(name);
        if let Some(above) = path.parent() {
            fs::create_dir_all(above).map_err(|error| sort(&error))?;
            let inner = above.ancestors().take_while(|above| *above != folder).map(Path::to_path_buf);
            folders.extend(inner);
        }
        total = total.saturating_add(copy(file, &path, destination)?);
    }
    for folder in &folders {
        place::sync_folder(folder).map_err(|error| sort(&error))?;
    }
    Ok(total)
}

fn copy(file: &BundleFile, path: &Path, destination: &Path) -> Result<u64, ExportError> {
    let sort = |error: &io::Error| ExportError::sort(error, destination);
    let mut contents = file.open()?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(if contents.access == Access::Executable { 0o755 } else { 0o644 });
    }
    #[cfg(not(unix))]
    let _: Access = contents.access;
    let mut target = options.open(path).map_err(|error| sort(&error))?;
    let bytes = io::copy(&mut contents.reader, &mut target).map_err(|error| sort(&error))?;
    target.sync_all().map_err(|error| sort(&error))?;
    Ok(bytes)
}
