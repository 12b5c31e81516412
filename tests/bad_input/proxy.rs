//! Proxies on this machine: an HTTP one that forwards and tunnels, and a SOCKS5 one. Whatever the
//! name that is asked for, they lead to one server.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// How a proxy treats who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Leads to the server at this port.
    LeadsTo(u16),
    /// Leads there whoever says `name:password`.
    LeadsWhoIsKnown(u16),
    /// Hangs up.
    Drops,
    /// Has nothing good to say.
    Forbids,
}

/// A running proxy; its threads end with the test process.
pub struct Proxy {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The heads of the requests, or the places that SOCKS was asked for.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

pub fn http(manner: Manner) -> Proxy {
    listen(move |socket, heard| forward(socket, manner, heard))
}

pub fn socks5(manner: Manner) -> Proxy {
    listen(move |socket, heard| {
        // Whoever goes away in the middle is of no interest.
        socks(socket, manner, heard).ok();
    })
}

fn listen(serve: impl Fn(TcpStream, &Mutex<Vec<String>>) + Send + Sync + 'static) -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (theirs, serve) = (Arc::clone(&heard), Arc::new(serve));
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let (heard, serve) = (Arc::clone(&theirs), Arc::clone(&serve));
            std::thread::spawn(move || serve(socket, &heard));
        }
    });
    Proxy { port, heard }
}

fn forward(mut client: TcpStream, manner: Manner, heard: &Mutex<Vec<String>>) {
    let (mut request, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match client.read(&mut buffer) {
            Ok(count) if count > 0 => request.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&request).into_owned();
    heard.lock().unwrap().push(head.clone());
    // `name:password` in base64.
    let is_known = head.contains("Basic bmFtZTpwYXNzd29yZA==");
    let port = match manner {
        Manner::LeadsTo(port) => port,
        Manner::LeadsWhoIsKnown(port) if is_known => port,
        Manner::LeadsWhoIsKnown(_) => return refuse(client, "407 Proxy Authentication Required"),
        Manner::Forbids => return refuse(client, "502 Bad Gateway"),
        Manner::Drops => return,
    };
    let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
    if head.starts_with("CONNECT ") {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
    } else {
        server.write_all(&request).unwrap();
    }
    join(client, server);
}

fn refuse(mut client: TcpStream, status: &str) {
    let answer =
        format!("HTTP/1.1 {status}\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    client.write_all(answer.as_bytes()).ok();
}

fn socks(mut client: TcpStream, manner: Manner, heard: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut head = [0; 2];
    client.read_exact(&mut head)?;
    assert_eq!(head[0], 5);
    let mut methods = vec![0; usize::from(head[1])];
    client.read_exact(&mut methods)?;
    client.write_all(&[5, 0])?;
    let mut request = [0; 4];
    client.read_exact(&mut request)?;
    let host = match request[3] {
        1 => {
            let mut address = [0; 4];
            client.read_exact(&mut address)?;
            std::net::Ipv4Addr::from(address).to_string()
        }
        3 => {
            let mut length = [0; 1];
            client.read_exact(&mut length)?;
            let mut name = vec![0; usize::from(length[0])];
            client.read_exact(&mut name)?;
            String::from_utf8(name).unwrap()
        }
        other => panic!("an address of kind {other}"),
    };
    let mut port = [0; 2];
    client.read_exact(&mut port)?;
    heard.lock().unwrap().push(format!("{host}:{}", u16::from_be_bytes(port)));
    let Manner::LeadsTo(port) = manner else {
        return client.write_all(&[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]);
    };
    let server = TcpStream::connect(("127.0.0.1", port))?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    join(client, server);
    Ok(())
}

/// Carries bytes both ways until either side has enough.
fn join(mut client: TcpStream, mut server: TcpStream) {
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        std::io::copy(&mut from, &mut to).ok();
        to.shutdown(std::net::Shutdown::Write).ok();
    });
    std::io::copy(&mut server, &mut client).ok();
    client.shutdown(std::net::Shutdown::Write).ok();
}
