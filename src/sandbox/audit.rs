//! Control files: files that make other programs run something, compared before and after a command.
//!
//! New repositories inside the project are put out of action, since a plain `git status` in one runs
//! what its settings say. Everything else is reported; what follows from it is policy's to say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// What a control file could make happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ControlKind {
    /// Settings or hooks of git: code runs at the next git call.
    Git,
    /// Kiln's own folder of the project.
    Own,
    /// Settings of an editor or of a service that builds.
    Editor,
    /// Variables, package sources, toolchains.
    Environment,
    /// Rules for assistants.
    Rules,
    /// Programs that builds and tests run.
    Build,
}

/// What happened to a control file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Created,
    Changed,
    Removed,
}

impl Change {
    /// The word for it in a sentence.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// A control file that is not as before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlChange {
    pub path: PathBuf,
    pub kind: ControlKind,
    pub change: Change,
    /// Where it was moved to, so that no program finds it.
    pub quarantined: Option<PathBuf>,
}

/// Folders that tools fill: not looked through before a command, and after it only for repositories.
const FILLED: &[&str] = &["node_modules", "target", ".venv", "venv", "__pycache__", ".tox", ".next", ".gradle"];
/// How long to look before a command; what was not seen by then is told apart by its age.
const LOOK_BEFORE: Duration = Duration::from_millis(40);
/// How long to look after one.
const LOOK_AFTER: Duration = Duration::from_secs(2);
/// Deeper folders are not looked into.
const DEEPEST: usize = 64;
/// No more changes than this are told.
const MOST_CHANGES: usize = 200;
/// Files of a repository that make git run something.
const GIT_FILES: &[&str] = &["HEAD", "config", "config.worktree", "commondir", "hooks", "info/attributes", "modules"];

/// How a file looked: enough to see that it was touched, by nobody to be forged from inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    inode: u64,
    changed: (i64, i64),
    size: u64,
}

impl Mark {
    #[cfg(unix)]
    fn of(found: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let size = if found.is_dir() { 0 } else { found.len() };
        Self { inode: found.ino(), changed: (found.ctime(), found.ctime_nsec()), size }
    }

    #[cfg(not(unix))]
    fn of(found: &Metadata) -> Self {
        let changed = found.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        let changed = changed.map_or(0, |time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX));
        // There are no numbers to be had; the time of making does instead.
        let made = found.created().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        let inode = made.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        Self { inode, changed: (0, changed), size: found.len() }
    }

    /// Whether it was touched since a moment; file systems' clocks tick coarsely.
    fn since(self, moment: SystemTime) -> bool {
        let moment = moment.checked_sub(Duration::from_millis(20)).unwrap_or(moment);
        let moment = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.changed.0 > i64::try_from(moment.as_secs()).unwrap_or(i64::MAX)
            || (self.changed.0 == i64::try_from(moment.as_secs()).unwrap_or(i64::MAX)
                && self.changed.1 >= i64::from(moment.subsec_nanos()))
    }
}

/// What was seen in one look.
#[derive(Debug, Default)]
struct Look {
    marks: BTreeMap<PathBuf, (ControlKind, Mark)>,
    /// `.git` files and folders, and bare repositories, with the number of their inode.
    repositories: BTreeMap<PathBuf, u64>,
    complete: bool,
}

/// How the control files were before a command.
#[derive(Debug)]
pub(super) struct Baseline {
    folders: Vec<PathBuf>,
    before: Look,
    taken: SystemTime,
}

impl Baseline {
    /// Looks at folders that are about to be handed to a command.
    pub(super) fn take(folders: &[PathBuf]) -> Self {
        let taken = SystemTime::now();
        Self { folders: folders.to_owned(), before: Look::at(folders, LOOK_BEFORE, Filled::Skip), taken }
    }

    /// The repositories that exist.
    pub(super) fn repositories(&self) -> impl Iterator<Item = &Path> {
        self.before.repositories.keys().map(PathBuf::as_path)
    }

    /// Looks again, puts new repositories out of action, and tells what is not as before.
    pub(super) fn compare(self) -> Vec<ControlChange> {
        let after = Look::at(&self.folders, LOOK_AFTER, Filled::ForRepositories);
        let mut changes = Vec::new();
        // By what it is, not by its name: a folder around a known one can be moved, and another put there.
        let known: BTreeSet<u64> = self.before.repositories.values().copied().collect();
        for (path, _) in after.repositories.iter().filter(|(_, inode)| !known.contains(inode)) {
            let at_its_place = self.before.repositories.contains_key(path);
            if at_its_place || self.is_new(path) {
                let quarantined = quarantine(path);
                let (path, kind) = (path.clone(), ControlKind::Git);
                changes.push(ControlChange { path, kind, change: Change::Created, quarantined });
            }
        }
        for (path, (kind, mark)) in &after.marks {
            if changes.iter().any(|change| path.starts_with(&change.path)) {
                continue;
            }
            let change = match self.before.marks.get(path) {
                Some((_, before)) if before == mark => continue,
                Some(_) => Change::Changed,
                None if !self.looked_at(path) && !mark.since(self.taken) => continue,
                None => Change::Created,
            };
            changes.push(ControlChange { path: path.clone(), kind: *kind, change, quarantined: None });
        }
        if after.complete {
            let gone = self.before.marks.iter().filter(|(path, _)| path.symlink_metadata().is_err());
            changes.extend(gone.map(|(path, (kind, _))| ControlChange {
                path: path.clone(),
                kind: *kind,
                change: Change::Removed,
                quarantined: None,
            }));
        } else {
            tracing::warn!("the project is too large to look through for control files after a command");
        }
        changes.sort_by(|a, b| (a.kind, &a.path).cmp(&(b.kind, &b.path)));
        changes.truncate(MOST_CHANGES);
        changes
    }

    /// Whether what is at a path would have been seen before.
    fn looked_at(&self, path: &Path) -> bool {
        let inside = |folder: &PathBuf| path.strip_prefix(folder).ok();
        let below = self.folders.iter().find_map(inside).unwrap_or(path);
        self.before.complete && !below.components().any(|part| is_filled(part.as_os_str()))
    }

    /// Whether a repository that was not seen before is new, or only was not looked at.
    fn is_new(&self, path: &Path) -> bool {
        self.looked_at(path) || path.symlink_metadata().is_ok_and(|found| Mark::of(&found).since(self.taken))
    }
}

/// What to do with folders that tools fill.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Filled {
    Skip,
    ForRepositories,
}

fn is_filled(name: &std::ffi::OsStr) -> bool {
    FILLED.iter().any(|filled| name == *filled)
}

impl Look {
    fn at(folders: &[PathBuf], time: Duration, filled: Filled) -> Self {
        let deadline = Instant::now() + time;
        let mut look = Self { complete: true, ..Self::default() };
        let mut open: Vec<(PathBuf, usize, bool)> = folders.iter().map(|folder| (folder.clone(), 0, false)).collect();
        while let Some((folder, depth, in_filled)) = open.pop() {
            if Instant::now() > deadline || depth > DEEPEST {
                look.complete = false;
                break;
            }
            look.folder(&folder, depth, in_filled, filled, &mut open);
        }
        look
    }

    fn folder(
        &mut self,
        folder: &Path,
        depth: usize,
        in_filled: bool,
        filled: Filled,
        open: &mut Vec<(PathBuf, usize, bool)>,
    ) {
        let (mut head, mut objects) = (false, false);
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            head |= name == "HEAD";
            objects |= name == "objects";
            if name == ".git" {
                let path = entry.path();
                // An empty one stands in for one that must not be made.
                if !is_folder || fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_some()) {
                    self.repository(path);
                }
                continue;
            }
            if !in_filled && let Some(kind) = name.to_str().and_then(|name| kind_of(name, folder, depth)) {
                self.mark(entry.path(), kind);
            }
            if is_folder {
                let tools = is_filled(&name);
                if !(tools && filled == Filled::Skip) {
                    open.push((entry.path(), depth + 1, in_filled || tools));
                }
            }
        }
        if head && objects {
            self.repository(folder.to_owned());
        }
    }

    fn repository(&mut self, path: PathBuf) {
        for name in GIT_FILES {
            self.mark(path.join(name), ControlKind::Git);
        }
        let hooks = fs::read_dir(path.join("hooks")).into_iter().flatten().flatten();
        for hook in hooks.filter(|hook| !hook.file_name().to_string_lossy().ends_with(".sample")) {
            self.mark(hook.path(), ControlKind::Git);
        }
        if let Ok(found) = path.symlink_metadata() {
            self.repositories.insert(path, Mark::of(&found).inode);
        }
    }

    fn mark(&mut self, path: PathBuf, kind: ControlKind) {
        // An empty folder of our own stands in for one that must not be made.
        if kind == ControlKind::Own && fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_none()) {
            return;
        }
        if let Ok(found) = path.symlink_metadata() {
            self.marks.insert(path, (kind, Mark::of(&found)));
        }
    }
}

/// What kind of control file a name is, if any.
fn kind_of(name: &str, folder: &Path, depth: usize) -> Option<ControlKind> {
    let parent = folder.file_name().unwrap_or_default();
    let found = match name {
        ".kiln" if depth == 0 => ControlKind::Own,
        ".gitattributes" | ".gitmodules" => ControlKind::Git,
        ".vscode" | ".idea" | ".devcontainer" | ".pre-commit-config.yaml" | ".husky" | ".gitlab-ci.yml" => {
            ControlKind::Editor
        }
        ".envrc"
        | ".mcp.json"
        | ".npmrc"
        | "rust-toolchain"
        | "rust-toolchain.toml"
        | ".tool-versions"
        | ".bashrc"
        | ".profile"
        | ".bash_profile"
        | ".zshrc"
        | ".zshenv" => ControlKind::Environment,
        "AGENTS.md" | "CLAUDE.md" | "GEMINI.md" | ".cursorrules" | "SKILL.md" => ControlKind::Rules,
        "build.rs" | "Makefile" | "makefile" | "GNUmakefile" | "justfile" | "package.json" | "conftest.py"
        | "sitecustomize.py" | "usercustomize.py" | "setup.py" => ControlKind::Build,
        name if name == ".env" || name.starts_with(".env.") || name.starts_with(".yarnrc") => ControlKind::Environment,
        "config" | "config.toml" if parent == ".cargo" => ControlKind::Environment,
        _ if parent == "workflows" || parent == ".vscode" || parent == ".devcontainer" || parent == ".husky" => {
            ControlKind::Editor
        }
        _ => return None,
    };
    Some(found)
}

/// Renames a new repository so that no git finds it; its files stay. `None` when that failed.
fn quarantine(path: &Path) -> Option<PathBuf> {
    let aside = |path: &Path| -> Option<PathBuf> {
        let name = path.file_name()?.to_string_lossy().into_owned();
        let free = (0..1000)
            .map(|number| match number {
                0 => path.with_file_name(format!("{name}.quarantined")),
                number => path.with_file_name(format!("{name}.quarantined-{number}")),
            })
            .find(|candidate| candidate.symlink_metadata().is_err())?;
        fs::rename(path, &free).ok()?;
        Some(free)
    };
    let moved = if path.file_name().is_some_and(|name| name == ".git") { aside(path) } else { Some(path.to_owned()) };
    // Git takes any folder with a `HEAD`, `objects` and `refs` for a repository, whatever its name.
    if let Some(folder) = moved.as_deref().filter(|folder| folder.is_dir()) {
        let head = folder.join("HEAD");
        if head.symlink_metadata().is_ok() {
            let renamed = aside(&head)?;
            return if folder == path { Some(renamed) } else { moved };
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(at: &Path) {
        for folder in ["objects", "refs"] {
            fs::create_dir_all(at.join(folder)).unwrap();
        }
        fs::write(at.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(at.join("config"), "[core]\n\tfsmonitor = evil\n").unwrap();
    }

    #[test]
    fn new_repositories_are_put_out_of_action() {
        let project = tempfile::tempdir().unwrap();
        repository(&project.path().join("known/.git"));
        let baseline = Baseline::take(&[project.path().to_owned()]);
        repository(&project.path().join("sub/.git"));
        repository(&project.path().join("bare"));
        repository(&project.path().join("node_modules/x/.git"));
        let changes = baseline.compare();
        assert_eq!(changes.len(), 3, "{changes:?}");
        assert!(changes.iter().all(|change| change.quarantined.is_some()));
        assert!(project.path().join("known/.git/HEAD").exists());
        assert!(project.path().join("sub/.git.quarantined/config").exists());
        assert!(!project.path().join("sub/.git").exists());
        assert!(!project.path().join("sub/.git.quarantined/HEAD").exists());
        assert!(!project.path().join("bare/HEAD").exists());
        assert!(!project.path().join("node_modules/x/.git").exists());
    }

    #[test]
    fn what_tools_brought_along_is_left_alone() {
        let project = tempfile::tempdir().unwrap();
        repository(&project.path().join("node_modules/x/.git"));
        let mut baseline = Baseline::take(&[project.path().to_owned()]);
        // As if the command had come much later than the folder.
        baseline.taken = SystemTime::now() + Duration::from_secs(60);
        assert_eq!(baseline.compare(), []);
        assert!(project.path().join("node_modules/x/.git/HEAD").exists());
    }

    #[test]
    fn changes_of_control_files_are_told() {
        let project = tempfile::tempdir().unwrap();
        let at = |name: &str| project.path().join(name);
        fs::create_dir_all(at(".cargo")).unwrap();
        for name in ["Makefile", ".cargo/config.toml", "main.c", "package.json"] {
            fs::write(at(name), "before").unwrap();
        }
        let baseline = Baseline::take(&[project.path().to_owned()]);
        fs::write(at("Makefile"), "after!").unwrap();
        fs::write(at("main.c"), "after").unwrap();
        fs::write(at(".envrc"), "x").unwrap();
        fs::remove_file(at("package.json")).unwrap();
        let told: Vec<_> = baseline
            .compare()
            .into_iter()
            .map(|change| (change.path.strip_prefix(project.path()).unwrap().to_owned(), change.kind, change.change))
            .collect();
        assert_eq!(
            told,
            [
                (PathBuf::from(".envrc"), ControlKind::Environment, Change::Created),
                (PathBuf::from("Makefile"), ControlKind::Build, Change::Changed),
                (PathBuf::from("package.json"), ControlKind::Build, Change::Removed),
            ]
        );
    }
}
