//! `kiln mcp login`: the person signs in with a browser, and the token lies with their keys.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{failed, find, here, ledger, may_not_run};
use crate::cli::assemble::{self, Inputs};
use crate::cli::console::Console;
use crate::cli::exit::{Exit, Failure};
use crate::domain::{Fault, FaultClass};
use crate::mcp::consent::Standing;
use crate::mcp::oauth::{Session, SignIn};
use crate::mcp::{Launch, Link, McpError, Surroundings};

/// How long a sign-in waits for the person.
const SIGN_IN: Duration = Duration::from_secs(600);

/// Runs the verb `login`.
pub(super) fn run(inputs: &Inputs, root: Option<&Path>, name: &str, console: &mut Console) -> Result<Exit, Failure> {
    let spec = find(inputs, root, name)?;
    let Launch::Address { url, .. } = &spec.launch else {
        return Err(Failure::usage(format!("the server `{name}` is a command"), "only addresses are signed in to"));
    };
    if !matches!(ledger(inputs).standing(&spec)?, Standing::Allowed(_)) {
        return Err(may_not_run(name));
    }
    let around = Surroundings { tokens: None, ..here(inputs, root)? };
    let runtime = assemble::runtime()?;
    let outcome = runtime.block_on(async {
        let challenge = match Link::open(&spec, &around).await {
            Ok(link) => {
                link.close().await;
                return Ok(None);
            }
            Err(McpError::Authorization { challenge, .. }) => challenge,
            Err(error) => return Err(failed(&error)),
        };
        let (listener, redirect) = listen().await?;
        let session = Session::new(name, url, Some(assemble::tokens(inputs)));
        let begun = SignIn::begin(name, url, &challenge, &redirect, &around.net, &session).await;
        let sign_in = begun.map_err(|error| failed(&error))?;
        console.line(&sign_in.address)?;
        console.note("open this address in a browser on this machine, and say yes there; Kiln waits for ten minutes");
        let back = tokio::time::timeout(SIGN_IN, came_back(&listener, &redirect)).await.map_err(|_| {
            Failure::new(Exit::Failed, Fault::new(FaultClass::Auth, "nobody signed in within ten minutes"))
        })?;
        sign_in.finish(&back?).await.map_err(|error| failed(&error))?;
        Ok(Some(()))
    });
    runtime.block_on(around.net.flush());
    runtime.shutdown_background();
    let words = match outcome? {
        Some(()) => "signed in; the token lies with your keys",
        None => "it answers without a sign-in",
    };
    console.note(&format!("`{name}`: {words}"));
    Ok(Exit::Done)
}

/// Where the person's browser comes back to: a port of this machine, for this once.
async fn listen() -> Result<(TcpListener, String), Failure> {
    let closed = |error: std::io::Error| {
        Failure::from(
            Fault::new(FaultClass::Internal, "no port of this machine could be opened for the sign-in")
                .detail(error.to_string()),
        )
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(closed)?;
    let port = listener.local_addr().map_err(closed)?.port();
    Ok((listener, format!("http://127.0.0.1:{port}/callback")))
}

/// Waits for the browser; whatever else knocks is told that there is nothing here.
async fn came_back(listener: &TcpListener, redirect: &str) -> Result<String, Failure> {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        let mut request = vec![0; 8192];
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut request)).await;
        let Ok(Ok(length)) = read else { continue };
        let text = String::from_utf8_lossy(request.get(..length).unwrap_or_default()).into_owned();
        let target = text.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        let query = target.strip_prefix("/callback?");
        let (status, words) = match query {
            Some(_) => ("200 OK", "Kiln has what it needs. You can close this page."),
            None => ("404 Not Found", "There is nothing here."),
        };
        let page = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{words}",
            words.len()
        );
        stream.write_all(page.as_bytes()).await.ok();
        if let Some(query) = query {
            return Ok(format!("{redirect}?{query}"));
        }
    }
}
