//! A tiny HTTP server on this machine that behaves as badly as it is told to.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What every request is answered with.
#[derive(Clone, Debug)]
pub struct Behaviour {
    bytes: Vec<u8>,
    after: After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Close,
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
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&heard);
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let (behaviour, heard) = (behaviour.clone(), Arc::clone(&theirs));
            std::thread::spawn(move || answer(socket, &behaviour, &heard));
        }
    });
    Server { port, heard }
}

fn answer(mut socket: TcpStream, behaviour: &Behaviour, heard: &Mutex<Vec<String>>) {
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
    if behaviour.after == After::Wait {
        while socket.read(&mut buffer).is_ok_and(|count| count > 0) {}
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
