//! Folders and files that only their owner may read.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

/// Makes a folder and those above it where missing; the ones it makes are closed to others.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}

/// Makes a file readable by its owner alone, where missing; its size in bytes.
///
/// A file that exists is not opened: SQLite's locks belong to the process, and closing any other handle
/// of the same file would drop those of a connection that is at work.
pub(super) fn make_private(path: &Path) -> io::Result<u64> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(open_private(path)?.metadata()?.len()),
        Err(error) => Err(error),
        Ok(_) => {
            let found = std::fs::metadata(path)?;
            #[cfg(unix)]
            if found.is_file() {
                close_to_others(&found, |mode| std::fs::set_permissions(path, mode))?;
            }
            Ok(found.len())
        }
    }
}

/// Takes the rights of others away where they have any.
#[cfg(unix)]
fn close_to_others(
    found: &std::fs::Metadata,
    set: impl FnOnce(std::fs::Permissions) -> io::Result<()>,
) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = found.permissions().mode();
    if mode & 0o077 == 0 { Ok(()) } else { set(std::fs::Permissions::from_mode(mode & 0o700)) }
}

/// Opens a file for reading and writing, made where missing, readable by its owner alone.
pub(super) fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options.open(path)?;
    #[cfg(unix)]
    close_to_others(&file.metadata()?, |mode| file.set_permissions(mode))?;
    Ok(file)
}
