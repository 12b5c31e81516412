//! `zip:PATH`: an archive. The same files give the same bytes: sorted names, one fixed time, two modes, one
//! way of packing.

use std::fs;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::domain::ExistingFiles;
use crate::export::bundle::Bundle;
use crate::export::error::ExportError;
use crate::export::place::Parents;
use crate::export::{Exported, Target};
use crate::workspace::{Access, TEMPORARY, TEMPORARY_END};

pub(super) const TARGET: Target =
    Target { id: "zip", about: "a zip archive, the same bytes for the same files", write };

/// How hard to pack, from 1 to 9.
const LEVEL: i64 = 6;

fn write(bundle: &Bundle, destination: &Path, existing: ExistingFiles) -> Result<Exported, ExportError> {
    let sort = |error: &io::Error| ExportError::sort(error, destination);
    let path = || destination.to_path_buf();
    match fs::symlink_metadata(destination) {
        Ok(found) if found.is_dir() => return Err(ExportError::OtherKind { path: path(), found: "a folder" }),
        Ok(_) if existing == ExistingFiles::Keep => return Err(ExportError::Exists { path: path() }),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(sort(&error)),
        _ => {}
    }
    let parents = Parents::make(destination)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY).suffix(TEMPORARY_END);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    // Beside the destination, so that a rename brings it there; removed on drop.
    let temporary = builder.tempfile_in(&parents.folder).map_err(|error| sort(&error))?;
    let mut buffer = BufWriter::new(temporary.as_file());
    let bytes = pack(bundle, &mut buffer, destination)?;
    buffer.flush().map_err(|error| sort(&error))?;
    drop(buffer);
    temporary.as_file().sync_all().map_err(|error| sort(&error))?;
    let persisted = match existing {
        ExistingFiles::Keep => temporary.persist_noclobber(destination),
        ExistingFiles::Replace => temporary.persist(destination),
    };
    persisted.map_err(|refusal| sort(&refusal.error))?;
    parents.keep().map_err(|error| sort(&error))?;
    Ok(bundle.exported(destination, bytes))
}

/// Writes the archive; the files' size together, before packing.
fn pack<W: Write + Seek>(bundle: &Bundle, target: W, destination: &Path) -> Result<u64, ExportError> {
    let sort = |error: zip::result::ZipError| ExportError::sort(&io::Error::from(error), destination);
    let mut archive = ZipWriter::new(target);
    let mut total = 0_u64;
    for (name, file) in bundle.files() {
        let mut contents = file.open()?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(LEVEL))
            .last_modified_time(DateTime::default())
            .unix_permissions(if contents.access == Access::Executable { 0o755 } else { 0o644 })
            .large_file(contents.bytes >= u64::from(u32::MAX));
        archive.start_file(name, options).map_err(sort)?;
        let bytes =
            io::copy(&mut contents.reader, &mut archive).map_err(|error| ExportError::sort(&error, destination))?;
        total = total.saturating_add(bytes);
    }
    archive.finish().map_err(sort)?;
    Ok(total)
}
