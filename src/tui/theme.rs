//! Colours by meaning. A theme is a TOML file: a palette of named colours and what each role
//! wears. The rest of the front end names roles and never colours.

mod color;
mod file;

use std::path::Path;

use ratatui::style::{Color, Modifier, Style};
use serde::{Deserialize, Serialize};

pub use color::{contrast, luminance};
pub(super) use file::nearest;

use crate::domain::fault::{Fault, FaultClass};

/// What the terminal's background is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Background {
    /// Light text on dark.
    Dark,
    /// Dark text on light.
    Light,
    /// The terminal did not say.
    #[default]
    Unknown,
}

/// How many colours the terminal shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColorDepth {
    /// No colour at all; meaning is carried by bold, dim, underline and reverse.
    None,
    /// The 16 colours of the terminal's own palette.
    Sixteen,
    /// The fixed palette of 256.
    #[default]
    TwoFiftySix,
    /// 24 bits.
    True,
}

impl ColorDepth {
    /// Judges by the values of `TERM`, `COLORTERM` and `NO_COLOR`, which the caller has read.
    pub fn detect(term: Option<&str>, colorterm: Option<&str>, no_color: Option<&str>) -> Self {
        let term = term.unwrap_or_default();
        if no_color.is_some_and(|value| !value.is_empty()) || term == "dumb" {
            return Self::None;
        }
        if colorterm.is_some_and(|value| value.contains("truecolor") || value.contains("24bit"))
            || term.ends_with("-direct")
            || ["kitty", "alacritty", "ghostty", "wezterm", "foot", "contour"].iter().any(|known| term.contains(known))
        {
            return Self::True;
        }
        if term.contains("256") || term.starts_with("tmux") || term.starts_with("screen") {
            return Self::TwoFiftySix;
        }
        if term.is_empty() { Self::TwoFiftySix } else { Self::Sixteen }
    }
}

macro_rules! names {
    ($(#[$doc:meta])* $kind:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $kind { $($(#[$variant_doc])* $variant,)* }

        impl $kind {
            /// Every one, in the order of the theme file.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in theme files.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

names! {
    /// What a piece of the screen means.
    Role {
        /// Ordinary text.
        Text = "text",
        /// Text of lesser weight.
        Dim = "dim",
        /// The ember: what matters now.
        Accent = "accent",
        /// A pane's frame.
        Border = "border",
        /// The frame of the pane with the keyboard.
        BorderFocused = "border_focused",
        /// A pane's title.
        Title = "title",
        /// The person's own words.
        User = "user",
        /// The model's words.
        Assistant = "assistant",
        /// What failed.
        Error = "error",
        /// What deserves a look.
        Warning = "warning",
        /// What went well.
        Success = "success",
        /// What is good to know.
        Info = "info",
        /// An added line's text.
        Added = "added",
        /// A removed line's text.
        Removed = "removed",
        /// An added line's ground.
        AddedBg = "added_bg",
        /// A removed line's ground.
        RemovedBg = "removed_bg",
        /// The chosen row or range.
        Selection = "selection",
        /// The ground of code.
        CodeBg = "code_bg",
        /// The status line.
        Status = "status",
        /// A key in a hint.
        Key = "key",
        /// Something is going on.
        Spinner = "spinner",
        /// A heading in a text.
        Heading = "heading",
        /// A link.
        Link = "link",
        /// Code inside a sentence.
        Code = "code",
        /// Quoted text.
        Quote = "quote",
        /// Letters that a search found.
        Match = "match",
        /// Line numbers.
        LineNumber = "line_number",
        /// A cursor that is drawn, not the terminal's.
        Cursor = "cursor",
    }
}

names! {
    /// What a piece of code is.
    SyntaxRole {
        /// Anything else.
        Plain = "plain",
        /// Comments.
        Comment = "comment",
        /// Keywords and storage words.
        Keyword = "keyword",
        /// Strings and characters.
        String = "string",
        /// Numbers.
        Number = "number",
        /// Functions and methods.
        Function = "function",
        /// Types and modules.
        Type = "type",
        /// Variables and parameters.
        Variable = "variable",
        /// Operators.
        Operator = "operator",
        /// Brackets, commas and the like.
        Punctuation = "punctuation",
        /// Tags of markup languages.
        Tag = "tag",
        /// Attributes and keys.
        Attribute = "attribute",
        /// Constants and language values.
        Constant = "constant",
        /// Headings, emphasis and lists of markup languages.
        Markup = "markup",
        /// Inserted lines of a diff.
        Inserted = "inserted",
        /// Deleted lines of a diff.
        Deleted = "deleted",
        /// What the syntax calls invalid.
        Invalid = "invalid",
    }
}

/// Every role's style, ready for one terminal.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    name: String,
    background: Background,
    ground: Color,
    roles: Vec<Style>,
    syntax: Vec<Style>,
    depth: ColorDepth,
    /// Made once: every row that is drawn asks for it.
    stamp: u64,
}

impl Theme {
    /// Reads a theme by name: the folder of the user first, then the built-in ones.
    ///
    /// # Errors
    /// The name is unknown, or the file is not a theme; the fault names the file and the place.
    pub fn load(name: &str, user_dir: Option<&Path>) -> Result<Self, Fault> {
        file::load(name, user_dir)
    }

    /// The names of all themes, built-in first.
    pub fn names(user_dir: Option<&Path>) -> Vec<String> {
        file::names(user_dir)
    }

    /// The theme to start with when the person chose none.
    pub fn for_background(background: Background, depth: ColorDepth) -> Self {
        let name = match (background, depth) {
            // Only the terminal's own palette is right on a ground that it did not tell.
            (_, ColorDepth::None | ColorDepth::Sixteen) => "sixteen",
            (Background::Light, _) => "kiln-light",
            (Background::Dark | Background::Unknown, _) => "kiln-dark",
        };
        Self::load(name, None).unwrap_or_else(|_| Self::fallback()).with_depth(depth)
    }

    /// A theme that needs no file and no colour.
    pub fn fallback() -> Self {
        Self {
            name: "plain".to_owned(),
            background: Background::Unknown,
            ground: Color::Reset,
            roles: Role::ALL.iter().map(|role| plain_role(*role)).collect(),
            syntax: SyntaxRole::ALL.iter().map(|role| plain_syntax(*role)).collect(),
            depth: ColorDepth::None,
            stamp: 0,
        }
        .stamped()
    }

    /// The same theme for a terminal with this many colours.
    #[must_use]
    pub fn with_depth(mut self, depth: ColorDepth) -> Self {
        self.depth = depth;
        if depth == ColorDepth::None {
            self.ground = Color::Reset;
            self.roles = Role::ALL.iter().map(|role| plain_role(*role)).collect();
            self.syntax = SyntaxRole::ALL.iter().map(|role| plain_syntax(*role)).collect();
            return self.stamped();
        }
        let ground = self.background;
        for style in self.roles.iter_mut().chain(&mut self.syntax) {
            style.fg = style.fg.map(|shade| color::reduce(shade, depth, ground));
            style.bg = style.bg.map(|shade| color::reduce_ground(shade, depth));
        }
        self.ground = color::reduce_ground(self.ground, depth);
        self.stamped()
    }

    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.roles.get(role as usize).copied().unwrap_or_default()
    }

    /// The style of a piece of code.
    pub fn syntax(&self, role: SyntaxRole) -> Style {
        self.syntax.get(role as usize).copied().unwrap_or_default()
    }

    /// The name it was loaded by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The ground that it was made for.
    pub fn background(&self) -> Background {
        self.background
    }

    /// The colour that it was made for: contrast is counted against it. It is not painted.
    pub fn ground(&self) -> Color {
        self.ground
    }

    /// A number that differs between themes that look different: caches of styled text keep it.
    pub fn stamp(&self) -> u64 {
        self.stamp
    }

    fn stamped(mut self) -> Self {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.roles.hash(&mut hasher);
        self.syntax.hash(&mut hasher);
        self.stamp = hasher.finish();
        self
    }
}

fn plain_role(role: Role) -> Style {
    let style = Style::new();
    match role {
        Role::Dim | Role::Border | Role::LineNumber | Role::Quote | Role::Removed => style.add_modifier(Modifier::DIM),
        Role::Accent
        | Role::BorderFocused
        | Role::Title
        | Role::User
        | Role::Warning
        | Role::Success
        | Role::Added
        | Role::Key
        | Role::Heading => style.add_modifier(Modifier::BOLD),
        Role::Error => style.add_modifier(Modifier::BOLD | Modifier::REVERSED),
        Role::Selection | Role::Cursor => style.add_modifier(Modifier::REVERSED),
        Role::Link | Role::Match | Role::Code => style.add_modifier(Modifier::UNDERLINED),
        Role::Text
        | Role::Assistant
        | Role::Info
        | Role::AddedBg
        | Role::RemovedBg
        | Role::CodeBg
        | Role::Status
        | Role::Spinner => style,
    }
}

fn plain_syntax(role: SyntaxRole) -> Style {
    match role {
        SyntaxRole::Comment | SyntaxRole::Deleted => Style::new().add_modifier(Modifier::DIM),
        SyntaxRole::Keyword | SyntaxRole::Inserted => Style::new().add_modifier(Modifier::BOLD),
        _ => Style::new(),
    }
}

fn invalid(sentence: String) -> Fault {
    Fault::new(FaultClass::Invalid, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_role_has_enough_contrast() {
        for name in Theme::names(None) {
            let theme = Theme::load(&name, None).unwrap();
            let Color::Rgb(..) = theme.ground() else { continue };
            let grounds = |role: Role| match role {
                Role::Border | Role::AddedBg | Role::RemovedBg | Role::CodeBg => None,
                Role::Added => theme.style(Role::AddedBg).bg,
                Role::Removed => theme.style(Role::RemovedBg).bg,
                _ => theme.style(role).bg,
            };
            for role in Role::ALL {
                if matches!(role, Role::Border | Role::AddedBg | Role::RemovedBg | Role::CodeBg | Role::LineNumber) {
                    continue;
                }
                let style = theme.style(*role);
                let text = style.fg.unwrap_or(theme.style(Role::Text).fg.unwrap());
                let ground = grounds(*role).filter(|c| *c != Color::Reset).unwrap_or(theme.ground());
                let ratio = contrast(text, ground).unwrap();
                assert!(ratio >= 4.5, "{name}: {} {ratio:.2}", role.name());
                let on_ground = contrast(text, theme.ground()).unwrap();
                assert!(style.bg.is_some() || on_ground >= 4.5, "{name}: {} {on_ground:.2}", role.name());
            }
            for role in SyntaxRole::ALL {
                let text = theme.syntax(*role).fg.unwrap();
                for ground in [Some(theme.ground()), theme.style(Role::AddedBg).bg, theme.style(Role::RemovedBg).bg] {
                    let ground = ground.filter(|c| *c != Color::Reset).unwrap_or(theme.ground());
                    let ratio = contrast(text, ground).unwrap();
                    assert!(ratio >= 4.5, "{name}: syntax.{} {ratio:.2} on {ground:?}", role.name());
                }
            }
        }
    }

    #[test]
    fn depth_leaves_no_colour_the_terminal_lacks() {
        for name in Theme::names(None) {
            for depth in [ColorDepth::None, ColorDepth::Sixteen, ColorDepth::TwoFiftySix] {
                let theme = Theme::load(&name, None).unwrap().with_depth(depth);
                for style in theme.roles.iter().chain(&theme.syntax) {
                    for shade in [style.fg, style.bg].into_iter().flatten() {
                        let fits = match shade {
                            Color::Reset => true,
                            Color::Rgb(..) => false,
                            Color::Indexed(_) => depth == ColorDepth::TwoFiftySix,
                            _ => depth != ColorDepth::None,
                        };
                        assert!(fits, "{name} at {depth:?}: {shade:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn detection_honours_no_color_and_dumb() {
        assert_eq!(ColorDepth::detect(Some("xterm-kitty"), Some("truecolor"), Some("1")), ColorDepth::None);
        assert_eq!(ColorDepth::detect(Some("xterm-kitty"), None, Some("")), ColorDepth::True);
        assert_eq!(ColorDepth::detect(Some("dumb"), None, None), ColorDepth::None);
        assert_eq!(ColorDepth::detect(Some("xterm-256color"), None, None), ColorDepth::TwoFiftySix);
        assert_eq!(ColorDepth::detect(Some("linux"), None, None), ColorDepth::Sixteen);
    }

    #[test]
    fn the_start_theme_follows_the_ground() {
        assert_eq!(Theme::for_background(Background::Light, ColorDepth::True).name(), "kiln-light");
        assert_eq!(Theme::for_background(Background::Unknown, ColorDepth::TwoFiftySix).name(), "kiln-dark");
        assert_eq!(Theme::for_background(Background::Light, ColorDepth::Sixteen).name(), "sixteen");
    }
}
