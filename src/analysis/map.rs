//! A map of a project: its most telling files with what they define, within a budget of tokens.
//!
//! A file tells more the more other files use its names, when the person speaks of it, and when it was
//! changed lately. The work stops at a deadline; what was outlined by then is kept for the next time.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::language::Language;
use super::outline::{Outline, Symbol, name_hash, outline, tells};
use crate::domain::ProjectPath;
use crate::workspace::Root;

/// Larger files are left out: they are seldom written by hand.
const LARGEST: u64 = 256 * 1024;
/// Files with an outline at most.
const MOST_FILES: usize = 20_000;
/// How long a map may take.
const TIME: Duration = Duration::from_millis(1500);
/// Threads that outline files.
const THREADS: usize = 4;
/// Symbols of one file in the map at most.
const SYMBOLS_OF_A_FILE: usize = 12;
/// A name that more files define says little about which of them is meant.
const MOST_DEFINERS: usize = 3;
/// Folders named at the map's end at most.
const FOLDERS: usize = 12;

/// What makes files more telling than others.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    /// The person's words.
    pub words: String,
    /// Files of this session, the newest last.
    pub touched: Vec<ProjectPath>,
}

/// A map, as text for the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map {
    /// Empty where no file has an outline.
    pub text: String,
    /// Files with what they define.
    pub outlined: usize,
    /// Whether every file was looked at in time.
    pub complete: bool,
}

/// A file as it was when it was outlined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    changed: Option<SystemTime>,
}

type Known = HashMap<(PathBuf, ProjectPath), (Stamp, Arc<Outline>)>;

/// Outlines of files, kept in memory as long as the files stay the same.
#[derive(Debug, Default)]
pub struct Outlines(Mutex<Known>);

impl Outlines {
    /// The outline of a file; `None` for one that has none.
    fn of(&self, root: &Root, path: &ProjectPath, language: Language) -> Option<(Stamp, Arc<Outline>)> {
        let open = root.open_file(path).ok()??;
        let stamp = Stamp { bytes: open.bytes, changed: open.file.metadata().and_then(|data| data.modified()).ok() };
        if open.bytes > LARGEST {
            return None;
        }
        let key = (root.path().to_owned(), path.clone());
        if let Some(known) = self.lock().get(&key).filter(|(then, _)| *then == stamp) {
            return Some(known.clone());
        }
        let bytes = root.read(path).ok()??;
        let found = (stamp, Arc::new(outline(language, &bytes)));
        let mut known = self.lock();
        if known.len() >= MOST_FILES * 2 {
            known.clear();
        }
        known.insert(key, found.clone());
        Some(found)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file with what makes it tell.
struct Ranked {
    path: ProjectPath,
    outline: Arc<Outline>,
    score: u64,
}

/// Draws the map of `files`. Blocking, up to a second or two for a large project.
pub fn map(root: &Root, files: &[ProjectPath], hints: &Hints, tokens: usize, outlines: &Outlines) -> Map {
    let code: Vec<(&ProjectPath, Language)> =
        files.iter().filter_map(|path| Some((path, Language::of(path)?))).take(MOST_FILES).collect();
    let until = Instant::now() + TIME;
    let (found, complete) = outline_all(root, &code, outlines, until);
    let mut ranked = rank(found, hints);
    ranked.sort_by(|a, b| b.score.cmp(&a.score).then_with(|| a.path.cmp(&b.path)));
    let limit = tokens.saturating_mul(4);
    let mut text = String::new();
    let mut outlined = 0;
    // The end, which names what is left out, has its own share.
    for file in &ranked {
        let lines = lines(file, hints);
        if text.len() + lines.len() > limit.saturating_sub(limit / 8) {
            break;
        }
        text.push_str(&lines);
        outlined += 1;
    }
    if outlined > 0 {
        let shown: Vec<&ProjectPath> = ranked.iter().take(outlined).map(|file| &file.path).collect();
        text.push_str(&rest(files, &shown, limit.saturating_sub(text.len())));
    }
    Map { text, outlined, complete }
}

fn outline_all(
    root: &Root,
    code: &[(&ProjectPath, Language)],
    outlines: &Outlines,
    until: Instant,
) -> (Vec<(ProjectPath, Stamp, Arc<Outline>)>, bool) {
    let share = code.len().div_ceil(THREADS).max(1);
    let work = |part: &[(&ProjectPath, Language)]| {
        let mut found = Vec::new();
        for (path, language) in part {
            if Instant::now() >= until {
                return (found, false);
            }
            if let Some((stamp, outline)) = outlines.of(root, path, *language) {
                found.push(((*path).clone(), stamp, outline));
            }
        }
        (found, true)
    };
    if code.len() < THREADS * 8 {
        return work(code);
    }
    std::thread::scope(|scope| {
        let parts: Vec<_> = code.chunks(share).map(|part| scope.spawn(move || work(part))).collect();
        let mut all = (Vec::new(), true);
        for part in parts {
            // A thread that broke off leaves its files out.
            let (found, complete) = part.join().unwrap_or((Vec::new(), false));
            all.0.extend(found);
            all.1 &= complete;
        }
        all
    })
}

fn rank(found: Vec<(ProjectPath, Stamp, Arc<Outline>)>, hints: &Hints) -> Vec<Ranked> {
    let mut definers: HashMap<u64, Vec<usize>> = HashMap::new();
    for (index, (_, _, outline)) in found.iter().enumerate() {
        for symbol in outline.symbols.iter().filter(|symbol| tells(&symbol.name)) {
            let files = definers.entry(name_hash(&symbol.name)).or_default();
            if files.last() != Some(&index) {
                files.push(index);
            }
        }
    }
    let mut used: Vec<u64> = vec![0; found.len()];
    for (user, (_, _, outline)) in found.iter().enumerate() {
        for name in &outline.names {
            let Some(files) = definers.get(name).filter(|files| files.len() <= MOST_DEFINERS) else { continue };
            for file in files.iter().filter(|file| **file != user) {
                if let Some(count) = used.get_mut(*file) {
                    *count += 1;
                }
            }
        }
    }
    let mut times: Vec<SystemTime> = found.iter().filter_map(|(_, stamp, _)| stamp.changed).collect();
    times.sort_unstable_by(|a, b| b.cmp(a));
    // Files that came with one checkout are all equally new, and none of them stands out.
    let lately = times.get(times.len() / 20).copied().filter(|time| times.last() != Some(time));
    let words = hints.words.to_lowercase();
    found
        .into_iter()
        .zip(used)
        .map(|((path, stamp, outline), used)| {
            let mut score = used.min(10_000);
            let stem = path.file_name().split('.').next().unwrap_or_default().to_lowercase();
            if words.contains(&path.as_str().to_lowercase()) {
                score += 1_000_000;
            } else if stem.len() >= 3 && has_word(&words, &stem) {
                score += 100_000;
            }
            if outline.symbols.iter().any(|symbol| tells(&symbol.name) && has_word(&hints.words, &symbol.name)) {
                score += 200_000;
            }
            if let Some(at) = hints.touched.iter().rev().position(|touched| *touched == path) {
                score += 50_000_u64.saturating_sub(u64::try_from(at).unwrap_or(0));
            }
            if lately.is_some() && stamp.changed > lately {
                score += score / 2 + 20;
            }
            Ranked { path, outline, score }
        })
        .filter(|file| !file.outline.symbols.is_empty())
        .collect()
}

fn has_word(text: &str, word: &str) -> bool {
    let edge = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(at, _)| {
        edge(text.get(..at).and_then(|before| before.chars().next_back()))
            && edge(text.get(at + word.len()..).and_then(|after| after.chars().next()))
    })
}

/// A file's line and those of its symbols; of a file with many, those that the person speaks of and the
/// outermost ones.
fn lines(file: &Ranked, hints: &Hints) -> String {
    let mut chosen: Vec<&Symbol> = file.outline.symbols.iter().collect();
    if chosen.len() > SYMBOLS_OF_A_FILE {
        chosen.sort_by_key(|symbol| (!has_word(&hints.words, &symbol.name), symbol.depth, symbol.line));
        chosen.truncate(SYMBOLS_OF_A_FILE);
        chosen.sort_by_key(|symbol| symbol.line);
    }
    let mut out = format!("{}\n", file.path);
    for symbol in &chosen {
        out.push_str(&format!("{:>5} {}{}\n", symbol.line, "  ".repeat(symbol.depth.min(4)), symbol.signature));
    }
    let left = file.outline.symbols.len() - chosen.len();
    if left > 0 {
        out.push_str(&format!("      … {left} more\n"));
    }
    out
}

/// How many files the map leaves out, by folder.
fn rest(files: &[ProjectPath], shown: &[&ProjectPath], limit: usize) -> String {
    let shown: std::collections::HashSet<&ProjectPath> = shown.iter().copied().collect();
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    let mut count = 0;
    for path in files.iter().filter(|path| !shown.contains(path)) {
        let folder = path.as_str().rsplit_once('/').map_or(".", |(folder, _)| folder);
        // Two levels say where to look; deeper ones are found by looking.
        let top = folder.match_indices('/').nth(1).and_then(|(at, _)| folder.get(..at)).unwrap_or(folder);
        *folders.entry(top).or_default() += 1;
        count += 1;
    }
    if count == 0 {
        return String::new();
    }
    let mut sorted: Vec<(&str, usize)> = folders.into_iter().collect();
    sorted.sort_by_key(|(_, files)| std::cmp::Reverse(*files));
    let mut out = format!("… and {count} more files");
    for (number, (folder, files)) in sorted.iter().take(FOLDERS).enumerate() {
        let piece = format!("{} {folder} ({files})", if number == 0 { ":" } else { "," });
        if out.len() + piece.len() + 1 > limit {
            break;
        }
        out.push_str(&piece);
    }
    out.push('\n');
    out
}
