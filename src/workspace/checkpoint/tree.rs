//! A checkpoint's tree: one list a folder, each kept as an object under its hash, so that what did not
//! change is kept once and two checkpoints are compared without reading what they share.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::encode::{Reader, Writer};
use super::entry::{Digest32, Entry, Gap, TreePath};
use super::error::CheckpointError;
use super::objects::Objects;

/// First bytes of a folder's list.
const MARK: &[u8] = b"kiln-tree-1\n";

/// Everything beneath a folder, by path; the folder itself is the empty path.
pub(super) type Flat = BTreeMap<TreePath, Entry>;

/// An entry of a list, with the list of a folder named by its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    entry: Entry,
    list: Option<Digest32>,
}

type List = BTreeMap<Vec<u8>, Line>;

fn encode(list: &[(&[u8], Line)]) -> Vec<u8> {
    let mut writer = Writer::with_mark(MARK);
    for (name, line) in list {
        writer.text(name);
        match &line.entry {
            Entry::File { mode, size, hash } => {
                writer.byte(b'f');
                writer.small(*mode);
                writer.number(*size);
                writer.hash(hash);
            }
            Entry::Folder { mode } => {
                writer.byte(b'd');
                writer.small(*mode);
                writer.hash(&line.list.unwrap_or(Digest32([0; 32])));
            }
            Entry::Link { target } => {
                writer.byte(b'l');
                writer.text(target);
            }
            Entry::Left { gap } => {
                writer.byte(b'x');
                writer.byte(gap_code(*gap));
            }
        }
    }
    writer.finish()
}

fn decode(bytes: &[u8]) -> Option<List> {
    let mut reader = Reader::after_mark(bytes, MARK)?;
    let mut list = List::new();
    while !reader.is_empty() {
        let name = reader.text()?.to_vec();
        let mut below = None;
        let entry = match reader.byte()? {
            b'f' => Entry::File { mode: reader.small()?, size: reader.number()?, hash: reader.hash()? },
            b'd' => {
                let mode = reader.small()?;
                below = Some(reader.hash()?);
                Entry::Folder { mode }
            }
            b'l' => Entry::Link { target: reader.text()?.to_vec() },
            b'x' => Entry::Left { gap: gap_of(reader.byte()?)? },
            _ => return None,
        };
        list.insert(name, Line { entry, list: below });
    }
    Some(list)
}

/// The number that stands for a reason in the store's files.
fn gap_code(gap: Gap) -> u8 {
    match gap {
        Gap::Large => 1,
        Gap::Build => 2,
        Gap::Quota => 3,
        Gap::Special => 4,
        Gap::Unreadable => 5,
        Gap::Git => 6,
        Gap::Own => 7,
    }
}

fn gap_of(code: u8) -> Option<Gap> {
    [Gap::Large, Gap::Build, Gap::Quota, Gap::Special, Gap::Unreadable, Gap::Git, Gap::Own]
        .into_iter()
        .find(|gap| gap_code(*gap) == code)
}

/// Keeps the lists of all folders, innermost first, and tells the hash of the outermost. Lists whose hash
/// is among `known` are in the store already.
pub(super) fn keep(
    flat: &Flat,
    known: &HashSet<Digest32>,
    objects: &Objects,
) -> Result<(Digest32, HashSet<Digest32>), CheckpointError> {
    let mut members: HashMap<TreePath, Vec<(&TreePath, &Entry)>> = HashMap::new();
    let mut folders: Vec<(usize, &TreePath)> = Vec::new();
    for (path, entry) in flat {
        if entry.is_folder() {
            folders.push((path.depth(), path));
        }
        if let Some(parent) = path.parent() {
            members.entry(parent).or_default().push((path, entry));
        }
    }
    folders.sort_unstable_by(|a, b| b.cmp(a));
    let mut hashes: HashMap<&TreePath, Digest32> = HashMap::new();
    for (_, folder) in folders {
        let mut list: Vec<(&[u8], Line)> = members
            .get(folder)
            .into_iter()
            .flatten()
            .map(|(path, entry)| (path.name(), Line { entry: (*entry).clone(), list: hashes.get(*path).copied() }))
            .collect();
        list.sort_unstable_by(|a, b| a.0.cmp(b.0));
        let bytes = encode(&list);
        let hash = Digest32::of(&bytes);
        if !known.contains(&hash) {
            objects.put(&bytes)?;
        }
        hashes.insert(folder, hash);
    }
    let root = hashes.get(&TreePath::default()).copied().ok_or_else(|| CheckpointError::lost(&"the project folder"))?;
    Ok((root, hashes.into_values().collect()))
}

fn list(hash: &Digest32, objects: &Objects) -> Result<List, CheckpointError> {
    decode(&objects.read(hash)?).ok_or_else(|| CheckpointError::lost(&hash))
}

/// A path that is not the same in two trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub path: TreePath,
    pub before: Option<Entry>,
    pub after: Option<Entry>,
}

/// What differs between two trees, sorted by path. Lists that both share are not read.
pub(super) fn diff(from: &Digest32, to: &Digest32, objects: &Objects) -> Result<Vec<Difference>, CheckpointError> {
    let mut differences = Vec::new();
    let mut open = vec![(TreePath::default(), Some(*from), Some(*to))];
    while let Some((folder, from, to)) = open.pop() {
        if from == to {
            continue;
        }
        let mut before = from.map(|hash| list(&hash, objects)).transpose()?.unwrap_or_default();
        let mut after = to.map(|hash| list(&hash, objects)).transpose()?.unwrap_or_default();
        let mut names: Vec<Vec<u8>> = before.keys().chain(after.keys()).cloned().collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let (before, after) = (before.remove(&name), after.remove(&name));
            if before == after {
                continue;
            }
            let path = folder.join(&name);
            let below = |line: &Option<Line>| line.as_ref().and_then(|line| line.list);
            open.push((path.clone(), below(&before), below(&after)));
            let (before, after) = (before.map(|line| line.entry), after.map(|line| line.entry));
            if before != after {
                differences.push(Difference { path, before, after });
            }
        }
    }
    differences.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(differences)
}

/// Adds a tree's lists and contents to `live`.
pub(super) fn mark(root: &Digest32, objects: &Objects, live: &mut HashSet<Digest32>) -> Result<(), CheckpointError> {
    let mut open = vec![*root];
    while let Some(hash) = open.pop() {
        if !live.insert(hash) {
            continue;
        }
        for line in list(&hash, objects)?.into_values() {
            open.extend(line.list);
            if let Entry::File { hash, .. } = line.entry {
                live.insert(hash);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(entries: &[(&str, Entry)]) -> Flat {
        let folder = (TreePath::default(), Entry::Folder { mode: 0o755 });
        entries.iter().map(|(path, entry)| (TreePath::new(*path), entry.clone())).chain([folder]).collect()
    }

    fn file(text: &str) -> Entry {
        Entry::File { mode: 0o644, size: text.len() as u64, hash: Digest32::of(text.as_bytes()) }
    }

    #[test]
    fn what_differs_is_found_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let objects = Objects::at(place.path().to_owned());
        let folder = Entry::Folder { mode: 0o755 };
        let link = Entry::Link { target: b"\xff".to_vec() };
        let left = Entry::Left { gap: Gap::Build };
        let a = flat(&[
            ("d", folder.clone()),
            ("d/x", file("x")),
            ("l", link),
            ("same", folder.clone()),
            ("same/y", file("y")),
        ]);
        let b = flat(&[("d", file("now a file")), ("same", folder), ("same/y", file("y")), ("t", left.clone())]);
        let (from, lists) = keep(&a, &HashSet::new(), &objects).unwrap();
        let (to, _) = keep(&b, &lists, &objects).unwrap();
        let found: Vec<String> = diff(&from, &to, &objects).unwrap().iter().map(|d| d.path.to_string()).collect();
        assert_eq!(found, ["d", "d/x", "l", "t"]);
        assert!(diff(&from, &from, &objects).unwrap().is_empty());
        let back = diff(&to, &from, &objects).unwrap();
        assert_eq!(back[3].before, Some(left));
        let mut live = HashSet::new();
        mark(&from, &objects, &mut live).unwrap();
        assert!(live.contains(&Digest32::of(b"x")) && live.contains(&from));
    }

    #[test]
    fn cut_or_strange_lists_are_refused() {
        let bytes = encode(&[(b"n", Line { entry: Entry::Link { target: b"t".to_vec() }, list: None })]);
        assert!(decode(&bytes).is_some());
        for end in MARK.len() + 1..bytes.len() {
            assert_eq!(decode(&bytes[..end]), None);
        }
        assert_eq!(decode(b"something else"), None);
    }
}
