//! The readable text of an HTML page: headings, lists, links and preformatted text survive; scripts, styles and
//! whatever is hidden that way do not.
//!
//! One pass over the text without building a tree, so that no page is too deep or too broken. It does not
//! aim at how a browser would lay the page out.

/// Elements whose content is not for readers.
const SILENT: &[&str] = &["script", "style", "noscript", "template", "svg", "iframe", "object", "canvas", "select"];
/// Elements that begin on a new line.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "br",
    "dd",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figure",
    "footer",
    "form",
    "header",
    "hr",
    "main",
    "nav",
    "ol",
    "p",
    "section",
    "table",
    "title",
    "tr",
    "ul",
    "pre",
    "li",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
];

/// The text of a page.
pub(super) fn readable(html: &str) -> String {
    let mut page = Page::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        page.text(rest.get(..at).unwrap_or_default());
        rest = rest.get(at..).unwrap_or_default();
        rest = page.tag(rest);
    }
    page.text(rest);
    page.text.trim().to_owned()
}

#[derive(Default)]
struct Page {
    text: String,
    preformatted: usize,
    /// Targets of the links that are open.
    links: Vec<Option<String>>,
}

impl Page {
    /// Takes a tag or a comment off the front; a lone `<` is text.
    fn tag<'a>(&mut self, rest: &'a str) -> &'a str {
        if let Some(comment) = rest.strip_prefix("<!--") {
            return comment.find("-->").and_then(|end| comment.get(end + 3..)).unwrap_or_default();
        }
        let inner = rest.get(1..).unwrap_or_default();
        if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
            self.text("<");
            return inner;
        }
        let Some(end) = tag_end(inner) else { return "" };
        let (tag, after) = (inner.get(..end).unwrap_or_default(), inner.get(end + 1..).unwrap_or_default());
        let closing = tag.starts_with('/');
        let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        let name = name.to_ascii_lowercase();
        if !closing && SILENT.contains(&name.as_str()) && !tag.ends_with('/') {
            return past_end_of(&name, after);
        }
        self.element(&name, tag, closing);
        after
    }

    fn element(&mut self, name: &str, tag: &str, closing: bool) {
        if BLOCKS.contains(&name) {
            self.new_line();
        }
        match (name, closing) {
            ("pre", false) => self.preformatted += 1,
            ("pre", true) => self.preformatted = self.preformatted.saturating_sub(1),
            ("li", false) => self.text.push_str("- "),
            ("td" | "th", true) => self.text.push_str(" | "),
            ("p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "table" | "title", true) => {
                self.text.push('\n');
            }
            ("h1" | "h2" | "h3" | "h4" | "h5" | "h6", false) => {
                let level = name.get(1..).and_then(|level| level.parse().ok()).unwrap_or(1);
                if !self.text.is_empty() && !self.text.ends_with("\n\n") {
                    self.text.push('\n');
                }
                self.text.push_str(&"#".repeat(level));
                self.text.push(' ');
            }
            ("a", false) => self.links.push(attribute(tag, "href").filter(|target| target.starts_with("http"))),
            ("a", true) => {
                if let Some(Some(target)) = self.links.pop() {
                    self.text.push_str(&format!(" ({target})"));
                }
            }
            _ => {}
        }
    }

    fn new_line(&mut self) {
        let kept = self.text.trim_end_matches(' ').len();
        self.text.truncate(kept);
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    fn text(&mut self, raw: &str) {
        let decoded = entities(raw);
        if self.preformatted > 0 {
            self.text.push_str(&decoded);
            return;
        }
        for c in decoded.chars() {
            let space = c.is_whitespace();
            let open = self.text.is_empty() || self.text.ends_with([' ', '\n']);
            match space {
                true if open => {}
                true => self.text.push(' '),
                false => self.text.push(c),
            }
        }
    }
}

/// Where a tag ends, quoted values passed over.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in tag.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') if tag.get(..at).is_some_and(|before| before.trim_end().ends_with('=')) => {
                quote = Some(c);
            }
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    // A quote that is never closed.
    tag.find('>')
}

/// What follows the end of a silent element; nothing when it has none.
fn past_end_of<'a>(name: &str, rest: &'a str) -> &'a str {
    let mut at = 0;
    while let Some(found) = rest.get(at..).and_then(|part| part.find("</")) {
        at += found + 2;
        let Some(after) = rest.get(at..) else { break };
        if after.get(..name.len()).is_some_and(|end| end.eq_ignore_ascii_case(name)) {
            return after.find('>').and_then(|end| after.get(end + 1..)).unwrap_or_default();
        }
    }
    ""
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let at = tag.find(&format!("{name}="))? + name.len() + 1;
    let value = tag.get(at..)?;
    let end = |mark: char| value.get(1..).and_then(|inner| inner.split(mark).next());
    let raw = match value.chars().next()? {
        quote @ ('"' | '\'') => end(quote)?,
        _ => value.split([' ', '\n', '\t']).next()?,
    };
    Some(entities(raw))
}

/// Characters that pages write by name or number.
fn entities(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        text.push_str(rest.get(..at).unwrap_or_default());
        let after = rest.get(at + 1..).unwrap_or_default();
        let end = after.bytes().take(12).position(|b| b == b';');
        match end.and_then(|end| Some((character(after.get(..end)?)?, end))) {
            Some((c, end)) => {
                text.push(c);
                rest = after.get(end + 1..).unwrap_or_default();
            }
            None => {
                text.push('&');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|c| !c.is_control() || *c == '\n' || *c == '\t');
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "ndash" => '–',
        "mdash" => '—',
        "hellip" => '…',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "bull" => '•',
        "middot" => '·',
        "copy" => '©',
        "rarr" => '→',
        "larr" => '←',
        "times" => '×',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_text() {
        let html = "<!DOCTYPE html><html><head><title>A &amp; B</title><style>p{}</style><script>if (a</b>) x</script></head><body>\
            <!-- <p>no</p> --><h2>Use</h2><p>One   two\n three.</p><ul><li>a<li>b</ul><pre>x\n  y &lt;z&gt;</pre>\
            <a href=\"https://x.example/?a=1&amp;b\">there</a> 1 < 2 <a title='>' href='#x'>here</a></body>";
        let expected =
            "A & B\n\n## Use\n\nOne two three.\n\n- a\n- b\n\nx\n  y <z>\nthere (https://x.example/?a=1&b) 1 < 2 here";
        assert_eq!(readable(html), expected);
    }

    #[test]
    fn broken_pages_end() {
        for html in [
            "<",
            "<a",
            "<!--",
            "<script>",
            "a<b",
            "&#xFFFFFFFF;&#0;&",
            "<a href=>",
            "<a href='",
            "</",
            "é<p",
            "<pre>",
            "<svg/>x",
        ] {
            readable(html);
        }
        assert_eq!(readable("<svg/>x"), "x");
        assert!(readable(&"<div>".repeat(200_000)).is_empty());
        readable(&"<script></".repeat(100_000));
    }
}
