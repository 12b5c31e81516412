//! Signing in to servers over HTTP: the protocol's own OAuth, over Kiln's client, its tokens among the
//! person's keys.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use rmcp::transport::auth::{
    AuthError, AuthorizationManager, AuthorizationRequest, CredentialStore, OAuthHttpClient, OAuthHttpClientError,
    OAuthHttpClientFuture, OAuthHttpRequest, OAuthState, StoredCredentials,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::definition::visible;
use super::error::McpError;
use crate::config::KeyStorage;
use crate::domain::Purpose;
use crate::keychain::Keys;
use crate::net::{Client, HttpRequest, Method};

/// Bytes of an answer on the way to a token.
const ANSWER: usize = 256 * 1024;

/// Where tokens are kept.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub keys: Arc<Keys>,
    pub place: KeyStorage,
}

impl Tokens {
    fn account(server: &str) -> String {
        format!("mcp-{}", server.to_ascii_lowercase())
    }

    /// Whether there is one for a server, without looking at it.
    pub fn exist(&self, server: &str) -> bool {
        self.keys.exists(&Self::account(server), &[])
    }

    /// Forgets a server's.
    pub fn forget(&self, server: &str) {
        if let Err(fault) = self.keys.remove(&Self::account(server)) {
            tracing::warn!(%fault, "a token was not deleted");
        }
    }
}

/// The credentials of one server, in memory and, where there is a place, among the keys.
#[derive(Clone)]
struct Store {
    server: String,
    /// Its address: what was given to one is never shown to another of that name.
    url: String,
    tokens: Option<Tokens>,
    held: Arc<tokio::sync::Mutex<Option<StoredCredentials>>>,
}

/// Credentials as they are kept: with the address that they are for.
#[derive(Serialize, Deserialize)]
struct Kept {
    url: String,
    credentials: StoredCredentials,
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, AuthError>> + Send + 'a>>;

impl Store {
    fn new(server: &str, url: &str, tokens: Option<Tokens>) -> Self {
        Self { server: server.to_owned(), url: url.to_owned(), tokens, held: Arc::default() }
    }

    /// What is kept, if it is for this address. What cannot be read any more is signed in for again.
    fn read(&self, text: &str) -> Option<StoredCredentials> {
        let kept: Kept = serde_json::from_str(text).ok()?;
        (kept.url == self.url).then_some(kept.credentials)
    }

    /// Keys block, and a keychain may ask the person.
    async fn with_keys<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tokens, &str) -> Result<T, crate::domain::Fault> + Send + 'static,
    ) -> Result<Option<T>, AuthError> {
        let Some(tokens) = self.tokens.clone() else { return Ok(None) };
        let account = Tokens::account(&self.server);
        let done = tokio::task::spawn_blocking(move || work(&tokens, &account)).await;
        let failed = |why: String| AuthError::CredentialStoreError(why);
        done.map_err(|error| failed(error.to_string()))?.map(Some).map_err(|fault| failed(fault.to_string()))
    }
}

impl CredentialStore for Store {
    fn load<'a, 'b>(&'a self) -> Boxed<'b, Option<StoredCredentials>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let mut held = self.held.lock().await;
            if held.is_none()
                && let Some(Some((text, _))) = self.with_keys(|tokens, account| tokens.keys.get(account)).await?
            {
                *held = self.read(text.expose_secret());
            }
            Ok(held.clone())
        })
    }

    fn save<'a, 'b>(&'a self, credentials: StoredCredentials) -> Boxed<'b, ()>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let kept = Kept { url: self.url.clone(), credentials: credentials.clone() };
            let text = serde_json::to_string(&kept);
            *self.held.lock().await = Some(credentials);
            let text = SecretString::from(text.map_err(|error| AuthError::CredentialStoreError(error.to_string()))?);
            self.with_keys(move |tokens, account| tokens.keys.set(account, &text, tokens.place)).await?;
            Ok(())
        })
    }

    fn clear<'a, 'b>(&'a self) -> Boxed<'b, ()>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            *self.held.lock().await = None;
            self.with_keys(|tokens, account| tokens.keys.remove(account)).await?;
            Ok(())
        })
    }
}

/// The way to a token, over Kiln's client: no redirect is followed on it. A server says where it leads, and could name
/// something of this machine or its network: from an encrypted server it leads to encrypted addresses only.
struct OverNet {
    net: Client,
    encrypted: bool,
}

impl OverNet {
    fn for_server(server: &str, net: &Client) -> Arc<Self> {
        Arc::new(Self { net: net.clone(), encrypted: !server.starts_with("http://") })
    }
}

impl OAuthHttpClient for OverNet {
    fn execute(&self, request: OAuthHttpRequest) -> OAuthHttpClientFuture<'_> {
        let (net, encrypted) = (self.net.clone(), self.encrypted);
        Box::pin(async move {
            let (parts, body) = request.request.into_parts();
            let url = parts.uri.to_string();
            if encrypted && !url.starts_with("https://") {
                return Err(OAuthHttpClientError::from(format!("`{url}` is not encrypted, as the server is")));
            }
            let mut outgoing = HttpRequest::get(url.clone()).purpose(Purpose::Tool);
            match parts.method.as_str() {
                "GET" => {}
                "POST" => {
                    outgoing.method = Method::Post;
                    outgoing.body = Some(Bytes::from(body));
                }
                other => return Err(OAuthHttpClientError::from(format!("`{other}` is not sent"))),
            }
            for (name, value) in &parts.headers {
                let value = value.to_str()?;
                outgoing = if name == "authorization" {
                    outgoing.secret_header(name.as_str(), SecretString::from(value), &url)
                } else {
                    outgoing.header(name.as_str(), value)
                };
            }
            let answer = net.send(outgoing).await?;
            let mut response = http::Response::builder().status(answer.status);
            for (name, value) in &answer.headers.0 {
                response = response.header(name, value);
            }
            let body = answer.whole(ANSWER).await?;
            Ok(response.body(body.to_vec())?)
        })
    }
}

/// What is known of a server's sign-in, ready for its requests; `None` when nobody signed in.
pub(super) async fn known(
    server: &str,
    url: &str,
    net: &Client,
    session: &Session,
) -> Result<Option<AuthorizationManager>, McpError> {
    let failed = |error: AuthError| failure(server, &error);
    let mut manager =
        AuthorizationManager::new_with_oauth_http_client(url, OverNet::for_server(url, net)).await.map_err(failed)?;
    manager.set_credential_store(session.store.clone());
    let found = manager.initialize_from_store().await.map_err(failed)?;
    Ok(found.then_some(manager))
}

/// Credentials of one server for a run.
#[derive(Clone)]
pub struct Session {
    store: Store,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("server", &self.store.server).finish_non_exhaustive()
    }
}

impl Session {
    /// Those that are kept for this address, or without a place, those of this run only.
    pub fn new(server: &str, url: &str, tokens: Option<Tokens>) -> Self {
        Self { store: Store::new(server, url, tokens) }
    }
}

/// A sign-in under way.
pub struct SignIn {
    server: String,
    state: OAuthState,
    net: Client,
    /// Where the person says yes.
    pub address: String,
    redirect: String,
}

impl SignIn {
    /// Finds out where to sign in. `redirect` is where the person's browser comes back to, on this machine.
    pub async fn begin(
        server: &str,
        url: &str,
        challenge: &str,
        redirect: &str,
        net: &Client,
        session: &Session,
    ) -> Result<Self, McpError> {
        let failed = |error: AuthError| failure(server, &error);
        let client = OverNet::for_server(url, net);
        let mut manager = AuthorizationManager::new_with_oauth_http_client(url, client).await.map_err(failed)?;
        manager.set_credential_store(session.store.clone());
        let mut state = OAuthState::Unauthorized(manager);
        // Who is asked for more keeps what there was: else each call would take away another's rights.
        let held = session.store.load().await.map_err(failed)?;
        let mut scopes = held.map(|held| held.granted_scopes).unwrap_or_default();
        if !scopes.is_empty() {
            let wanted = super::http::scope(challenge).unwrap_or_default();
            scopes.extend(wanted.split_whitespace().map(str::to_owned));
            scopes.sort_unstable();
            scopes.dedup();
        }
        let request = AuthorizationRequest::new(redirect)
            .with_client_name("Kiln")
            .with_application_type("native")
            .with_scopes(scopes)
            .with_challenge(challenge);
        state.start_authorization(request).await.map_err(failed)?;
        let address = state.get_authorization_url().await.map_err(failed)?;
        Ok(Self { server: server.to_owned(), state, net: net.clone(), address, redirect: redirect.to_owned() })
    }

    /// Asks the address itself: a server that needs nobody's word leads back at once. The way back.
    pub async fn without_person(&self) -> Option<String> {
        let request = HttpRequest::get(self.address.clone()).purpose(Purpose::Tool);
        let answer = self.net.send(request).await.ok()?;
        let back = answer.headers.get("location").filter(|_| (300..400).contains(&answer.status))?;
        back.starts_with(&self.redirect).then(|| back.to_owned())
    }

    /// Trades what the browser brought back for a token, which is kept.
    pub async fn finish(mut self, back: &str) -> Result<(), McpError> {
        self.state.handle_callback_url(back).await.map_err(|error| failure(&self.server, &error))
    }
}

fn failure(server: &str, error: &AuthError) -> McpError {
    McpError::Down(format!("signing in to the server `{server}` failed: {}", visible(&error.to_string(), 500)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_the_address_that_it_was_given_by() {
        let credentials = StoredCredentials::new("client".to_owned(), None, Vec::new(), None);
        let kept = Kept { url: "https://one.test/mcp".to_owned(), credentials };
        let text = serde_json::to_string(&kept).unwrap();
        assert!(Store::new("x", "https://one.test/mcp", None).read(&text).is_some());
        assert!(Store::new("x", "https://other.test/mcp", None).read(&text).is_none());
        assert!(Store::new("x", "https://one.test/mcp", None).read("{}").is_none());
    }
}
