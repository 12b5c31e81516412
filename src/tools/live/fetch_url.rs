//! `fetch_url` as a tool of a turn: the page is fetched by [`crate::tools::fetch`].

use futures::future::BoxFuture;
use serde_json::Value;

use super::{LiveContext, LiveTool};
use crate::domain::Touch;
use crate::net::Client;
use crate::tools::{FETCH_URL, PrivateHosts, ToolAnswer, fetch};

/// Fetches over the client that keeps the list of connections.
pub struct FetchUrl(pub Client);

impl LiveTool for FetchUrl {
    fn name(&self) -> &str {
        FETCH_URL.name()
    }

    fn description(&self) -> String {
        FETCH_URL.description()
    }

    fn schema(&self) -> Value {
        FETCH_URL.schema()
    }

    fn touches(&self, arguments: &Value) -> Vec<Touch> {
        FETCH_URL.touches(arguments)
    }

    fn run(&self, arguments: Value, context: LiveContext) -> BoxFuture<'static, ToolAnswer> {
        let net = self.0.clone();
        Box::pin(async move {
            let Some(url) = arguments.get("url").and_then(Value::as_str) else {
                return ToolAnswer::refusal("the address is missing; give `url`");
            };
            let host = url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
            let granted = host.is_some_and(|host| context.grants.for_host(&host).is_some());
            let private = if granted { PrivateHosts::Granted } else { PrivateHosts::Refused };
            fetch(&net, url, private).await
        })
    }
}
