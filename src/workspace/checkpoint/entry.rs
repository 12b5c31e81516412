//! What can stand at a path of a checkpoint, and paths that need not be text.

use std::fmt;

use sha2::{Digest, Sha256};

/// What kind of thing has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    Special,
}

/// SHA-256 of the bytes of a file or of a folder's list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest32(pub [u8; 32]);

impl Digest32 {
    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0_u8; 32];
        if text.len() != 64 {
            return None;
        }
        for (slot, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *slot = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Digest32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A path below the project's folder, as the bytes that the system uses, parts joined by `/`. The folder
/// itself is the empty path.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TreePath(Vec<u8>);

impl TreePath {
    /// Wraps bytes as they are.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes inside.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path of something in this folder.
    pub fn join(&self, name: &[u8]) -> Self {
        if self.0.is_empty() {
            return Self(name.to_vec());
        }
        let mut bytes = Vec::with_capacity(self.0.len() + 1 + name.len());
        bytes.extend_from_slice(&self.0);
        bytes.push(b'/');
        bytes.extend_from_slice(name);
        Self(bytes)
    }

    /// The folder above; `None` for the project's folder.
    pub fn parent(&self) -> Option<Self> {
        if self.0.is_empty() {
            return None;
        }
        let end = self.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        Some(Self(self.0.get(..end).unwrap_or_default().to_vec()))
    }

    /// The last part.
    pub fn name(&self) -> &[u8] {
        self.0.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// How many folders it lies below; 0 for the project's folder itself.
    pub fn depth(&self) -> usize {
        if self.0.is_empty() { 0 } else { 1 + self.0.iter().filter(|byte| **byte == b'/').count() }
    }

    /// The folders above, innermost first, the project's folder left out.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), Self::parent).filter(|path| !path.0.is_empty())
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

/// Why something stands in the tree without its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Gap {
    /// One file is larger than the limit.
    Large,
    /// An ignored folder, such as the output of a build, is larger than the limit.
    Build,
    /// The project as a whole is larger than the store may be.
    Quota,
    /// A device, a pipe, a socket.
    Special,
    /// It may not be read, or lies too deep.
    Unreadable,
    /// Git's own files.
    Git,
    /// Kiln's own files.
    Own,
}

impl Gap {
    /// Whether a person should be told.
    pub fn is_worth_telling(self) -> bool {
        !matches!(self, Self::Git | Self::Own)
    }

    /// The reason, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Large => "larger than one file may be",
            Self::Build => "an ignored folder with a lot in it",
            Self::Quota => "the project is larger than the store",
            Self::Special => "neither file, folder nor link",
            Self::Unreadable => "cannot be read",
            Self::Git => "git's own",
            Self::Own => "Kiln's own",
        }
    }
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// `mode` holds the permission bits only.
    File { mode: u32, size: u64, hash: Digest32 },
    /// What it holds stands under paths of its own.
    Folder { mode: u32 },
    /// A symbolic link and where it points, never followed.
    Link { target: Vec<u8> },
    /// Something whose content is not kept.
    Left { gap: Gap },
}

impl Entry {
    /// Whether its content is not kept.
    pub fn is_left(&self) -> bool {
        matches!(self, Self::Left { .. })
    }

    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        matches!(self, Self::Folder { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_split_and_join() {
        let path = TreePath::new("a/b/c");
        assert_eq!(path.name(), b"c");
        assert_eq!(path.depth(), 3);
        assert_eq!(path.parent(), Some(TreePath::new("a/b")));
        assert_eq!(path.ancestors().collect::<Vec<_>>(), [TreePath::new("a/b"), TreePath::new("a")]);
        assert_eq!(TreePath::new("a").parent(), Some(TreePath::default()));
        assert_eq!(TreePath::default().parent(), None);
        assert_eq!(TreePath::default().join(b"x").join(b"\xff"), TreePath::new(b"x/\xff".to_vec()));
    }

    #[test]
    fn digests_read_back() {
        let digest = Digest32::of(b"x");
        assert_eq!(Digest32::parse(&digest.to_string()), Some(digest));
        assert_eq!(Digest32::parse("xyz"), None);
    }
}
