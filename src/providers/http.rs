//! Joins a wire to the network: sends requests, reads answers, learns what a server does not take.
//!
//! It does not send again after a failure; whoever asks decides that, visibly. The one exception
//! is a refusal that names an optional field: the field is left out from then on.

mod answer;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use jiff::Timestamp;
use secrecy::SecretString;

use super::address;
use super::catalogue::Catalogue;
use super::chat::{AnswerStream, ChatRequest, Message, Part, Role, StreamEvent};
use super::error::ProviderError;
use super::limits::RateLimits;
use super::scrub::Scrubber;
use super::wire::{Decoder, Framing, Images, Quirks, Wire, WireRequest};
use super::{ModelInfo, Provider};
use crate::domain::{ModelName, ModelRef, ProviderId, Purpose};
use crate::net::limit::WHOLE_ANSWER;
use crate::net::ndjson;
use crate::net::request::collect;
use crate::net::retry_after::retry_after;
use crate::net::sse;
use crate::net::{Client, HttpRequest, HttpResponse};
use answer::{Answer, Frames, from_net, peek};

/// How often one request may be changed and sent anew because a field was refused.
const CHANGES: usize = 6;

/// Where a provider is and what opens it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The address before the paths of the protocol.
    pub base_url: String,
    pub key: Option<SecretString>,
}

/// A provider over HTTP; cheap to clone.
#[derive(Clone)]
pub struct HttpProvider {
    shared: Arc<Shared>,
}

struct Shared {
    id: ProviderId,
    title: String,
    wire: &'static dyn Wire,
    net: Client,
    endpoint: Endpoint,
    quirks: Quirks,
    /// What was learned of each model, by its name.
    learned: Mutex<BTreeMap<String, Quirks>>,
    limits: Mutex<Option<RateLimits>>,
    catalogue: Arc<Catalogue>,
    scrubber: Scrubber,
}

impl HttpProvider {
    /// A provider that was not spoken to yet.
    pub fn new(
        (id, title): (ProviderId, String),
        wire: &'static dyn Wire,
        net: Client,
        endpoint: Endpoint,
        quirks: Quirks,
        catalogue: Arc<Catalogue>,
    ) -> Self {
        let scrubber = Scrubber::new(endpoint.key.iter().cloned().collect());
        let (learned, limits) = (Mutex::default(), Mutex::default());
        Self {
            shared: Arc::new(Shared { id, title, wire, net, endpoint, quirks, learned, limits, catalogue, scrubber }),
        }
    }
}

impl Provider for HttpProvider {
    fn title(&self) -> &str {
        &self.shared.title
    }

    fn stream(&self, request: ChatRequest) -> AnswerStream {
        let shared = Arc::clone(&self.shared);
        stream::once(async move {
            let scrubber = shared.scrubber.clone();
            let answer = shared.open(&request).await.map_err(|error| clean(error, &scrubber))?;
            Ok::<_, ProviderError>(answer.map_err(move |error| clean(error, &scrubber)))
        })
        .try_flatten()
        .boxed()
    }

    fn list_models(&self) -> BoxFuture<'_, Result<Vec<ModelInfo>, ProviderError>> {
        self.shared.list_models().map(|result| result.map_err(|error| clean(error, &self.shared.scrubber))).boxed()
    }

    fn count_tokens<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Option<u64>> {
        self.shared.count_tokens(request).boxed()
    }

    fn window<'a>(&'a self, model: &'a ModelName) -> BoxFuture<'a, Option<u64>> {
        async {
            self.shared.ask_about(model.as_str()).await;
            let quirks = self.shared.quirks(model.as_str());
            self.shared.wire.window(quirks.models.get(model.as_str())?, &quirks)
        }
        .boxed()
    }

    fn rate_limits(&self) -> Option<RateLimits> {
        *self.shared.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn clean(mut error: ProviderError, scrubber: &Scrubber) -> ProviderError {
    let message = error.message_mut();
    let scrubbed = scrubber.scrub(message).into_owned();
    *message = scrubbed;
    error
}

impl Shared {
    /// What is known of asking this model, to read or to add to.
    fn learn<T>(&self, model: &str, work: impl FnOnce(&mut Quirks) -> T) -> T {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let first = || Quirks { rules: self.catalogue.rules(self.wire.name(), model), ..self.quirks.clone() };
        work(learned.entry(model.to_owned()).or_insert_with(first))
    }

    fn quirks(&self, model: &str) -> Quirks {
        self.learn(model, |quirks| quirks.clone())
    }

    /// Fails when the person shows a picture in the newest message that the model is known not to take; pictures
    /// of earlier messages, for another model, become words. What tools show is sent only to models that are
    /// known to see: a refusal would end a conversation that nobody can take the picture out of.
    fn fit_images(&self, request: &ChatRequest) -> Result<Option<ChatRequest>, ProviderError> {
        let is_image = |part: &Part| matches!(part, Part::Image { .. });
        if !request.messages.iter().any(|message| message.parts.iter().any(is_image)) {
            return Ok(None);
        }
        let model = request.model.as_str();
        let traits = self.quirks(model).models.get(model).and_then(|traits| traits.images);
        let known = traits.or_else(|| self.catalogue.images(&ModelRef::new(self.id.as_str(), model)));
        if known == Some(Images::Taken) {
            return Ok(None);
        }
        let of_tools = |message: &Message| message.parts.iter().any(|part| matches!(part, Part::ToolResult { .. }));
        let newest = request.messages.iter().rev().take_while(|message| message.role == Role::User);
        let mut shown = newest.filter(|message| !of_tools(message)).flat_map(|message| &message.parts);
        if known == Some(Images::Refused) && shown.any(is_image) {
            return Err(ProviderError::NoImages { message: format!("`{model}` takes text only") });
        }
        let mut without = request.clone();
        let blind = |message: &&mut Message| known == Some(Images::Refused) || of_tools(message);
        for part in without.messages.iter_mut().filter(blind).flat_map(|message| &mut message.parts) {
            if is_image(part) {
                *part = Part::Text { text: "(a picture that this model cannot see)".to_owned() };
            }
        }
        Ok(Some(without))
    }

    async fn count_tokens(&self, request: &ChatRequest) -> Option<u64> {
        let (path, body) = self.wire.count_request(request, &self.quirks(request.model.as_str()))?;
        let headers = self.wire.models_request().headers;
        let post = HttpRequest::post_json(self.address(&path), Bytes::from(body.to_string()));
        let response =
            self.net.send(self.prepare(post, &headers)).await.ok().filter(|response| response.status == 200)?;
        self.wire.decode_count(&response.whole(WHOLE_ANSWER).await.ok()?)
    }

    fn address(&self, path: &str) -> String {
        address::join(&self.endpoint.base_url, path)
    }

    fn prepare(&self, mut request: HttpRequest, headers: &[(&'static str, String)]) -> HttpRequest {
        for (name, value) in headers {
            request = request.header(*name, value.clone());
        }
        match &self.endpoint.key {
            Some(key) => {
                let (name, value) = self.wire.authorize(key);
                request.secret_header(name, value, &self.endpoint.base_url)
            }
            None => request,
        }
    }

    /// Sends until the server takes it, leaving out what it names; then reads the answer.
    async fn open(&self, request: &ChatRequest) -> Result<AnswerStream, ProviderError> {
        let model = request.model.as_str();
        self.ask_about(model).await;
        let fitted = self.fit_images(request)?;
        let request = fitted.as_ref().unwrap_or(request);
        for _ in 0..CHANGES {
            let encoded = self.wire.encode(request, &self.quirks(model));
            let response = self.send(&encoded).await?;
            if (200..300).contains(&response.status) {
                return self.read(response, encoded).await;
            }
            let error = self.refusal(response).await;
            if !self.learn(model, |quirks| self.wire.adapt(&error, &encoded.body, quirks)) {
                return Err(error);
            }
            tracing::debug!(provider = %self.id, "sending again without a refused field");
        }
        Err(ProviderError::BadRequest { message: "the server refuses one field after another".to_owned(), field: None })
    }

    async fn send(&self, encoded: &WireRequest) -> Result<HttpResponse, ProviderError> {
        let body = serde_json::to_vec(&encoded.body)
            .map_err(|error| ProviderError::Internal { message: format!("the request cannot be written: {error}") })?;
        let mut request =
            HttpRequest::post_json(self.address(&encoded.path), Bytes::from(body)).purpose(Purpose::Chat).header(
                "accept",
                match encoded.framing {
                    Framing::Sse => "text/event-stream",
                    Framing::Ndjson => "application/x-ndjson",
                },
            );
        let patience = self.quirks.first_byte_s.map(Duration::from_secs);
        request.patience = patience.map(|least| least.max(self.net.settings().first_byte));
        let response =
            self.net.send(self.prepare(request, &encoded.headers)).await.map_err(|error| from_net(&error))?;
        if let Some(limits) = RateLimits::read(&response.headers, Timestamp::now()) {
            *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = Some(limits);
        }
        Ok(response)
    }

    /// Learns what the wire must know of a model before the first request, once. Failing is no
    /// error: the request itself will tell.
    async fn ask_about(&self, model: &str) {
        let Some((path, body)) = self.wire.question(model) else { return };
        if self.learn(model, |quirks| quirks.models.contains_key(model)) {
            return;
        }
        let request =
            HttpRequest::post_json(self.address(&path), Bytes::from(body.to_string())).purpose(Purpose::Models);
        let answer = async {
            let response = self.net.send(self.prepare(request, &[])).await.ok()?;
            let fine = response.status == 200;
            response.whole(WHOLE_ANSWER).await.ok().filter(|_| fine)
        };
        if let Some(answer) = answer.await {
            let traits = self.wire.learn(&answer);
            self.learn(model, |quirks| quirks.models.insert(model.to_owned(), traits));
        }
    }

    async fn refusal(&self, response: HttpResponse) -> ProviderError {
        let (status, headers) = (response.status, response.headers.clone());
        let body = response.error_text().await;
        let after = retry_after(&headers, &String::from_utf8_lossy(&body), Timestamp::now());
        self.wire.error(status, &headers, &body, after)
    }

    /// Looks at the first byte rather than at the content type, which proxies lose.
    async fn read(&self, response: HttpResponse, sent: WireRequest) -> Result<AnswerStream, ProviderError> {
        let framing = sent.framing;
        let mut decoder = self.wire.decoder();
        let (first, body) = peek(response.body).await.map_err(|error| from_net(&error))?;
        match (first, framing) {
            (Some(b'<'), _) => {
                let page = HttpResponse { body, ..response }.error_text().await;
                let message = super::wire::ErrorBody::read(&page).message;
                Err(ProviderError::Unusable { message: format!("the server sent {message}; is the base URL right?") })
            }
            (Some(b'{' | b'['), Framing::Sse) => {
                let whole = collect(body, WHOLE_ANSWER).await.map_err(|error| from_net(&error))?;
                let mut events = Vec::new();
                let result = decoder.whole(&whole, &mut events);
                let items = events.into_iter().map(Ok).chain(result.err().map(Err));
                Ok(stream::iter(items.collect::<Vec<_>>()).boxed())
            }
            (None, _) => Err(ProviderError::broken("the server sent an empty answer")),
            (Some(_), Framing::Sse) => Ok(self.answer(sse::frames(body), decoder, sent.body)),
            (Some(_), Framing::Ndjson) => Ok(self.answer(ndjson::frames(body), decoder, sent.body)),
        }
    }

    /// The stream of an answer; behind its usage, what the wire has to say about what was sent.
    fn answer(&self, frames: Frames, decoder: Box<dyn Decoder>, sent: serde_json::Value) -> AnswerStream {
        let wire = self.wire;
        let events = Answer::new(frames, decoder).into_stream();
        let told = events.map_ok(move |event| {
            let text = match &event {
                StreamEvent::Usage { usage } => wire.dropped(&sent, usage),
                _ => None,
            };
            stream::iter([event].into_iter().chain(text.map(|text| StreamEvent::Notice { text })).map(Ok))
        });
        told.try_flatten().boxed()
    }

    async fn list_models(&self) -> Result<Vec<ModelInfo>, ProviderError> {
        let request = self.wire.models_request();
        let get = self.prepare(HttpRequest::get(self.address(&request.path)), &request.headers);
        let response = self
            .net
            .send(get.header("accept", "application/json").purpose(Purpose::Models))
            .await
            .map_err(|error| from_net(&error))?;
        if !(200..300).contains(&response.status) {
            return Err(self.refusal(response).await);
        }
        let body = response.whole(WHOLE_ANSWER).await.map_err(|error| from_net(&error))?;
        let describe = |listed: super::wire::ListedModel| {
            let mut info = self.catalogue.model(&ModelRef::new(self.id.as_str(), listed.id));
            info.window = listed.window.or(info.window);
            info.max_output = listed.max_output.or(info.max_output);
            if let Some(title) = listed.title.filter(|_| info.title == info.reference.model.as_str()) {
                info.title = title;
            }
            info
        };
        Ok(self.wire.decode_models(&body)?.into_iter().map(describe).collect())
    }
}
