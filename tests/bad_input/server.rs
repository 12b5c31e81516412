//! A tiny HTTP server on this machine that behaves as badly as it is told to.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What every request is answered with.
#[derive(Clone, Debug)]
pub struct Behaviour {
    bytes: Vec<u8>,
    after: After,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum After {
    Close,
    /// Says this again and again until the client goes away.
    Repeat(Vec<u8>),
    /// Says nothing more until the client goes away.
    Wait,
}

impl Behaviour {
    fn closing(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), after: After::Close }
    }

    /// A good answer in these pieces.
    pub fn stream(pieces: &[&str]) -> Self {
        let mut text = begin();
        for piece in pieces {
            text += &chunk(piece);
        }
        text += "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        Self::closing(text)
    }

    pub fn status(status: &str, body: &str) -> Self {
        let length = body.len();
        Self::closing(format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nretry-after-ms: 20\r\nconnection: close\r\n\r\n{body}"
        ))
    }

    pub fn stalls_after(text: &str) -> Self {
        Self { bytes: (begin() + &chunk(text)).into_bytes(), after: After::Wait }
    }

    pub fn cuts_after(text: &str) -> Self {
        Self::closing(begin() + &chunk(text) + "data: {\"choi")
    }

    pub fn page(html: &str) -> Self {
        Self::closing(format!("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n{html}"))
    }

    /// Bytes that are no HTTP at all.
    pub fn garbage() -> Self {
        Self::closing([&b"\x00\xff\x1b[2J\x1b]0;x\x07"[..], &[0xfe; 300]].concat())
    }

    /// These bytes, head and all.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::closing(bytes)
    }

    /// These bytes, and then others without an end.
    pub fn endless(bytes: impl Into<Vec<u8>>, again: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), after: After::Repeat(again.into()) }
    }

    /// Takes the request and never says a word.
    pub fn silent() -> Self {
        Self { bytes: Vec::new(), after: After::Wait }
    }
}

fn begin() -> String {
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_owned()
}

fn chunk(text: &str) -> String {
    format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
}

/// A running server; its threads end with the test process.
pub struct Server {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many questions came; lists of models do not count.
    pub fn requests(&self) -> usize {
        self.heard.lock().unwrap().iter().filter(|request| request.starts_with("POST")).count()
    }

    pub fn heard_key(&self, key: &str) -> bool {
        self.heard.lock().unwrap().iter().any(|request| request.contains(key))
    }
}

/// Begins to listen.
pub fn serve(behaviour: Behaviour) -> Server {
    listen(behaviour, |socket, behaviour, heard| answer(&mut { socket }, behaviour, heard))
}

/// The same behind TLS; the certificate is `tls/server.pem`, for `model.example` and this machine.
pub fn serve_tls(behaviour: Behaviour) -> Server {
    rustls::crypto::ring::default_provider().install_default().ok();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bad_input/tls");
    let certificate = CertificateDer::from_pem_file(format!("{folder}/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(format!("{folder}/server.key.pem")).unwrap();
    let settings = rustls::ServerConfig::builder().with_no_client_auth();
    let settings = Arc::new(settings.with_single_cert(vec![certificate], key).unwrap());
    listen(behaviour, move |socket, behaviour, heard| {
        let session = rustls::ServerConnection::new(Arc::clone(&settings)).unwrap();
        let mut stream = rustls::StreamOwned::new(session, socket);
        answer(&mut stream, behaviour, heard);
        stream.conn.send_close_notify();
        stream.flush().ok();
    })
}

fn listen(
    behaviour: Behaviour,
    serve: impl Fn(TcpStream, &Behaviour, &Mutex<Vec<String>>) + Send + Sync + 'static,
) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (theirs, serve) = (Arc::clone(&heard), Arc::new(serve));
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let (behaviour, heard, serve) = (behaviour.clone(), Arc::clone(&theirs), Arc::clone(&serve));
            std::thread::spawn(move || serve(socket, &behaviour, &heard));
        }
    });
    Server { port, heard }
}

fn answer(socket: &mut (impl Read + Write), behaviour: &Behaviour, heard: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    let mut buffer = [0; 64 * 1024];
    loop {
        let Ok(count) = socket.read(&mut buffer) else { return };
        if count == 0 {
            return;
        }
        request.extend_from_slice(&buffer[..count]);
        if is_whole(&request) {
            break;
        }
    }
    heard.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
    // The client may have gone.
    socket.write_all(&behaviour.bytes).ok();
    match &behaviour.after {
        After::Close => {}
        After::Repeat(again) => while socket.write_all(again).is_ok() {},
        After::Wait => while socket.read(&mut buffer).is_ok_and(|count| count > 0) {},
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length:").map(|n| n.trim().parse().unwrap_or(0))
        })
        .unwrap_or(0);
    request.len() >= head.len() + 4 + length
}
