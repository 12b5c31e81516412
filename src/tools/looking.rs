//! What the tools that look through the project refuse alike.

use super::ToolAnswer;
use crate::domain::ProjectPath;

/// Bytes of a pattern; longer ones are no search but an attack on it.
const LONGEST_PATTERN: usize = 8 * 1024;

/// Refuses a pattern that would take long to compile.
pub(super) fn fits(pattern: &str) -> Result<(), ToolAnswer> {
    if pattern.len() <= LONGEST_PATTERN {
        return Ok(());
    }
    let bytes = pattern.len();
    Err(ToolAnswer::refusal(format!("the pattern has {bytes} bytes; give one of at most {LONGEST_PATTERN}")))
}

/// The refusal for a place to begin at that does not exist.
pub(super) fn not_there(below: Option<&ProjectPath>) -> ToolAnswer {
    let name = below.map_or(".", ProjectPath::as_str);
    ToolAnswer::refusal(format!("`{name}` is no folder or file of the project; symbolic links are not followed"))
}
