//! Servers of tools that others made (the Model Context Protocol), over pipes and over HTTP.
//!
//! A server runs only with the person's consent to its very command or address (`consent`); its tools
//! are offered as they were when they were first listed, and one that changed is off until accepted
//! (`definition`). Servers start in the background (`server`); one that hangs, dies or floods
//! costs its own calls and nothing else. What they say is untrusted and is passed on, never obeyed.
//!
//! This room starts no process and opens no socket itself: processes are `sandbox`'s, HTTP is `net`'s.

pub mod consent;
mod content;
mod definition;
mod elicitation;
mod error;
mod handler;
mod http;
mod link;
pub mod oauth;
mod server;
mod servers;
mod spec;

pub use content::Reply;
pub use definition::{Definition, Difference};
pub use error::McpError;
pub use handler::Ask;
pub use link::{About, Link, Listener, Surroundings};
pub use servers::{ForeignTool, Mcp, Offered};
pub use spec::{Launch, OFFERS_FILE, Spec, SpecOrigin, all as specs, is_name};
