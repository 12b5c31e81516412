//! The only way out to the network: one HTTP client, its clocks, and the readers of streams.
//!
//! Nothing here knows a provider or a protocol above HTTP. Keys pass through as secrets and appear
//! in no text; what is not allowed is refused before a socket opens. Requests that carry keys
//! follow no redirects; only downloads do.

pub mod client;
pub mod download;
pub mod error;
pub mod limit;
pub mod ndjson;
pub mod reach;
pub mod request;
pub mod retry_after;
pub mod settings;
pub mod sse;
mod transport;

pub use client::Client;
pub use download::Download;
pub use error::{Clock, NetError};
pub use reach::Reach;
pub use request::{Body, HeaderText, Headers, HttpRequest, HttpResponse, Method};
pub use settings::NetSettings;
