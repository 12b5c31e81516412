//! Limits that no good server comes near, so that a bad one cannot fill the memory.

/// Bytes that are kept of an error's body.
pub const ERROR_BODY: usize = 64 * 1024;
/// Bytes of one event of a stream, and of one line.
pub const STREAM_EVENT: usize = 4 * 1024 * 1024;
/// Bytes of an answer that comes as one JSON document.
pub const WHOLE_ANSWER: usize = 16 * 1024 * 1024;
/// Bytes of a whole stream, decompressed. The longest good answers are about half of this: a
/// hundred thousand tokens, each in an event of its own.
pub const STREAM_TOTAL: usize = 64 * 1024 * 1024;
/// Bytes of what an answer says in all: text, reasoning and arguments. The longest that models give
/// are an eighth of this; every byte is held several times over while it is worked on.
pub const ANSWER_TEXT: usize = 4 * 1024 * 1024;
/// Header lines of an answer.
pub const HEADERS: usize = 200;
