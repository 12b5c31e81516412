//! Everything a key can ask for, and the places where a key can be pressed.

use serde::{Deserialize, Serialize};

macro_rules! actions {
    ($($variant:ident = $name:literal: $words:literal,)*) => {
        /// What a key asks for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Action { $(#[doc = $words] $variant,)* }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in key files.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it does, in a few words for hints and the help.
            pub fn describe(self) -> &'static str {
                match self { $(Self::$variant => $words,)* }
            }
        }
    };
}

actions! {
    Send = "send": "send the message",
    Newline = "newline": "start a new line",
    HistoryPrevious = "history_previous": "earlier message",
    HistoryNext = "history_next": "later message",
    Clear = "clear": "clear the composer",
    Undo = "undo": "undo the last edit",
    Redo = "redo": "redo the edit",
    ExternalEditor = "external_editor": "write in your editor",
    Cancel = "cancel": "stop the model",
    Interrupt = "interrupt": "clear, stop, then quit",
    Quit = "quit": "quit",
    Retry = "retry": "try again",
    UndoTurn = "undo_turn": "take back the last turn's changes",
    FocusNext = "focus_next": "next pane",
    FocusPrevious = "focus_previous": "previous pane",
    FocusChat = "focus_chat": "go to the chat",
    FocusCode = "focus_code": "go to the code",
    FocusSteps = "focus_steps": "go to the steps",
    FocusComposer = "focus_composer": "go to the composer",
    ToggleCode = "toggle_code": "show or hide the code",
    ToggleSteps = "toggle_steps": "show or hide the steps",
    LineUp = "line_up": "up a line",
    LineDown = "line_down": "down a line",
    HalfPageUp = "half_page_up": "up half a page",
    HalfPageDown = "half_page_down": "down half a page",
    PageUp = "page_up": "up a page",
    PageDown = "page_down": "down a page",
    Top = "top": "to the start",
    Bottom = "bottom": "to the end",
    ScrollLeft = "scroll_left": "scroll left",
    ScrollRight = "scroll_right": "scroll right",
    Follow = "follow": "follow what is written",
    ItemPrevious = "item_previous": "previous message",
    ItemNext = "item_next": "next message",
    FoldItem = "fold_item": "fold or unfold",
    CopyMessage = "copy_message": "copy the message",
    CopyCode = "copy_code": "copy the code",
    NextFile = "next_file": "next file",
    PreviousFile = "previous_file": "previous file",
    FileList = "file_list": "choose a file",
    ToggleDiff = "toggle_diff": "show the changes or the file",
    NextHunk = "next_hunk": "next change",
    PreviousHunk = "previous_hunk": "previous change",
    ToggleWrap = "toggle_wrap": "wrap long lines or not",
    Search = "search": "search",
    SearchNext = "search_next": "next hit",
    SearchPrevious = "search_previous": "previous hit",
    Accept = "accept": "accept",
    Next = "next": "next entry",
    Previous = "previous": "previous entry",
    Dismiss = "dismiss": "close",
    Confirm = "confirm": "yes",
    Deny = "deny": "no",
    Help = "help": "all keys",
    HelpWhenEmpty = "help_when_empty": "all keys, when the composer is empty",
    Palette = "palette": "all commands",
    ThemePicker = "theme_picker": "choose a theme",
    ModelPicker = "model_picker": "choose a model",
    SessionPicker = "session_picker": "choose a session",
    NewSession = "new_session": "new session",
    Export = "export": "export the project",
    Redraw = "redraw": "draw the screen anew",
    Suspend = "suspend": "suspend to the shell",
    Review = "review": "review the last turn's changes",
    AcceptHunk = "accept_hunk": "accept the hunk",
    RejectHunk = "reject_hunk": "reject the hunk",
    EditHunk = "edit_hunk": "edit the hunk's lines",
    CommentHunk = "comment_hunk": "comment on the hunk",
    AcceptFile = "accept_file": "accept the whole file",
    RejectFile = "reject_file": "reject the whole file",
    FinishReview = "finish_review": "finish the review",
    SendReview = "send_review": "send the review to the model",
    SettingsScreen = "settings_screen": "keys, models and settings",
    NextTab = "next_tab": "the other half",
    MakeActive = "make_active": "let this provider answer",
    SetKey = "set_key": "store its key",
    TestKey = "test_key": "test it with one cheap call",
    RemoveKey = "remove_key": "delete its stored key",
    ResetSetting = "reset_setting": "back to the default",
    Steer = "steer": "send into the running turn",
    CycleMode = "cycle_mode": "ask, auto, read-only",
    FocusDialog = "focus_dialog": "go to what waits for you",
    Allow = "allow": "allow this once",
    AllowFurther = "allow_further": "allow it in this session",
    Refuse = "refuse": "do not allow",
    RefuseWithComment = "refuse_with_comment": "do not allow, and say why",
    Choose = "choose": "take the choice of that number",
    Leave = "leave": "leave it waiting",
    MoveUp = "move_up": "move up",
    MoveDown = "move_down": "move down",
    Remove = "remove": "take away",
    AddStep = "add_step": "add a step below",
    EditEntry = "edit_entry": "change the words",
    Approve = "approve": "approve the plan",
    SendBack = "send_back": "send the plan back with a comment",
    SkipStep = "skip_step": "leave the step out",
    RedoStep = "redo_step": "do the step again",
    Hold = "hold": "hold the queue or let it move",
}

/// Where a key is pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Context {
    /// Everywhere.
    Global,
    /// The message that is being written.
    Composer,
    /// The conversation.
    Chat,
    /// The files.
    Code,
    /// The plan's steps.
    Steps,
    /// The list of completions over the composer.
    Completion,
    /// A list to choose from in a window over the screen.
    List,
    /// The search line.
    Search,
    /// A question to be answered.
    Confirm,
    /// The review of a turn's changes.
    Review,
    /// Lines or a comment that are being written in the review.
    Editor,
    /// The settings screen.
    Settings,
    /// A call that waits for approval.
    Approval,
    /// A question of the model.
    Question,
    /// A plan that waits for approval.
    Plan,
    /// Words that are written into a dialog.
    Field,
}

impl Context {
    /// Every context.
    pub const ALL: &'static [Self] = &[
        Self::Global,
        Self::Composer,
        Self::Chat,
        Self::Code,
        Self::Steps,
        Self::Completion,
        Self::List,
        Self::Search,
        Self::Confirm,
        Self::Review,
        Self::Editor,
        Self::Settings,
        Self::Approval,
        Self::Question,
        Self::Plan,
        Self::Field,
    ];

    /// The name in key files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Composer => "composer",
            Self::Chat => "chat",
            Self::Code => "code",
            Self::Steps => "steps",
            Self::Completion => "completion",
            Self::List => "list",
            Self::Search => "search",
            Self::Confirm => "confirm",
            Self::Review => "review",
            Self::Editor => "editor",
            Self::Settings => "settings",
            Self::Approval => "approval",
            Self::Question => "question",
            Self::Plan => "plan",
            Self::Field => "field",
        }
    }
}
