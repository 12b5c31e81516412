//! (arrives with its first working content)
