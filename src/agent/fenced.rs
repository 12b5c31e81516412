//! The text protocol for models without tool calling: plan, calls and files as fenced blocks, read
//! while they arrive.
//!
//! A block whose info string is `plan` holds the steps, one a line. A block whose info string is
//! `tool` and a name (` ```tool grep `) is a call, its arguments JSON. A block whose info string names
//! a path (` ```rust src/main.rs `, ` ```src/main.rs `, ` ```rust path=src/main.rs `) is a file; so is
//! a block right after a line that holds nothing but a path. Everything else is prose. This file
//! only splits text; it checks no paths and writes nothing.

/// What the text so far says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Words for the person, Markdown.
    Prose(String),
    /// The steps of the plan.
    Plan(Vec<String>),
    /// A call of a tool, whole: its name, and its arguments as the model wrote them.
    Call { name: String, json: String },
    /// A file begins; the path as the model wrote it, the step where it named one.
    FileOpened { path: String, step: Option<u64> },
    /// More of that file.
    FileText(String),
    /// The file is whole, or the text ended inside it.
    FileClosed { whole: bool },
}

/// Where the reader stands.
#[derive(Debug)]
enum Place {
    Prose,
    /// A fenced block that is part of the prose; its closing fence.
    Example(Fence),
    Plan(Fence, Vec<String>),
    Call {
        fence: Fence,
        name: String,
        json: String,
    },
    File(Fence),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fence {
    mark: char,
    length: usize,
}

/// An incremental reader: push text, take pieces.
#[derive(Debug)]
pub struct FencedReader {
    place: Place,
    /// The line that has not ended yet, less what was passed on already.
    line: String,
    /// Whether the beginning of the present line was passed on already.
    line_begun: bool,
    /// The last line of prose that was not blank: it may name the next block's file.
    last_prose: String,
}

impl Default for FencedReader {
    fn default() -> Self {
        Self { place: Place::Prose, line: String::new(), line_begun: false, last_prose: String::new() }
    }
}

impl FencedReader {
    /// Takes more text and gives back what it completes.
    pub fn push(&mut self, text: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(end) = rest.find('\n') {
            let (line, after) = rest.split_at(end + 1);
            self.line.push_str(line);
            self.end_line(&mut pieces);
            rest = after;
        }
        self.line.push_str(rest);
        self.pass_partial_line(&mut pieces);
        pieces
    }

    /// The text has ended.
    pub fn finish(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if !self.line.is_empty() || self.line_begun {
            self.end_line(&mut pieces);
        }
        match std::mem::replace(&mut self.place, Place::Prose) {
            Place::File(_) => pieces.push(Piece::FileClosed { whole: false }),
            Place::Plan(_, steps) if !steps.is_empty() => pieces.push(Piece::Plan(steps)),
            // A call without its end is none.
            Place::Plan(..) | Place::Call { .. } | Place::Prose | Place::Example(_) => {}
        }
        pieces
    }

    /// Passes on what has come of the present line, unless it may turn out to be a fence.
    fn pass_partial_line(&mut self, pieces: &mut Vec<Piece>) {
        if self.line.is_empty() || matches!(self.place, Place::Plan(..) | Place::Call { .. }) {
            return;
        }
        if !self.line_begun && may_become_fence(&self.line) {
            return;
        }
        let text = std::mem::take(&mut self.line);
        if !self.line_begun && matches!(self.place, Place::Prose) {
            self.last_prose.clear();
        }
        if matches!(self.place, Place::Prose) {
            self.last_prose.push_str(&text);
        }
        self.line_begun = true;
        push_text(pieces, &self.place, text);
    }

    fn end_line(&mut self, pieces: &mut Vec<Piece>) {
        let line = std::mem::take(&mut self.line);
        let begun = std::mem::take(&mut self.line_begun);
        if begun {
            // The beginning was no fence, so the rest is text of the same place.
            if matches!(self.place, Place::Prose) {
                self.last_prose.push_str(&line);
            }
            push_text(pieces, &self.place, line);
            return;
        }
        match &mut self.place {
            Place::Prose => self.prose_line(line, pieces),
            Place::Example(fence) => {
                let closes = is_closing(&line, *fence);
                push_text(pieces, &Place::Prose, line);
                if closes {
                    self.place = Place::Prose;
                }
            }
            Place::Plan(fence, steps) => {
                if is_closing(&line, *fence) {
                    let steps = std::mem::take(steps);
                    self.place = Place::Prose;
                    if !steps.is_empty() {
                        pieces.push(Piece::Plan(steps));
                    }
                } else if let Some(step) = step_text(&line) {
                    steps.push(step);
                }
            }
            Place::Call { fence, name, json } => {
                if is_closing(&line, *fence) {
                    let (name, json) = (std::mem::take(name), std::mem::take(json));
                    self.place = Place::Prose;
                    pieces.push(Piece::Call { name, json });
                } else {
                    json.push_str(&line);
                }
            }
            Place::File(fence) => {
                if is_closing(&line, *fence) {
                    self.place = Place::Prose;
                    pieces.push(Piece::FileClosed { whole: true });
                } else {
                    push_text(pieces, &self.place, line);
                }
            }
        }
    }

    fn prose_line(&mut self, line: String, pieces: &mut Vec<Piece>) {
        let Some((fence, info)) = opening(&line) else {
            if !line.trim().is_empty() {
                self.last_prose.clone_from(&line);
            }
            push_text(pieces, &Place::Prose, line);
            return;
        };
        let named_before = std::mem::take(&mut self.last_prose);
        match read_info(info) {
            Info::Plan => self.place = Place::Plan(fence, Vec::new()),
            Info::Call { name } => self.place = Place::Call { fence, name, json: String::new() },
            Info::File { path, step } => {
                self.place = Place::File(fence);
                pieces.push(Piece::FileOpened { path, step });
            }
            Info::Other => match lone_path(&named_before) {
                Some(path) => {
                    self.place = Place::File(fence);
                    pieces.push(Piece::FileOpened { path, step: None });
                }
                None => {
                    self.place = Place::Example(fence);
                    push_text(pieces, &Place::Prose, line);
                }
            },
        }
    }
}

fn push_text(pieces: &mut Vec<Piece>, place: &Place, text: String) {
    match (place, pieces.last_mut()) {
        (Place::File(_), Some(Piece::FileText(last)))
        | (Place::Prose | Place::Example(_), Some(Piece::Prose(last))) => {
            last.push_str(&text);
        }
        (Place::File(_), _) => pieces.push(Piece::FileText(text)),
        (Place::Prose | Place::Example(_), _) => pieces.push(Piece::Prose(text)),
        (Place::Plan(..) | Place::Call { .. }, _) => {}
    }
}

/// Whether a line that has begun like this may still be a fence.
fn may_become_fence(line: &str) -> bool {
    let trimmed = line.trim_start_matches(' ');
    line.len() - trimmed.len() <= 3 && (trimmed.is_empty() || trimmed.starts_with(['`', '~']))
}

fn opening(line: &str) -> Option<(Fence, &str)> {
    let trimmed = line.trim_start_matches(' ');
    if line.len() - trimmed.len() > 3 {
        return None;
    }
    let mark = trimmed.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let info = trimmed.trim_start_matches(mark);
    let length = trimmed.len() - info.len();
    let info = info.trim();
    (length >= 3 && !(mark == '`' && info.contains('`'))).then_some((Fence { mark, length }, info))
}

fn is_closing(line: &str, fence: Fence) -> bool {
    let trimmed = line.trim();
    trimmed.len() >= fence.length && trimmed.chars().all(|c| c == fence.mark)
}

enum Info {
    Plan,
    Call { name: String },
    File { path: String, step: Option<u64> },
    Other,
}

fn read_info(info: &str) -> Info {
    if let Some(name) = called(info) {
        return Info::Call { name };
    }
    let mut path = None;
    let mut step = None;
    for (index, token) in info.split_whitespace().enumerate() {
        let token = token.trim_matches(['{', '}', ',']);
        if index == 0 && token.eq_ignore_ascii_case("plan") {
            return Info::Plan;
        }
        if let Some((key, value)) = token.split_once('=') {
            let value = value.trim_matches(['"', '\'']);
            match key.trim_start_matches('.') {
                "path" | "file" | "filename" | "title" | "name" => path = Some(value.to_owned()),
                "step" => step = value.parse().ok(),
                _ => {}
            }
        } else if let Some((_, after)) = token.split_once(':').filter(|(language, _)| !language.contains(['.', '/'])) {
            path = path.or_else(|| looks_like_path(after).then(|| after.to_owned()));
        } else if looks_like_path(token) {
            path = path.or_else(|| Some(token.to_owned()));
        }
    }
    match path {
        Some(path) => Info::File { path, step },
        None => Info::Other,
    }
}

/// The tool of ` ```tool NAME `. Nothing else is a call: an example of JSON never runs.
fn called(info: &str) -> Option<String> {
    let mut words = info.split_whitespace();
    let (mark, name) = (words.next()?, words.next()?);
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    (mark == "tool" && plain && words.next().is_none()).then(|| name.to_owned())
}

/// A word with a folder or an extension. `asp.net` and version numbers are not worth a rule: a path
/// that makes no sense is refused later, with the reason.
fn looks_like_path(word: &str) -> bool {
    let named = word.rsplit('/').next().unwrap_or(word);
    !word.is_empty()
        && word.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '/' | '_' | '-' | '+' | '@' | '\\'))
        && (word.contains('/') || named.rfind('.').is_some_and(|dot| dot + 1 < named.len()) || is_known_bare_name(word))
}

fn is_known_bare_name(word: &str) -> bool {
    matches!(word, "Makefile" | "Dockerfile" | "LICENSE" | "README" | "justfile" | "Procfile" | "Gemfile")
}

/// The path of a line that holds nothing else: `**index.html**`, "`src/main.rs`:", `### app.py`.
fn lone_path(line: &str) -> Option<String> {
    let word = line.trim().trim_start_matches(['#', '-', '*', ' ']).trim_matches(['*', '`', ':', ' ']);
    let word = word.strip_prefix("File").map_or(word, |rest| rest.trim_start_matches([':', ' ', '`', '*']));
    (!word.contains(char::is_whitespace) && looks_like_path(word)).then(|| word.to_owned())
}

/// The words of a plan line without its number or bullet.
fn step_text(line: &str) -> Option<String> {
    let line = line.trim();
    let without_bullet = line.trim_start_matches(['-', '*', '+']).trim_start();
    let digits = without_bullet.len() - without_bullet.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let text = match without_bullet.get(digits..) {
        Some(rest) if digits > 0 && rest.starts_with(['.', ')', ':']) => rest.get(1..).unwrap_or("").trim(),
        _ => without_bullet,
    };
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANSWER: &str = "Here is the plan.\n\n```plan\n1. page\n- [ok] style\n```\n\n```html index.html\n<p>`a`</p>\n\n</html>\n```\n\
        Now the style:\n\n**style.css**\n```css\nbody {}\n```\nAn example:\n\n```sh\nnpm start\n```\n```tool shell\n{\"command\": \"ls\"}\n```\n````md path=README.md step=2\n```sh\nx\n```\n````\nDone.";

    fn read(chunks: &[&str]) -> Vec<Piece> {
        let mut reader = FencedReader::default();
        let mut pieces: Vec<Piece> = chunks.iter().flat_map(|chunk| reader.push(chunk)).collect();
        pieces.extend(reader.finish());
        let mut joined: Vec<Piece> = Vec::new();
        for piece in pieces {
            match (joined.last_mut(), piece) {
                (Some(Piece::Prose(last)), Piece::Prose(more))
                | (Some(Piece::FileText(last)), Piece::FileText(more)) => {
                    last.push_str(&more);
                }
                (_, piece) => joined.push(piece),
            }
        }
        joined
    }

    #[test]
    fn an_answer_is_split_into_plan_files_and_prose() {
        let pieces = read(&[ANSWER]);
        let opened = |path: &str, step| Piece::FileOpened { path: path.to_owned(), step };
        let text = |text: &str| Piece::FileText(text.to_owned());
        assert_eq!(
            pieces,
            vec![
                Piece::Prose("Here is the plan.\n\n".to_owned()),
                Piece::Plan(vec!["page".to_owned(), "[ok] style".to_owned()]),
                Piece::Prose("\n".to_owned()),
                opened("index.html", None),
                text("<p>`a`</p>\n\n</html>\n"),
                Piece::FileClosed { whole: true },
                Piece::Prose("Now the style:\n\n**style.css**\n".to_owned()),
                opened("style.css", None),
                text("body {}\n"),
                Piece::FileClosed { whole: true },
                Piece::Prose("An example:\n\n```sh\nnpm start\n```\n".to_owned()),
                Piece::Call { name: "shell".to_owned(), json: "{\"command\": \"ls\"}\n".to_owned() },
                opened("README.md", Some(2)),
                text("```sh\nx\n```\n"),
                Piece::FileClosed { whole: true },
                Piece::Prose("Done.".to_owned()),
            ]
        );
    }

    #[test]
    fn a_call_is_told_once_it_is_whole() {
        let call = |name: &str, json: &str| Piece::Call { name: name.to_owned(), json: json.to_owned() };
        assert_eq!(
            read(&["I look.\n```tool grep\n{\"pattern\":\n \"x\"}\n```\n```tool list_files\n```\n"]),
            [Piece::Prose("I look.\n".to_owned()), call("grep", "{\"pattern\":\n \"x\"}\n"), call("list_files", "")]
        );
        for no_call in
            ["```tool grep\n{\"pattern\": \"x\"}\n", "```json\n{\"tool\": \"grep\"}\n```\n", "```tool\n{}\n```\n"]
        {
            let calls = read(&[no_call]).into_iter().filter(|piece| matches!(piece, Piece::Call { .. })).count();
            assert_eq!(calls, 0, "{no_call}");
        }
    }

    #[test]
    fn a_file_that_is_cut_off_is_not_whole() {
        let pieces = read(&["```rust src/main.rs\nfn main() {"]);
        assert_eq!(pieces.last(), Some(&Piece::FileClosed { whole: false }));
    }

    #[test]
    fn text_of_a_file_is_passed_on_before_its_line_ends() {
        let mut reader = FencedReader::default();
        reader.push("```rust src/main.rs\n");
        assert_eq!(reader.push("fn ma"), vec![Piece::FileText("fn ma".to_owned())]);
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_pieces(cuts in proptest::collection::vec(0..ANSWER.len(), 0..12)) {
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|c| ANSWER.is_char_boundary(*c)).collect();
            cuts.push(0);
            cuts.push(ANSWER.len());
            cuts.sort_unstable();
            let chunks: Vec<&str> = cuts.windows(2).map(|w| &ANSWER[w[0]..w[1]]).collect();
            prop_assert_eq!(read(&chunks), read(&[ANSWER]));
        }
    }
}
