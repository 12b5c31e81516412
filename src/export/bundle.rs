//! What is to be exported: names and where their bytes come from.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use super::error::ExportError;
use super::portable;
use crate::domain::ProjectPath;
use crate::workspace::{Access, MAX_FILES, Root};

/// Kiln's own folder in a project, at its top.
const OWN_FOLDER: &str = ".kiln/";

/// A file of a bundle.
#[derive(Clone, Debug)]
pub struct BundleFile {
    /// Its name in the project.
    pub path: ProjectPath,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    /// Read when it is needed, so that a bundle costs no memory.
    Project(Root),
    Bytes(Vec<u8>, Access),
}

/// A file of a bundle, open for reading.
pub(super) struct Contents {
    pub(super) reader: Box<dyn Read>,
    pub(super) access: Access,
    /// Its size when it was opened.
    pub(super) bytes: u64,
}

/// Files by the names they have in the export, sorted by these names' bytes.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    files: BTreeMap<String, BundleFile>,
    renamed: Vec<(String, String)>,
    left_out: usize,
}

impl Bundle {
    /// The files of a project, without ignored ones, `.git`, Kiln's own, and whatever lies at the paths of
    /// `without`.
    pub fn of_project(root: &Root, without: &[PathBuf]) -> Result<Self, ExportError> {
        let listing = root.files()?;
        if listing.truncated {
            return Err(ExportError::TooMany { limit: MAX_FILES });
        }
        let without: Vec<PathBuf> = without.iter().filter_map(|path| inside(root.path(), path)).collect();
        let kept = listing.files.into_iter().filter(|file| {
            let below = Path::new(file.as_str());
            !file.as_str().starts_with(OWN_FOLDER) && !without.iter().any(|out| below.starts_with(out))
        });
        let mut bundle = Self::named(kept.map(|path| BundleFile { path, source: Source::Project(root.clone()) }));
        bundle.left_out = listing.skipped;
        if bundle.files.is_empty() { Err(ExportError::Empty) } else { Ok(bundle) }
    }

    /// A bundle of given contents.
    pub fn of_contents(files: impl IntoIterator<Item = (ProjectPath, Vec<u8>, Access)>) -> Self {
        let files = files.into_iter();
        Self::named(files.map(|(path, bytes, access)| BundleFile { path, source: Source::Bytes(bytes, access) }))
    }

    fn named(files: impl Iterator<Item = BundleFile>) -> Self {
        let files: BTreeMap<ProjectPath, BundleFile> = files.map(|file| (file.path.clone(), file)).collect();
        let paths: Vec<&str> = files.keys().map(ProjectPath::as_str).collect();
        let names = portable::names(&paths);
        let mut bundle = Self::default();
        for (file, name) in files.into_values().zip(names) {
            if name != file.path.as_str() {
                bundle.renamed.push((file.path.to_string(), name.clone()));
            }
            bundle.files.insert(name, file);
        }
        bundle
    }

    /// Names in the export and the files behind them, sorted.
    pub fn files(&self) -> impl Iterator<Item = (&str, &BundleFile)> {
        self.files.iter().map(|(name, file)| (name.as_str(), file))
    }

    /// Number of files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What the export tells at its end.
    pub(super) fn exported(&self, path: &Path, bytes: u64) -> super::Exported {
        super::Exported {
            path: path.to_path_buf(),
            files: self.files.len(),
            bytes,
            renamed: self.renamed.clone(),
            left_out: self.left_out,
        }
    }
}

impl BundleFile {
    /// Opens the file's contents.
    pub(super) fn open(&self) -> Result<Contents, ExportError> {
        match &self.source {
            Source::Bytes(bytes, access) => {
                let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                Ok(Contents { reader: Box::new(Cursor::new(bytes.clone())), access: *access, bytes: size })
            }
            Source::Project(root) => {
                let vanished = || ExportError::Vanished { file: self.path.to_string() };
                let open = root.open_file(&self.path)?.ok_or_else(vanished)?;
                Ok(Contents { reader: Box::new(open.file), access: open.access, bytes: open.bytes })
            }
        }
    }
}

/// The part of a path below the root, whatever links lead there; `None` when it lies elsewhere.
fn inside(root: &Path, path: &Path) -> Option<PathBuf> {
    let root = root.canonicalize().ok()?;
    super::place::real(path).strip_prefix(root).ok().map(Path::to_path_buf)
}
