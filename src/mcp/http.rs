//! The protocol's HTTP over Kiln's own client, so that its limits and its list of connections hold.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use http::{HeaderName, HeaderValue};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, HttpStatusError, InsufficientScopeError, StreamableHttpClient, StreamableHttpError,
    StreamableHttpPostResponse,
};
use secrecy::SecretString;
use sse_stream_of_rmcp::{Error as SseError, Sse, SseStream};

use crate::domain::Purpose;
use crate::net::{self, Client, HttpRequest, HttpResponse, Method, NetError};

/// Bytes of an answer that comes as one JSON document.
const WHOLE: usize = 16 * 1024 * 1024;
const SESSION: &str = "mcp-session-id";
const BOTH: &str = "text/event-stream, application/json";

type Failed = StreamableHttpError<NetError>;

/// Asks one server over HTTP.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    pub(super) net: Client,
}

impl Wire {
    async fn send(
        &self,
        mut request: HttpRequest,
        token: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<HttpResponse, Failed> {
        for (name, value) in headers {
            // These are ours to say.
            if matches!(name.as_str(), "accept" | SESSION | "last-event-id" | "authorization" | "host") {
                return Err(StreamableHttpError::ReservedHeaderConflict(name.to_string()));
            }
            if let Ok(value) = value.to_str() {
                request = request.header(name.as_str(), value);
            }
        }
        if let Some(token) = token {
            let base = request.url.clone();
            request = request.secret_header("authorization", SecretString::from(format!("Bearer {token}")), &base);
        }
        let response = self.net.send(request.purpose(Purpose::Tool)).await.map_err(StreamableHttpError::Client)?;
        let challenge = response.headers.get("www-authenticate").map(str::to_owned);
        match (response.status, challenge) {
            (401, challenge) => Err(StreamableHttpError::AuthRequired(AuthRequiredError::new(
                challenge.unwrap_or_else(|| "Bearer".to_owned()),
            ))),
            (403, Some(challenge)) => {
                let scope = scope(&challenge);
                Err(StreamableHttpError::InsufficientScope(InsufficientScopeError::new(challenge, scope)))
            }
            (status @ (429 | 500..=599), _) if !is_json(&response) || status == 429 => {
                let after = response.headers.get("retry-after").map(str::to_owned);
                Err(HttpStatusError::new(status, after).into())
            }
            _ => Ok(response),
        }
    }
}

/// The `scope` of a challenge.
pub(super) fn scope(challenge: &str) -> Option<String> {
    let (_, rest) = challenge.split_once("scope=")?;
    let end = if rest.starts_with('"') { '"' } else { ',' };
    Some(rest.trim_start_matches('"').split(end).next().unwrap_or_default().trim().to_owned())
}

fn kind(response: &HttpResponse) -> &str {
    response.headers.get("content-type").unwrap_or_default()
}

fn is_json(response: &HttpResponse) -> bool {
    kind(response).starts_with("application/json")
}

fn events(response: HttpResponse) -> BoxStream<'static, Result<Sse, SseError>> {
    // No event is larger than the client's own limit for events.
    SseStream::from_bytes_stream(net::sse::limited(response.body)).boxed()
}

/// Whether a message waits for no answer.
fn is_one_way(message: &ClientJsonRpcMessage) -> bool {
    !matches!(message, JsonRpcMessage::Request(_))
}

impl StreamableHttpClient for Wire {
    type Error = NetError;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failed> {
        let body = Bytes::from(serde_json::to_vec(&message)?);
        let mut request = HttpRequest::post_json(&*uri, body).header("accept", BOTH);
        let in_session = session_id.is_some();
        if let Some(session) = session_id {
            request = request.header(SESSION, &*session);
        }
        let response = self.send(request, auth_header, custom_headers).await?;
        let session = response.headers.get(SESSION).map(str::to_owned);
        match response.status {
            202 | 204 => Ok(StreamableHttpPostResponse::Accepted),
            404 if in_session => Err(StreamableHttpError::SessionExpired),
            status @ 200..=299 if kind(&response).starts_with("text/event-stream") => {
                tracing::trace!(status, "the answer is a stream");
                Ok(StreamableHttpPostResponse::Sse(events(response), session))
            }
            200..=299 => whole(response, &message, session).await,
            status => refused(status, response, &message, in_session, session).await,
        }
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failed> {
        let mut request = HttpRequest::get(&*uri);
        request.method = Method::Delete;
        let response = self.send(request.header(SESSION, &*session_id), auth_header, custom_headers).await?;
        match response.status {
            // Some servers do not let go; then the session ends by itself.
            200..=299 | 404 | 405 => Ok(()),
            status => Err(StreamableHttpError::UnexpectedServerResponse(format!("HTTP {status}").into())),
        }
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Failed> {
        let mut request = HttpRequest::get(&*uri).header("accept", BOTH);
        if let Some(session) = session_id {
            request = request.header(SESSION, &*session);
        }
        if let Some(last) = last_event_id {
            request = request.header("last-event-id", last);
        }
        let response = self.send(request, auth_header, custom_headers).await?;
        match response.status {
            405 => Err(StreamableHttpError::ServerDoesNotSupportSse),
            200..=299 if kind(&response).starts_with("text/event-stream") || is_json(&response) => Ok(events(response)),
            200..=299 => Err(StreamableHttpError::UnexpectedContentType(Some(kind(&response).to_owned()))),
            status => Err(StreamableHttpError::UnexpectedServerResponse(format!("HTTP {status}").into())),
        }
    }
}

/// An answer that comes as one document.
async fn whole(
    response: HttpResponse,
    message: &ClientJsonRpcMessage,
    session: Option<String>,
) -> Result<StreamableHttpPostResponse, Failed> {
    if is_one_way(message) {
        // Whatever it says, nothing waits for it.
        return Ok(StreamableHttpPostResponse::Accepted);
    }
    if !is_json(&response) {
        let kind = kind(&response);
        let kind = (!kind.is_empty()).then(|| kind.to_owned());
        return Err(StreamableHttpError::UnexpectedContentType(kind));
    }
    let body = response.whole(WHOLE).await.map_err(StreamableHttpError::Client)?;
    let parsed: ServerJsonRpcMessage = serde_json::from_slice(&body)?;
    Ok(StreamableHttpPostResponse::Json(parsed, session))
}

/// A status that is no success; an error of the protocol inside of it is passed on as such.
async fn refused(
    status: u16,
    response: HttpResponse,
    message: &ClientJsonRpcMessage,
    in_session: bool,
    session: Option<String>,
) -> Result<StreamableHttpPostResponse, Failed> {
    let json = is_json(&response);
    let body = response.error_text().await;
    let parsed = serde_json::from_slice::<ServerJsonRpcMessage>(&body).ok();
    let error = parsed.filter(|parsed| json && matches!(parsed, JsonRpcMessage::Error(_)));
    if let JsonRpcMessage::Request(request) = message
        && matches!(request.request, ClientRequest::DiscoverRequest(_))
        && !in_session
        && (400..500).contains(&status)
        && status != 403
    {
        // An older server does not know the question; it is answered so that the older way is tried.
        let error = match error {
            Some(JsonRpcMessage::Error(error)) => error.error,
            _ => rmcp::ErrorData::invalid_request(format!("server/discover was answered with HTTP {status}"), None),
        };
        let answer = ServerJsonRpcMessage::error(error, Some(request.id.clone()));
        return Ok(StreamableHttpPostResponse::Json(answer, None));
    }
    match error {
        Some(error) if status != 403 => Ok(StreamableHttpPostResponse::Json(error, session)),
        _ if status >= 500 => Err(HttpStatusError::new(status, None).into()),
        _ => {
            let text = super::definition::visible(&String::from_utf8_lossy(&body), 200);
            Err(StreamableHttpError::UnexpectedServerResponse(Cow::Owned(format!("HTTP {status}: {text}"))))
        }
    }
}
