//! Serves a command's connections: who may go where, and carrying bytes both ways.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::destination::{Destination, Place};
use super::dial::{self, NoWay, Way};
use super::request::{self, Asked, Next, Unclear};
use super::{Barred, Refusal, Refusals};
use crate::domain::Purpose;
use crate::net::client::Client;
use crate::net::egress::Exchange;
use crate::net::proxy;

/// Connections of one command at a time; more wait.
const MOST_CONNECTIONS: usize = 128;
/// How long a connection may carry nothing.
const IDLE: Duration = Duration::from_secs(300);
/// How long an answer of the proxy's own may take to be read.
const PARTING: Duration = Duration::from_secs(5);

/// What connections are held to.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) net: Client,
    pub(super) granted: Vec<Destination>,
    pub(super) refusals: Arc<Refusals>,
}

/// Serves until it is dropped, and with it every connection.
pub(super) async fn serve(listener: TcpListener, gate: Arc<Gate>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let gate = Arc::clone(&gate);
                connections.spawn(async move {
                    gate.attend(stream).await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Too many open files, most likely; that passes.
                tracing::warn!(%error, "a command's connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

impl Gate {
    /// One connection, from its request to its end.
    async fn attend(&self, mut stream: TcpStream) {
        let (asked, ahead) = match request::read(&mut stream).await {
            Ok(read) => read,
            Err(Unclear::Gone) => return,
            Err(Unclear::Odd(why)) => return answer(stream, "400 Bad Request", why).await,
        };
        let (Asked::Connection(place) | Asked::Request { place, .. }) = &asked;
        let way = if matches!(asked, Asked::Connection(_)) { Way::Bytes } else { Way::PlainRequest };
        match self.way_to(place, way).await {
            Ok((mut onward, metered)) => {
                let begun = begin(&mut stream, &mut onward, &asked, &ahead, self.proxy(place), &metered).await;
                match begun {
                    Ok(()) => carry(stream, onward, &metered).await,
                    Err(error) => tracing::debug!(%error, %place, "a command's connection broke at its beginning"),
                }
            }
            Err(NoWay::Barred(why)) => answer(stream, "403 Forbidden", &why).await,
            Err(NoWay::Failed(why)) => {
                let words = format!("kiln: `{place}` was not reached: {why}");
                answer(stream, "502 Bad Gateway", &words).await;
            }
        }
    }

    /// The connection to a place; it is entered before its socket opens.
    async fn way_to(&self, place: &Place, way: Way) -> Result<(TcpStream, Metered), NoWay> {
        let Some(granted) = self.granted.iter().find(|granted| granted.covers(place)) else {
            return Err(self.refuse(place, Barred::NotGranted));
        };
        let settings = self.net.settings();
        if let Err(error) = settings.reach.check(&place.url) {
            return Err(self.refuse(place, Barred::Otherwise(error.to_string())));
        }
        let proxy = self.proxy(place);
        let addresses = match dial::addresses(place, granted, proxy).await {
            Err(NoWay::Barred(why)) => return Err(self.refuse(place, Barred::Otherwise(why))),
            other => other,
        };
        let mut exchange = self.net.egress().begin(Purpose::Command, &place.url, proxy.map(proxy::place), 0);
        let stream = dial::connect(place, &addresses?, proxy, way, settings.connect).await?;
        exchange.done();
        Ok((stream, Metered { exchange, sent: AtomicU64::new(0), received: AtomicU64::new(0) }))
    }

    fn proxy(&self, place: &Place) -> Option<&url::Url> {
        self.net.settings().proxies.as_ref()?.of(&place.url)
    }

    /// Enters a refusal, once a place.
    fn refuse(&self, place: &Place, why: Barred) -> NoWay {
        let refusal = Refusal { place: place.to_string(), destination: place.destination(), why };
        if self.refusals.keep(&refusal) {
            self.net.egress().refused(Purpose::Command, place.host(), place.port);
        }
        let hint = match refusal.why {
            Barred::NotGranted => {
                "; hosts are granted one by one: by `hosts` of the tool `shell`, or by `kiln sandbox --allow-host`"
            }
            Barred::Otherwise(_) => "",
        };
        NoWay::Barred(format!("kiln: {refusal}{hint}"))
    }
}

/// A connection in the list, with what it has carried.
#[derive(Debug)]
struct Metered {
    exchange: Exchange,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Drop for Metered {
    fn drop(&mut self) {
        self.exchange.carried(*self.sent.get_mut(), *self.received.get_mut());
    }
}

/// Says that the connection stands, or sends the request on, with what came behind it.
async fn begin(
    stream: &mut TcpStream,
    onward: &mut TcpStream,
    asked: &Asked,
    ahead: &[u8],
    proxy: Option<&url::Url>,
    metered: &Metered,
) -> io::Result<()> {
    match asked {
        Asked::Connection(_) => stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?,
        Asked::Request { request, .. } => {
            let credentials = proxy.and_then(dial::credentials);
            let next = if proxy.is_some() { Next::Proxy(credentials.as_deref()) } else { Next::Host };
            let head = request.head(next);
            onward.write_all(&head).await?;
            metered.sent.fetch_add(head.len() as u64, Ordering::Relaxed);
        }
    }
    onward.write_all(ahead).await?;
    metered.sent.fetch_add(ahead.len() as u64, Ordering::Relaxed);
    Ok(())
}

/// Carries bytes both ways until both are at an end, one breaks, or nothing has come for long.
async fn carry(mut stream: TcpStream, mut onward: TcpStream, metered: &Metered) {
    let (from_command, to_command) = stream.split();
    let (from_host, to_host) = onward.split();
    let both = async {
        tokio::try_join!(pump(from_command, to_host, &metered.sent), pump(from_host, to_command, &metered.received))
    };
    tokio::select! {
        outcome = both => if let Err(error) = outcome {
            tracing::debug!(%error, "a command's connection broke");
        },
        () = silence(metered) => tracing::debug!("a command's connection was silent for too long"),
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, count: &AtomicU64) -> io::Result<()> {
    let mut buffer = vec![0; 32 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(buffer.get(..read).unwrap_or_default()).await?;
        count.fetch_add(read as u64, Ordering::Relaxed);
    }
}

/// Ends when nothing was carried for long.
async fn silence(metered: &Metered) {
    let carried = || (metered.sent.load(Ordering::Relaxed), metered.received.load(Ordering::Relaxed));
    let mut before = carried();
    loop {
        tokio::time::sleep(IDLE).await;
        let now = carried();
        if now == before {
            return;
        }
        before = now;
    }
}

/// An answer of the proxy's own, and the end of the connection.
async fn answer(mut stream: TcpStream, status: &str, words: &str) {
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{words}\n",
        words.len() + 1
    );
    let parting = async {
        stream.write_all(text.as_bytes()).await?;
        stream.shutdown().await?;
        // Closing with something unread would take the answer away from the command.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
    };
    tokio::time::timeout(PARTING, parting).await.ok();
}
