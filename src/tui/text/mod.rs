//! Text on its way to the screen: made harmless, wrapped, rendered from Markdown, highlighted.
//! Nothing here touches the terminal or knows where on the screen the text will stand.

pub mod ansi;
pub mod highlight;
pub mod markdown;
pub mod sanitize;
pub mod wrap;
