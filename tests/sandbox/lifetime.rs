//! Everyday work.
