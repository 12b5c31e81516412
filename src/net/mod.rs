//! The only way out to the network: one HTTP client, its clocks, and the readers of streams.
//!
//! Nothing here knows a provider or a protocol above HTTP. Keys pass through as secrets and appear
//! in no text and go only to the origin they were set for; what is not allowed is refused before a
//! socket opens. Requests that carry keys follow no redirects; only downloads do. Every request is
//! entered in a list (`egress`) before it is sent: there is no other way out.

pub mod client;
pub mod download;
pub mod egress;
pub mod error;
pub mod limit;
pub mod ndjson;
pub mod proxy;
mod public;
pub mod reach;
pub mod request;
mod resolve;
pub mod retry_after;
pub mod settings;
pub mod sse;
mod transport;
pub mod tunnel;

pub use client::Client;
pub use download::Download;
pub use error::{Clock, NetError};
pub use proxy::Proxies;
pub use public::{is_homely, is_public};
pub use reach::{HostPattern, Reach};
pub use request::{Body, HeaderText, Headers, HttpRequest, HttpResponse, Method};
pub use settings::NetSettings;
pub use tunnel::{Destination, Refusal, Tunnel};
