//! One piece of Markdown as lines.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::table::Table;
use crate::tui::text::{sanitize, wrap};
use crate::tui::theme::{Role, SyntaxRole, Theme};

/// Renders a piece. `number` is that of a list item, which the piece alone cannot know.
pub(super) fn piece(text: &str, number: Option<u64>, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let mut writer = Writer::new(width, theme);
    writer.number = number;
    writer.run(text);
    writer.out
}

/// Renders more of a paragraph, going on in the row where it stopped.
pub(super) fn more(before: Option<Line<'static>>, text: &str, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let mut writer = Writer::new(width, theme);
    // Whatever it begins with, it is the middle of a sentence.
    writer.spans = before.map(|line| line.spans).unwrap_or_default();
    if !writer.spans.is_empty() && !text.is_empty() {
        writer.spans.push(Span::styled(" ", theme.style(Role::Assistant)));
    }
    let text = format!("\u{2060}{}", text.trim_start());
    writer.run(&text);
    writer.flush();
    if writer.out.is_empty() {
        writer.out.push(Line::default());
    }
    writer.out
}

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS
}

/// What stands before every row of a list item or a quote.
struct Prefix {
    first: Option<Span<'static>>,
    rest: Span<'static>,
}

struct Writer<'a> {
    width: u16,
    theme: &'a Theme,
    out: Vec<Line<'static>>,
    spans: Vec<Span<'static>>,
    styles: Vec<Style>,
    prefixes: Vec<Prefix>,
    lists: Vec<Option<u64>>,
    number: Option<u64>,
    link: Option<(String, String)>,
    table: Option<Table>,
    code: Option<String>,
    /// A blank row is due before the next block.
    gap: bool,
}

impl<'a> Writer<'a> {
    fn new(width: u16, theme: &'a Theme) -> Self {
        Self {
            width,
            theme,
            out: Vec::new(),
            spans: Vec::new(),
            styles: vec![theme.style(Role::Assistant)],
            prefixes: Vec::new(),
            lists: Vec::new(),
            number: None,
            link: None,
            table: None,
            code: None,
            gap: false,
        }
    }

    fn run(&mut self, text: &str) {
        for event in Parser::new_ext(text, options()) {
            match event {
                Event::Start(tag) => self.start(tag),
                Event::End(tag) => self.end(tag),
                Event::Text(text) | Event::InlineMath(text) | Event::DisplayMath(text) => self.text(&text),
                Event::Code(code) => {
                    let style = self.style().patch(self.theme.style(Role::Code));
                    self.add(&code, style);
                }
                Event::Html(html) | Event::InlineHtml(html) => self.html(&html),
                Event::SoftBreak => self.add(" ", self.style()),
                Event::HardBreak => self.flush(),
                Event::Rule => self.rule(),
                Event::TaskListMarker(done) => self.task(done),
                Event::FootnoteReference(name) => self.add(&format!("[^{name}]"), self.style()),
            }
        }
        self.flush();
    }

    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or_default()
    }

    fn push_style(&mut self, over: Style) {
        self.styles.push(self.style().patch(over));
    }

    fn start(&mut self, tag: Tag<'_>) {
        let modified = |modifier| Style::new().add_modifier(modifier);
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.before_block(),
            Tag::Heading { level, .. } => {
                self.before_block();
                self.push_style(self.theme.style(Role::Heading));
                // The weight of a heading must be seen without colours as well.
                if level <= HeadingLevel::H3 {
                    let marks = "#".repeat(level as usize);
                    self.add(&format!("{marks} "), self.style());
                }
            }
            Tag::BlockQuote(_) => {
                self.before_block();
                self.gap = false;
                let bar = Span::styled("▎ ", self.theme.style(Role::Border));
                self.prefixes.push(Prefix { first: None, rest: bar });
                self.push_style(self.theme.style(Role::Quote));
            }
            Tag::CodeBlock(kind) => {
                self.before_block();
                if let CodeBlockKind::Fenced(info) = kind
                    && let Some(word) = info.split_whitespace().next()
                {
                    self.add(word, self.theme.style(Role::Dim));
                    self.flush_with("▏ ");
                }
                self.code = Some(String::new());
            }
            Tag::List(first) => {
                if self.lists.is_empty() {
                    self.before_block();
                } else {
                    self.flush();
                }
                let first = if self.lists.is_empty() && first.is_some() { self.number.or(first) } else { first };
                self.lists.push(first);
            }
            Tag::Item => self.item(),
            Tag::Emphasis => self.push_style(modified(Modifier::ITALIC)),
            Tag::Strong | Tag::TableHead => self.push_style(modified(Modifier::BOLD)),
            Tag::Strikethrough => self.push_style(modified(Modifier::CROSSED_OUT)),
            Tag::Link { dest_url, .. } => {
                self.link = Some((dest_url.into_string(), String::new()));
                self.push_style(self.theme.style(Role::Link));
            }
            Tag::Image { dest_url, .. } => {
                self.add("image: ", self.theme.style(Role::Dim));
                self.link = Some((dest_url.into_string(), String::new()));
                self.push_style(self.theme.style(Role::Link));
            }
            Tag::Table(alignments) => {
                self.before_block();
                self.table = Some(Table::new(alignments));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.end_block(),
            TagEnd::Heading(_) => {
                self.end_block();
                self.styles.pop();
            }
            TagEnd::BlockQuote(_) => {
                self.end_block();
                self.prefixes.pop();
                self.styles.pop();
            }
            TagEnd::CodeBlock => {
                self.code_lines();
                self.gap = true;
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.gap = self.lists.is_empty();
            }
            TagEnd::Item => {
                self.flush();
                // An item without text still shows its mark.
                if self.prefixes.last().is_some_and(|prefix| prefix.first.is_some()) {
                    let mark = self.row_prefix();
                    self.out.extend(wrap::wrap_hard(&Line::from(mark), self.width));
                }
                self.prefixes.pop();
            }
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => {
                self.styles.pop();
            }
            TagEnd::Link | TagEnd::Image => self.end_link(),
            TagEnd::TableHead => {
                self.styles.pop();
                self.end_row();
            }
            TagEnd::TableRow => self.end_row(),
            TagEnd::TableCell => {
                let spans = std::mem::take(&mut self.spans);
                if let Some(table) = &mut self.table {
                    table.cell(spans);
                }
            }
            TagEnd::Table => {
                if let Some(table) = self.table.take() {
                    for line in table.layout(self.room(), self.theme) {
                        self.spans = line.spans;
                        self.flush();
                    }
                }
                self.gap = true;
            }
            _ => {}
        }
    }

    fn item(&mut self) {
        self.flush();
        let depth = self.lists.len();
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                let mark = format!("{number}. ");
                *number = number.saturating_add(1);
                mark
            }
            _ => if depth % 2 == 1 { "• " } else { "◦ " }.to_owned(),
        };
        let rest = Span::raw(" ".repeat(mark.len().min(mark.chars().count())));
        let first = Some(Span::styled(mark, self.theme.style(Role::Accent).remove_modifier(Modifier::BOLD)));
        self.prefixes.push(Prefix { first, rest });
    }

    fn task(&mut self, done: bool) {
        let (mark, role) = if done { ("☑ ", Role::Success) } else { ("☐ ", Role::Dim) };
        let mark = Span::styled(mark, self.theme.style(role));
        match self.prefixes.last_mut().filter(|prefix| prefix.first.is_some()) {
            Some(prefix) => prefix.first = Some(mark),
            None => self.spans.push(mark),
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(code) = &mut self.code {
            code.push_str(text);
            return;
        }
        if let Some((_, shown)) = &mut self.link {
            shown.push_str(text);
        }
        self.add(text, self.style());
    }

    fn html(&mut self, html: &str) {
        if html.trim().to_ascii_lowercase().starts_with("<br") {
            self.flush();
            return;
        }
        for line in html.split_inclusive('\n') {
            self.add(line.trim_end_matches('\n'), self.theme.style(Role::Dim));
            if line.ends_with('\n') {
                self.flush();
            }
        }
    }

    /// Adds text. It was made harmless before, but entities such as `&#27;` come to be here.
    fn add(&mut self, text: &str, style: Style) {
        let text = text.strip_prefix('\u{2060}').unwrap_or(text);
        let text = sanitize::clean(text);
        if text.is_empty() {
            return;
        }
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                self.spans.push(Span::styled(" ", style));
            }
            match self.spans.last_mut() {
                Some(last) if last.style == style => last.content.to_mut().push_str(line),
                _ => self.spans.push(Span::styled(line.to_owned(), style)),
            }
        }
    }

    fn end_link(&mut self) {
        self.styles.pop();
        let Some((target, shown)) = self.link.take() else { return };
        let web = target.starts_with("https://") || target.starts_with("http://");
        if web && target.trim_end_matches('/') != shown.trim_end_matches('/') {
            let space = if shown.is_empty() { "" } else { " " };
            self.add(&format!("{space}({target})"), self.theme.style(Role::Dim));
        }
    }

    fn rule(&mut self) {
        self.before_block();
        let line = "─".repeat(usize::from(self.room()));
        self.add(&line, self.theme.style(Role::Border));
        self.end_block();
    }

    fn end_row(&mut self) {
        if let Some(table) = &mut self.table {
            table.end_row();
        }
    }

    fn code_lines(&mut self) {
        let Some(code) = self.code.take() else { return };
        let style = self.theme.syntax(SyntaxRole::Plain);
        let room = self.room().saturating_sub(2).max(1);
        for line in code.lines() {
            let line = Line::from(Span::styled(sanitize::clean(line).into_owned(), style));
            for row in wrap::wrap_hard(&line, room) {
                self.spans = row.spans;
                self.flush_with("▏ ");
            }
        }
    }

    /// Columns that are left beside the prefixes.
    fn room(&self) -> u16 {
        let taken: usize = self.prefixes.iter().map(|prefix| wrap::width(&prefix.rest.content)).sum();
        self.width.saturating_sub(u16::try_from(taken).unwrap_or(u16::MAX)).max(1)
    }

    fn before_block(&mut self) {
        self.flush();
        if std::mem::take(&mut self.gap) && !self.out.is_empty() {
            let rest: Vec<Span<'static>> = self.prefixes.iter().map(|prefix| prefix.rest.clone()).collect();
            self.out.push(Line::from(rest));
        }
    }

    fn end_block(&mut self) {
        self.flush();
        self.gap = true;
    }

    /// The prefix of the next row; the marks of items are used once.
    fn row_prefix(&mut self) -> Vec<Span<'static>> {
        self.prefixes.iter_mut().map(|prefix| prefix.first.take().unwrap_or_else(|| prefix.rest.clone())).collect()
    }

    fn flush(&mut self) {
        if self.table.is_some() || self.spans.is_empty() {
            return;
        }
        let mut spans = self.row_prefix();
        spans.append(&mut self.spans);
        let rest: Vec<Span<'static>> = self.prefixes.iter().map(|prefix| prefix.rest.clone()).collect();
        self.out.extend(wrap::wrap_prefixed(&Line::from(spans), self.width, &rest));
    }

    /// Like [`Writer::flush`], for a row that is known to fit, with one more mark before it.
    fn flush_with(&mut self, mark: &'static str) {
        let mut spans = self.row_prefix();
        spans.push(Span::styled(mark, self.theme.style(Role::Border)));
        spans.append(&mut self.spans);
        self.out.extend(wrap::wrap_hard(&Line::from(spans), self.width));
    }
}
