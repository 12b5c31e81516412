//! What the terminal can do, as lines of an examination. Told from variables and the size alone:
//! nothing is written to the terminal, so it works in a pipe too.

use super::clipboard::Place;
use crate::config::TerminalHints;
use crate::domain::Finding;
use crate::tui::theme::ColorDepth;

/// Below this the panes have no room, in columns and rows.
const SMALLEST: (u16, u16) = (60, 20);

/// What is known of the terminal.
#[derive(Clone, Debug, Default)]
pub struct Terminal {
    pub hints: TerminalHints,
    /// The person asked for no colour, by flag or variable.
    pub no_color: bool,
    /// The locale, as `LC_ALL`, `LC_CTYPE` or `LANG` tell it.
    pub locale: Option<String>,
    /// Whether standard input and output are a terminal.
    pub interactive: bool,
}

/// The size of the terminal in columns and rows, where there is one.
pub fn size() -> Option<(u16, u16)> {
    crossterm::terminal::size().ok().filter(|(width, height)| *width > 0 && *height > 0)
}

/// Looks the terminal over.
pub fn examine(terminal: &Terminal, size: Option<(u16, u16)>) -> Vec<Finding> {
    let hints = &terminal.hints;
    if hints.is_dumb() {
        return vec![
            Finding::warn("terminal", "`TERM` is `dumb`: only plain lines can be shown")
                .hint("start Kiln in a terminal that says what it is, or use `kiln exec`"),
        ];
    }
    let name = hints.term.as_deref().unwrap_or("unknown");
    let through = match (hints.ssh, hints.tmux) {
        (true, true) => ", over ssh, in tmux",
        (true, false) => ", over ssh",
        (false, true) => ", in tmux",
        (false, false) => "",
    };
    let mut found = vec![match (&hints.term, terminal.interactive) {
        (_, false) => Finding::ok("terminal", "standard input or output is none, so `kiln` runs one prompt and ends"),
        (None, true) => Finding::warn("terminal", "`TERM` is not set").hint("set it to what your terminal is"),
        (Some(_), true) => Finding::ok("terminal", format!("{name}{through}")),
    }];
    if let Some((width, height)) = size.filter(|_| terminal.interactive) {
        let text = format!("{width} columns, {height} rows");
        let small = width < SMALLEST.0 || height < SMALLEST.1;
        found.push(if small {
            Finding::warn("size", text).hint(format!("at {} by {} all panes have room", SMALLEST.0, SMALLEST.1))
        } else {
            Finding::ok("size", text)
        });
    }
    found.push(characters(terminal.locale.as_deref()));
    if terminal.interactive {
        found.push(colours(terminal));
        let drawing =
            if hints.tmux { "frame by frame; tmux keeps them whole" } else { "synchronized where the terminal can" };
        found.push(Finding::ok("drawing", drawing));
        found.push(clipboard(Place { remote: hints.ssh, tmux: hints.tmux }));
    }
    found
}

fn colours(terminal: &Terminal) -> Finding {
    let hints = &terminal.hints;
    let none = terminal.no_color.then_some("1");
    match ColorDepth::detect(hints.term.as_deref(), hints.colorterm.as_deref(), none) {
        ColorDepth::True => Finding::ok("colours", "16 million"),
        ColorDepth::TwoFiftySix => {
            Finding::ok("colours", "256").hint("if your terminal shows all colours, set `COLORTERM=truecolor`")
        }
        ColorDepth::Sixteen => {
            Finding::warn("colours", "16").hint("set `TERM` to what your terminal is, such as `xterm-256color`")
        }
        ColorDepth::None => Finding::ok("colours", "none, as asked"),
    }
}

fn characters(locale: Option<&str>) -> Finding {
    let Some(locale) = locale else {
        return Finding::ok("characters", "UTF-8 is taken for granted; no locale is set");
    };
    let upper = locale.to_ascii_uppercase();
    if upper.contains("UTF-8") || upper.contains("UTF8") {
        Finding::ok("characters", format!("UTF-8 ({locale}); widths by Unicode, emoji two columns wide"))
    } else {
        Finding::warn("characters", format!("the locale `{locale}` is not UTF-8"))
            .hint("set `LANG` to one that is, such as `C.UTF-8`, if frames look broken")
    }
}

fn clipboard(place: Place) -> Finding {
    match (place.remote, place.tmux) {
        (false, _) => Finding::ok("clipboard", "the system's, else through the terminal"),
        (true, true) => Finding::ok("clipboard", "through tmux and the terminal (OSC 52)")
            .hint("tmux has to let it pass: `set -g set-clipboard on` and `set -g allow-passthrough on`"),
        (true, false) => Finding::ok("clipboard", "through the terminal (OSC 52)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Verdict;

    #[test]
    fn a_poor_terminal_is_told_with_what_to_do() {
        let terminal = Terminal {
            hints: TerminalHints { term: Some("vt100".into()), ..TerminalHints::default() },
            locale: Some("C".into()),
            interactive: true,
            ..Terminal::default()
        };
        let found = examine(&terminal, Some((40, 10)));
        for name in ["size", "characters"] {
            let finding = found.iter().find(|finding| finding.name == name).unwrap();
            assert_eq!(finding.state, Verdict::Warn, "{name}");
            assert!(finding.hint.is_some(), "{name}");
        }
    }
}
