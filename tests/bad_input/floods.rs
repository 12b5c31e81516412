//! Servers that send more than anybody could want: one message, and memory stays where it was.

use super::server::{Behaviour, serve};
use super::{Home, KEY, Ran, custom};

/// Growth of resident memory that no server may cause, in KiB.
const GROWTH: u64 = 64 * 1024;

/// Runs a turn and measures the most memory that was resident at any time, in KiB.
fn measured(settings: &str) -> (Ran, u64) {
    let home = Home::with_settings(settings);
    // Into files: a pipe would stand still when it is full.
    let [out, err] = ["out", "err"].map(|name| home.path().join(name));
    let [to_out, to_err] = [&out, &err].map(|path| std::fs::File::create(path).unwrap());
    let mut child = home.command(&["exec", "hello"]).stdout(to_out).stderr(to_err).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let code = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(peak);
        if let Some(code) = child.try_wait().unwrap() {
            break code;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(2));
    };
    let [stdout, stderr] = [&out, &err].map(|path| std::fs::read(path).unwrap());
    (Ran::checked(std::process::Output { status: code, stdout, stderr }), peak)
}

/// A turn with a server that floods, against one with a server that does not.
fn flooded(wire: &str, behaviour: Behaviour) -> Ran {
    let settings =
        |address: &str| custom(address).replace("default_model", &format!("wire = \"{wire}\"\ndefault_model"));
    let server = serve(behaviour);
    let calm = serve(Behaviour::stream(&["hi"]));
    let (_, usual) = measured(&settings(&calm.address()));
    let (ran, peak) = measured(&settings(&server.address()));
    assert!(usual > 0 && peak < usual + GROWTH, "{usual} KiB became {peak} KiB: {}", ran.err);
    assert_eq!((ran.code, ran.errors()), (1, 1), "{}", ran.err);
    assert!(ran.err.contains("\nhint: ") && ran.err.len() < 8192, "{}", ran.err);
    assert!(server.heard_key(KEY));
    ran
}

fn head(kind: &str, more: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{more}connection: close\r\n\r\n")
}

/// A block of deflate that stands for two million times the same byte, in 13 KB, and ends where a byte ends.
fn block_of(byte: u8) -> Vec<u8> {
    let (mut bytes, mut used) = (vec![0_u8], 0);
    let mut put = |bit: u32| {
        if used == 8 {
            bytes.push(0);
            used = 0;
        }
        *bytes.last_mut().unwrap() |= u8::from(bit == 1) << used;
        used += 1;
    };
    // Not the last block; fixed codes.
    [0, 1, 0].into_iter().for_each(&mut put);
    let literal = 0b0011_0000 + u32::from(byte);
    (0..8).rev().for_each(|at| put(literal >> at & 1));
    for _ in 0..8006 {
        // 258 bytes from one byte before: code 285 and distance 1.
        (0..8).rev().for_each(|at| put(0b1100_0101 >> at & 1));
        (0..5).for_each(|_| put(0));
    }
    (0..7).for_each(|_| put(0));
    bytes
}

const GZIP: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// 512 MiB of blanks in brotli.
const BROTLI: &str = "cfffff7f002440e2b14072effff9ffff0f8004401c1680eefd3fffffff01900088c302d0bdffe7ffff3f001200715800baf7fffcffff074002200e0b40f7fe9fffffff004800c46101e8defff3ffff1f000980382c00ddfb7ffeffff032001108705a07bffcfffff7f002400e2b00074effff9ffff0f8004401c1680eefd3fffffff01900088c302d0bdffe7ffff3f001200715800baf7fffcffff074002200e0b40f7fe9fffffff004800c46101e8defff3ffff1f000980382c00ddfb7ffeffff032001108705a07bffcfffff7f002400e2b00074effff9ffff0f8004401c1680eefd3fffffff01900088c302d0bdffe7ffff3f001200715800baf7fffcffff074002200e0b40f7fe9fffffff004800c46101e8defff3ffff1f000980382c00ddfbfffcffff072001108705a07bff0f";

#[test]
fn bombs_of_gzip_and_brotli_do_not_go_off() {
    let packed = |byte: u8| {
        let head = head("text/event-stream", "content-encoding: gzip\r\n").into_bytes();
        Behaviour::endless([&head, GZIP].concat(), block_of(byte))
    };
    // One endless line; and white space before an answer that never comes.
    for byte in [b'x', b' '] {
        flooded("chat", packed(byte));
    }
    let body: Vec<u8> = BROTLI
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let head = head("application/json", "content-encoding: br\r\n").into_bytes();
    flooded("chat", Behaviour::raw([head, body].concat()));
}

#[test]
fn a_line_of_twenty_megabytes_is_no_answer() {
    let long = "x".repeat(20 * 1024 * 1024);
    let event = format!(
        "{}data: {{\"choices\":[{{\"delta\":{{\"content\":\"{long}\"}}}}]}}\n\n",
        head("text/event-stream", "")
    );
    let ran = flooded("chat", Behaviour::raw(event));
    assert!(ran.err.contains("larger than 4 MiB"), "{}", ran.err);
    let line = format!("{}\n{{\"message\":{{\"content\":\"{long}\"}}}}\n", head("application/x-ndjson", ""));
    let ran = flooded("ollama", Behaviour::raw(line));
    assert!(ran.err.contains("larger than 4 MiB"), "{}", ran.err);
    let whole = format!("{}{{\"choices\":[{{\"message\":{{\"content\":\"{long}\"}}}}]}}", head("application/json", ""));
    let ran = flooded("chat", Behaviour::raw(whole));
    assert!(ran.err.contains("larger than"), "{}", ran.err);
}

#[test]
fn endless_headers_and_bodies_end() {
    flooded("chat", Behaviour::endless("HTTP/1.1 200 OK\r\nx-long: ", "y".repeat(4096)));
    flooded("chat", Behaviour::endless("HTTP/1.1 500 Oh\r\ncontent-type: text/plain\r\n\r\n", "oh no ".repeat(1000)));
    flooded("chat", Behaviour::endless(head("text/html", "") + "<html><title>Log in</title>", "<br>".repeat(1000)));
    flooded("chat", Behaviour::endless(head("text/event-stream", ""), ": still here\n\n".repeat(1000)));
}

#[test]
fn an_answer_without_end_is_cut_and_what_came_stays() {
    let event = "data: {\"choices\":[{\"delta\":{\"content\":\"and on and on \"}}]}\n\n".repeat(1000);
    let ran = flooded("chat", Behaviour::endless(head("text/event-stream", ""), event));
    assert!(ran.out.starts_with("and on and on"), "{}", ran.err);
}
