//! Output of programs as plain lines: escape sequences and colours are dropped, a carriage return
//! begins its line anew. It is no terminal: what moves the cursor elsewhere is not followed.

/// The text as it would stand on paper. Control characters that are left are for
/// [`super::sanitize`] to judge.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut line_start = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_control(&mut chars),
            '\u{9d}' | '\u{90}' | '\u{98}' | '\u{9e}' | '\u{9f}' => skip_string(&mut chars),
            '\n' => {
                out.push('\n');
                line_start = out.len();
            }
            '\r' if matches!(chars.peek(), Some('\n' | '\r') | None) => {}
            '\r' => out.truncate(line_start),
            '\u{8}' => {
                if out.len() > line_start {
                    out.pop();
                }
            }
            '\t' => out.push('\t'),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_escape(chars: &mut Chars<'_>) {
    match chars.next() {
        Some('[') => skip_control(chars),
        Some(']' | 'P' | 'X' | '^' | '_') => skip_string(chars),
        // Charset choices and the like have one more character.
        Some('(' | ')' | '*' | '+' | '-' | '.' | '/' | '#' | '%' | ' ') => {
            chars.next();
        }
        _ => {}
    }
}

/// Parameters up to the letter that ends a control sequence; a line end ends a broken one.
fn skip_control(chars: &mut Chars<'_>) {
    while let Some(c) = chars.next_if(|c| *c != '\n' && *c != '\u{1b}') {
        if ('\u{40}'..='\u{7e}').contains(&c) {
            return;
        }
    }
}

/// Titles, links and pictures, up to their end mark; a line end ends a broken one.
fn skip_string(chars: &mut Chars<'_>) {
    while let Some(c) = chars.next_if(|c| *c != '\n') {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                chars.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_titles_and_rewritten_lines_are_dropped() {
        for (text, shown) in [
            ("\u{1b}[1;32mok\u{1b}[0m\n", "ok\n"),
            ("\u{1b}]0;title\u{7}a\u{1b}]8;;http://x\u{1b}\\link", "alink"),
            ("10 %\r20 %\r30 %\n", "30 %\n"),
            ("one\r\ntwo\r\n", "one\ntwo\n"),
            ("ab\u{8}c\u{1b}(Bd\u{7}", "acd"),
            ("\u{1b}[38;5\nnext", "\nnext"),
            ("\u{9b}31mred\u{9d}x\u{9c}.", "red."),
            ("broken \u{1b}", "broken "),
        ] {
            assert_eq!(plain(text), shown, "{text:?}");
        }
    }
}
