//! What a turn begins with beyond the conversation: instructions, skills, notes, what the person's words
//! point at, and a map of the project.
//!
//! What stays the same goes into the standing instructions; what changes from turn to turn goes last, with
//! the newest message, so that a provider's prompt cache holds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::instructions::{self, Instructions};
use super::mentions::{self, Attachment, Surroundings};
use super::request;
use super::turn::{Stop, Turn, blocking, internal};
use crate::analysis::{self, Hints, Outlines};
use crate::domain::memory::estimate;
use crate::domain::{Context, ContextPart, CustomCommand, FactBody, ItemKind, ProjectPath, SessionState, TurnProtocol};
use crate::providers::Message;
use crate::skills::hooks::Hook;
use crate::skills::{self, Shelf, Skill, Sources};
use crate::tools::Toolbox;
use crate::tools::live::{TypedLive, remember::Remember, skill::Skills, task::Task};
use crate::tools::notes::Notes;
use crate::tools::policy::Trust;
use crate::workspace::Root;
use crate::workspace::seen::Seen;

/// Bytes of present file contents that the fenced protocol sends along at most.
const SHOWN_CONTENT: usize = 24_000;
/// The part of a window that the map may take at most, as a divisor.
const MAP_SHARE: u64 = 20;

/// Where a turn finds what it is told beside the conversation; the same for every session.
#[derive(Clone, Debug)]
pub struct Memory {
    /// Kiln's folder of settings, with the person's own instructions, commands and skills.
    pub user: Option<PathBuf>,
    /// Where notes lie, a file a project.
    pub notes: Option<PathBuf>,
    /// Tokens of the project's map; 0 draws none.
    pub map_tokens: usize,
    /// How full the window may be, in hundredths, before the conversation is compacted; 0 leaves it.
    pub compact_at: u64,
    /// The hooks of the settings.
    pub hooks: Vec<Hook>,
    /// Outlines of files, kept as long as the files stay the same.
    pub outlines: Arc<Outlines>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { user: None, notes: None, map_tokens: 1500, compact_at: 80, hooks: Vec::new(), outlines: Arc::default() }
    }
}

impl Memory {
    /// The notes of a project; `None` where none are kept.
    pub fn notes_of(&self, root: &Path) -> Option<Notes> {
        self.notes.as_deref().map(|folder| Notes::new(folder, root))
    }

    fn sources<'a>(&'a self, root: &'a Root, trust: Trust) -> Sources<'a> {
        Sources { project: (trust == Trust::Trusted).then_some(root), user: self.user.as_deref() }
    }

    /// The slash commands that a session has beside Kiln's own. Blocking.
    pub fn commands(&self, root: &Root, trust: Trust) -> Vec<CustomCommand> {
        let found = skills::commands(self.sources(root, trust)).into_iter();
        found.map(|one| CustomCommand { name: one.name, about: one.about, origin: one.origin }).collect()
    }
}

/// What was read at the beginning of a turn.
struct Gathered {
    instructions: Instructions,
    skills: Vec<Skill>,
    notes: String,
    attachments: Vec<Attachment>,
    files: Vec<ProjectPath>,
    map: String,
    contents: Vec<(ProjectPath, String)>,
}

/// Reads what the turn begins with, publishes what the person should see of it, and makes the newest
/// message.
pub async fn prepare(turn: &mut Turn, protocol: TurnProtocol) -> Result<Message, Stop> {
    let gathered = gather(turn, protocol).await?;
    let Gathered { instructions, skills, notes, .. } = &gathered;
    let own_notes = turn.input.memory.notes_of(turn.input.root.path());
    equip(&mut turn.toolbox, own_notes, skills.clone());
    turn.system = system(protocol, &turn.toolbox, instructions, skills, notes);
    let said: BTreeSet<&str> = turn
        .input
        .before
        .items
        .iter()
        .filter_map(|item| match &item.kind {
            ItemKind::Notice { text } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let number = turn.input.turn;
    let notices = gathered.instructions.notices.iter().filter(|text| !said.contains(text.as_str()));
    let mut facts: Vec<FactBody> = notices.map(|text| FactBody::Noticed { text: text.clone() }).collect();
    let mut text = turn.input.text.clone();
    let mut pictures = Vec::new();
    for Attachment { name, text: content, picture } in gathered.attachments {
        request::attach(&mut text, &content);
        pictures.extend(picture.clone().map(request::picture));
        facts.push(FactBody::Attached { turn: number, name, text: content, picture });
    }
    turn.out.facts(facts, Vec::new()).await;
    let mut message = request::prompt(&text, &gathered.files, &gathered.map, &gathered.contents);
    message.parts.extend(pictures);
    Ok(message)
}

/// Adds the tools that go with what was read.
fn equip(toolbox: &mut Toolbox, notes: Option<Notes>, skills: Vec<Skill>) {
    if let Some(notes) = notes {
        toolbox.add(Arc::new(TypedLive(Remember(notes))));
    }
    if !skills.is_empty() {
        toolbox.add(Arc::new(TypedLive(Skills(Arc::new(Shelf(skills))))));
    }
    toolbox.add(Arc::new(TypedLive(Task)));
}

async fn gather(turn: &Turn, protocol: TurnProtocol) -> Result<Gathered, Stop> {
    let (root, seen, memory) = (Arc::clone(&turn.input.root), Arc::clone(&turn.input.seen), turn.input.memory.clone());
    let (text, trust) = (turn.input.text.clone(), turn.person.rights.borrow().trust);
    let touched: Vec<ProjectPath> = touched(&turn.input.before);
    let tokens = map_tokens(&memory, turn.input.model.window);
    let work = move || {
        let sources = memory.sources(&root, trust);
        let files = root.files().map(|listing| listing.files).unwrap_or_default();
        let around = Surroundings { root: &root, files: &files, seen: &seen, outlines: &memory.outlines, sources };
        let attachments = mentions::attachments(&text, &around);
        let contents = match protocol {
            TurnProtocol::Tools => Vec::new(),
            TurnProtocol::Fenced | TurnProtocol::Guided => contents(&root, &touched, &seen),
        };
        let hints = Hints { words: text, touched };
        let map = if tokens == 0 { String::new() } else { drawn(&root, &files, &hints, tokens, &memory) };
        Gathered {
            instructions: instructions::read(&root, memory.user.as_deref(), trust),
            skills: skills::skills(sources),
            notes: notes_text(&memory, &root),
            attachments,
            files,
            map,
            contents,
        }
    };
    blocking(work).await.map_err(internal)
}

fn touched(state: &SessionState) -> Vec<ProjectPath> {
    let mut changes: Vec<_> = state.changes.values().collect();
    changes.sort_by_key(|change| change.turn);
    changes.into_iter().map(|change| change.path.clone()).collect()
}

fn drawn(root: &Root, files: &[ProjectPath], hints: &Hints, tokens: usize, memory: &Memory) -> String {
    analysis::map(root, files, hints, tokens, &memory.outlines).text
}

fn map_tokens(memory: &Memory, window: Option<u64>) -> usize {
    let share = window.map(|window| usize::try_from(window / MAP_SHARE).unwrap_or(usize::MAX));
    memory.map_tokens.min(share.unwrap_or(usize::MAX))
}

/// The contents of these files, as many as the model can be shown; it knows them from then on.
fn contents(root: &Root, touched: &[ProjectPath], seen: &Seen) -> Vec<(ProjectPath, String)> {
    let mut left = SHOWN_CONTENT;
    let read = |path: &ProjectPath| {
        let text = String::from_utf8(root.read(path).ok()??).ok()?;
        left = left.checked_sub(text.len())?;
        seen.record(path, text.as_bytes());
        Some((path.clone(), text))
    };
    touched.iter().filter_map(read).collect()
}

/// Notes may hold what a hostile text talked the model into: nothing in them stays unseen.
fn notes_text(memory: &Memory, root: &Root) -> String {
    let notes = memory.notes_of(root.path()).map(|notes| notes.for_model()).unwrap_or_default();
    instructions::reveal(&notes).0
}

/// The standing instructions, Kiln's own first: what every session shares comes before what differs.
fn system(
    protocol: TurnProtocol,
    toolbox: &Toolbox,
    instructions: &Instructions,
    skills: &[Skill],
    notes: &str,
) -> String {
    let mut text = request::system(protocol).trim_end().to_owned();
    if protocol == TurnProtocol::Fenced {
        text.push_str("\n\n# Tools\n\n");
        text.push_str(request::tools_in_text(toolbox).trim_end());
    }
    if !instructions.text.is_empty() {
        text.push_str("\n\n# Instructions from files\n\n");
        text.push_str(instructions.text.trim_end());
    }
    text.push_str(&skill_list(skills));
    if !notes.is_empty() {
        text.push_str("\n\n# Notes from earlier sessions on this project (they may be out of date)\n\n");
        text.push_str(notes.trim_end());
    }
    text
}

fn skill_list(skills: &[Skill]) -> String {
    if skills.is_empty() {
        return String::new();
    }
    let mut text = "\n\n# Skills\n\nBefore work that one of these is for, read it with `skill`:\n".to_owned();
    for skill in skills {
        text.push_str(&format!("- {}: {}\n", skill.name, instructions::reveal(&skill.about).0));
    }
    text.truncate(text.trim_end().len());
    text
}

/// What fills the model's window, by its parts. Blocking.
pub fn context(state: &SessionState, root: &Root, memory: &Memory, trust: Trust, toolbox: &Toolbox) -> Context {
    let (protocol, window) =
        state.model.as_ref().map_or((TurnProtocol::Tools, None), |model| (model.protocol, model.window));
    let found = instructions::read(root, memory.user.as_deref(), trust);
    let library = skills::skills(memory.sources(root, trust));
    let files = root.files().map(|listing| listing.files).unwrap_or_default();
    let hints = Hints { words: String::new(), touched: touched(state) };
    let map = drawn(root, &files, &hints, map_tokens(memory, window), memory);
    let mut toolbox = toolbox.clone();
    equip(&mut toolbox, memory.notes_of(root.path()), library.clone());
    let specs = request::tool_specs(&toolbox);
    let tools = match protocol {
        TurnProtocol::Tools => specs.iter().map(|one| one.description.len() + one.schema.to_string().len()).sum(),
        TurnProtocol::Fenced => request::tools_in_text(&toolbox).len(),
        TurnProtocol::Guided => 0,
    };
    let names = found.text.matches("<instructions from=").count();
    let notes = notes_text(memory, root);
    let mut parts = vec![
        part("Kiln's own instructions", request::system(protocol).len(), String::new()),
        part("tools", tools, format!("{} tools", specs.len())),
        part("instructions from files", found.text.len(), format!("{names} files")),
        part("skills", skill_list(&library).len(), format!("{} skills", library.len())),
        part("notes", notes.len(), format!("{} notes", notes.lines().count())),
        part("map of the project", map.len(), format!("of {} files", files.len())),
    ];
    let compaction = state.compactions.last();
    if let Some(compaction) = compaction {
        parts.push(part("summary", compaction.summary.len(), format!("of {} turns", compaction.dropped.len())));
        let pinned = request::pinned(state, compaction.up_to);
        let size = pinned.iter().map(String::len).sum();
        parts.push(part("pins", size, format!("{} kept word for word", pinned.len())));
    }
    let from = compaction.map(|compaction| compaction.up_to);
    let turns = state.items.iter().filter(|item| Some(item.seq) > from);
    let turns = turns.filter(|item| matches!(item.kind, ItemKind::User { .. })).count();
    let tokens = super::compact::size(&request::recent(state, protocol));
    parts.push(ContextPart { name: "turns".to_owned(), tokens, detail: format!("{turns} turns word for word") });
    parts.retain(|part| part.tokens > 0);
    Context { parts, window, ledger: compaction.map(|one| one.dropped.clone()).unwrap_or_default() }
}

fn part(name: &str, bytes: usize, detail: String) -> ContextPart {
    ContextPart { name: name.to_owned(), tokens: estimate(bytes), detail }
}
