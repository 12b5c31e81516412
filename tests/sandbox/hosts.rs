//! Granted hosts: they are reached, nothing else is, and the way closes with the command. A server on this machine's
//! loopback stands for the internet.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command as Process, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use kiln::config::{Environment, Paths};
use kiln::net::{Client, Destination, NetSettings, Proxies, Reach, Tunnel};
use kiln::sandbox::{Command, Finish, Network, Policy, Requirement, SandboxError, Tier, environment, start};

use super::arena::{Arena, KILN, base, is_root};

const SERVED: &str = "from the internet";

/// A server that answers every request alike.
struct Server {
    port: u16,
    hits: Arc<AtomicUsize>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, hits) = (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
        let counted = Arc::clone(&hits);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || answer(stream));
            }
        });
        Self { port, hits }
    }

    fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

/// What was asked stands in the answer.
fn answer(mut stream: TcpStream) {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        asked.extend(byte);
    }
    let body = format!("{SERVED}\n{}", String::from_utf8_lossy(&asked));
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).ok();
}

/// Sends lines to the proxy of a command, by nothing but the shell.
const ASK: &str = r#"
proxy=${HTTP_PROXY#http://}
ask() {
    exec 3<>/dev/tcp/${proxy%:*}/${proxy#*:} || return 1
    printf '%b' "$1" >&3
    cat <&3
    exec 3>&-
}
"#;

/// Whether there is the shell that speaks to the proxy here.
fn bash() -> bool {
    Path::new("/bin/bash").is_file()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn run(arena: &Arena, arguments: &[&str], line: &str) -> Output {
    arena.kiln(arguments, &["/bin/bash", "-c", line]).stdin(Stdio::null()).output().unwrap()
}

/// The list of connections, as the person reads it.
fn log(arena: &Arena) -> Vec<serde_json::Value> {
    let mut kiln = Process::new(KILN);
    arena.dress(&mut kiln);
    let output = kiln.args(["net", "log", "--json"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_granted_host_is_reached_and_nothing_else() {
    if !bash() {
        println!("skipped: there is no `/bin/bash`");
        return;
    }
    println!("as {}", if is_root() { "root" } else { "an ordinary user" });
    let base = base("kiln-hosts-");
    let arena = Arena::new(base.path());
    let (granted, other) = (Server::start(), Server::start());
    let (here, there) = (granted.place(), other.place());
    let line = format!(
        r#"{ASK}
        ask 'GET http://{here}/plain HTTP/1.1\r\nHost: elsewhere.test\r\nProxy-Authorization: x\r\n\r\n'
        ask 'CONNECT {here} HTTP/1.1\r\n\r\nGET /carried HTTP/1.1\r\n\r\n'
        echo; echo begin; ask 'CONNECT {there} HTTP/1.1\r\n\r\nGET /no HTTP/1.1\r\n\r\n'; echo; echo end
        for name in localhost 2130706433 '[::ffff:127.0.0.1]' '[::1]' 0.0.0.0 127.1.1.1; do
            ask "CONNECT $name:{port} HTTP/1.1\r\n\r\nGET /other-name HTTP/1.1\r\n\r\n"
        done
        ask 'GET /nowhere HTTP/1.1\r\nHost: {here}\r\n\r\n'
        (exec 3<>/dev/tcp/127.0.0.1/{own}) 2>/dev/null && echo DIRECT
        (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && echo DIRECT
        echo "$NO_PROXY $CARGO_NET_OFFLINE."
        "#,
        port = other.port,
        own = granted.port,
    );
    let output = run(&arena, &["--allow-host", &here], &line);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains(&format!("{SERVED}\nGET /plain HTTP/1.1\r\nhost: {here}\r\n")), "{said}");
    assert!(!said.contains("elsewhere.test") && !said.contains("roxy-"), "what was for the proxy stays there: {said}");
    assert!(said.contains("200 Connection established\r\n\r\nHTTP/1.1 200 OK"), "{said}");
    assert!(said.contains("GET /carried"), "{said}");
    let refused = said.split("begin\n").nth(1).unwrap().split("\nend").next().unwrap();
    assert!(refused.starts_with("HTTP/1.1 403") && refused.contains("was not granted"), "{refused}");
    assert!(said.contains("HTTP/1.1 400"), "{said}");
    assert!(!said.contains("DIRECT") && !said.contains("/no") && !said.contains("/other-name"), "{said}");
    assert!(said.contains("localhost,::1 .\n"), "{said}");
    assert!(said.contains(&format!("note: the command tried to reach `{there}`")), "{said}");
    assert_eq!((granted.hits(), other.hits()), (2, 0));
    let log = log(&arena);
    let lines = |state: &str, port: u16| {
        let fits =
            |one: &&serde_json::Value| one["state"] == state && one["port"] == port && one["host"] == "127.0.0.1";
        log.iter().filter(fits).cloned().collect::<Vec<_>>()
    };
    let done = lines("done", granted.port);
    assert_eq!(done.len(), 2, "{log:?}");
    for one in &done {
        assert!(one["purpose"] == "command" && one["sent"].as_u64() > Some(20), "{one}");
        assert!(one["received"].as_u64() > Some(80), "{one}");
    }
    // `2130706433` and the mapped address are other ways of writing one.
    assert_eq!(lines("refused", other.port).len(), 1, "{log:?}");
    assert_eq!(lines("refused", other.port)[0]["purpose"], "command");
}

#[test]
fn a_granted_host_is_reached_by_an_ordinary_user_too() {
    if !is_root() || !Path::new("/usr/bin/setpriv").is_file() {
        println!("skipped: not root, so the other test did this, or there is no `setpriv`");
        return;
    }
    let base = base("kiln-hosts-ordinary-");
    std::os::unix::fs::chown(base.path(), Some(65534), Some(65534)).unwrap();
    let output = Process::new("/usr/bin/setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "hosts::a_granted_host_is_reached_and_nothing_else", "--nocapture"])
        .env("KILN_PROBE_BASE", base.path())
        .env("TMPDIR", base.path())
        .output()
        .unwrap();
    let printed = text(&output);
    assert!(output.status.success() && printed.contains("as an ordinary user"), "{printed}");
}

#[test]
fn everyday_programs_find_the_way() {
    let base = base("kiln-hosts-everyday-");
    let arena = Arena::new(base.path());
    let server = Server::start();
    let url = format!("http://{}/", server.place());
    for (program, line) in [
        ("curl", format!("curl -sS {url} && curl -sS --proxytunnel {url}")),
        ("wget", format!("wget -qO- {url}")),
        ("python3", format!("python3 -c 'import urllib.request; print(urllib.request.urlopen(\"{url}\").read())'")),
    ] {
        if !["/usr/bin", "/usr/local/bin", "/bin"].iter().any(|folder| Path::new(folder).join(program).is_file()) {
            println!("skipped: there is no `{program}` here");
            continue;
        }
        let output = run(&arena, &["--allow-host", &server.place()], &line);
        assert!(output.status.success() && text(&output).contains(SERVED), "{program}: {}", text(&output));
    }
}

#[test]
fn no_datagram_leaves_and_without_a_grant_there_is_no_proxy() {
    if !bash() {
        println!("skipped: there is no `/bin/bash`");
        return;
    }
    let base = base("kiln-hosts-datagrams-");
    let arena = Arena::new(base.path());
    let server = Server::start();
    let names = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = names.local_addr().unwrap().port();
    // The control: from outside of the sandbox the very same arrives.
    let ask = format!("echo question > /dev/udp/127.0.0.1/{port}");
    Process::new("/bin/bash").args(["-c", &ask]).status().unwrap();
    names.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(names.recv(&mut [0; 64]).unwrap(), 9);
    let output = run(&arena, &["--allow-host", &server.place()], &format!("{ask} 2>/dev/null; echo asked"));
    assert!(text(&output).contains("asked"), "{}", text(&output));
    names.set_nonblocking(true).unwrap();
    assert!(names.recv(&mut [0; 64]).is_err(), "a question for a name arrived");
    let output = run(&arena, &[], "env | grep -i _proxy; test \"$CARGO_NET_OFFLINE\" = true && echo offline");
    assert_eq!(text(&output), "offline\n");
}

#[test]
fn a_grant_that_cannot_be_is_refused_before_anything_runs() {
    let base = base("kiln-hosts-refused-");
    let arena = Arena::new(base.path());
    for host in ["localhost", "127.0.0.1", "*.com", "https://a.test", "a.test/x", "a test", "", "a.test:0"] {
        let output = run(&arena, &["--allow-host", host], "touch ran");
        assert_eq!(output.status.code(), Some(2), "{host}: {}", text(&output));
    }
    let config = arena.kiln_home.join("config/config.toml");
    fs::write(&config, "").unwrap();
    let output = run(&arena, &["--offline", "--allow-host", "registry.test"], "touch ran");
    assert!(!output.status.success() && text(&output).contains("offline by setting"), "{}", text(&output));
    let log = log(&arena);
    assert!(log.len() == 1 && log[0]["state"] == "refused" && log[0]["host"] == "registry.test", "{log:?}");
    fs::write(&config, "[network]\nallow = [\"api.test\", \"*.fine.test\"]\n").unwrap();
    for (host, fine) in [("registry.test", false), ("*.other.test", false), ("api.test", true), ("*.fine.test", true)] {
        let output = run(&arena, &["--allow-host", host], "true");
        assert_eq!(output.status.success(), fine, "{host}: {}", text(&output));
        assert_eq!(text(&output).contains("`network.allow`"), !fine, "{host}: {}", text(&output));
    }
    assert!(!arena.project.join("ran").exists());
}

/// A command through the library, and the client that serves it.
struct Bench {
    folder: tempfile::TempDir,
    net: Client,
}

impl Bench {
    fn new() -> Self {
        let folder = base("kiln-hosts-bench-");
        fs::create_dir(folder.path().join("project")).unwrap();
        Self { folder, net: Client::new(&NetSettings::default()).unwrap() }
    }

    fn policy(&self, hosts: &[&str]) -> Policy {
        let own = Environment::from_pairs([("PATH", "/usr/bin:/bin")]);
        let paths = Paths::below(&self.folder.path().join("kiln"));
        let mut policy = Policy::new(self.folder.path().join("project"), &own, &paths);
        policy.network = Network::Hosts(hosts.iter().map(|host| (*host).to_owned()).collect());
        policy
    }

    fn shell(&self, line: &str) -> Command {
        let own = Environment::from_pairs([("PATH", "/usr/bin:/bin")]);
        let project = self.folder.path().join("project");
        Command::shell(&format!("{ASK}{line}"), &project, environment(&own, &project))
    }
}

fn destinations(hosts: &[&str]) -> Vec<Destination> {
    hosts.iter().map(|host| Destination::parse(host).unwrap()).collect()
}

#[tokio::test]
async fn the_way_closes_with_the_command() {
    if !bash() {
        println!("skipped: there is no `/bin/bash`");
        return;
    }
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"hello\n").unwrap();
        // Until the command's end of it is gone.
        let rest = stream.read_to_end(&mut Vec::new()).is_ok();
        ended.send(rest).unwrap();
    });
    let line = format!("ask 'CONNECT {place} HTTP/1.1\\r\\n\\r\\n'");
    let mut running = start(&bench.policy(&[&place]), &bench.shell(&line)).await.unwrap();
    let inside = running.take_listener().unwrap();
    assert!(running.take_listener().is_none());
    let tunnel = Tunnel::open(&bench.net, inside, destinations(&[&place])).unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"hello\n") {
        said.extend(running.chunk().await.unwrap());
    }
    running.kill();
    assert_eq!(running.wait().await.finish, Finish::Killed);
    let rest = tokio::task::spawn_blocking(move || end.recv_timeout(Duration::from_secs(5))).await.unwrap();
    assert_eq!(rest, Ok(true), "the host sees the end");
    assert!(tunnel.refusals().is_empty());
    drop(tunnel);
    let log = bench.net.connections();
    assert!(log.len() == 1 && log[0].received == 6 && log[0].outcome() == "done", "{log:?}");
}

#[tokio::test]
async fn a_way_that_is_dropped_serves_nobody_any_more() {
    if !bash() {
        println!("skipped: there is no `/bin/bash`");
        return;
    }
    let (bench, server) = (Bench::new(), Server::start());
    let place = server.place();
    let ask = format!("ask 'GET http://{place}/ HTTP/1.1\\r\\n\\r\\n'");
    let line =
        format!("{ask}; echo; echo served; while [ ! -e go ]; do sleep 0.01; done; {ask} 2>/dev/null || echo gone");
    let mut running = start(&bench.policy(&[&place]), &bench.shell(&line)).await.unwrap();
    let tunnel = Tunnel::open(&bench.net, running.take_listener().unwrap(), destinations(&[&place])).unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"served\n") {
        said.extend(running.chunk().await.unwrap());
    }
    drop(tunnel);
    // The task that held the listener has to be dropped first.
    tokio::task::yield_now().await;
    fs::write(bench.folder.path().join("project/go"), "").unwrap();
    let text = running.wait().await.output.text();
    assert!(text.ends_with("gone\n"), "{text}");
    assert_eq!(server.hits(), 1);
}

#[tokio::test]
async fn a_lesser_sandbox_grants_no_single_hosts() {
    let bench = Bench::new();
    for tier in [Tier::Partial, Tier::Surface, Tier::None] {
        let mut policy = bench.policy(&["a.test"]);
        policy.ceiling = tier;
        policy.required = Requirement::Any;
        let error = start(&policy, &bench.shell("touch ran")).await.unwrap_err();
        assert!(matches!(error, SandboxError::Hosts { .. }), "{error}");
    }
    assert!(!bench.folder.path().join("project/ran").exists());
}

/// What a way of these settings answers to a request, without any sandbox around it.
async fn answered(settings: NetSettings, granted: &str, request: &str) -> (String, Client) {
    let net = Client::new(&settings).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let _tunnel = Tunnel::open(&net, listener, destinations(&[granted])).unwrap();
    let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    let mut said = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut said).await.unwrap();
    (said, net)
}

fn behind(proxy: &str) -> NetSettings {
    let proxies = Proxies::from_variables(|name| (name == "ALL_PROXY").then(|| proxy.to_owned())).unwrap();
    NetSettings { proxies, ..NetSettings::default() }
}

#[tokio::test]
async fn the_persons_own_proxy_is_gone_through() {
    let server = Server::start();
    let proxy = format!("http://me:p%40ss@127.0.0.1:{}", server.port);
    // An address of nobody's that passes for a public one; only the proxy ever hears of it.
    let (carried, net) =
        answered(behind(&proxy), "8.8.8.8", "CONNECT 8.8.8.8:443 HTTP/1.1\r\nProxy-Authorization: mine\r\n\r\n").await;
    assert!(carried.starts_with("HTTP/1.1 200 Connection established\r\n\r\nfrom the internet"), "{carried}");
    assert!(carried.contains("CONNECT 8.8.8.8:443 HTTP/1.1\r\n"), "{carried}");
    assert!(carried.contains("proxy-authorization: Basic bWU6cEBzcw==\r\n") && !carried.contains("mine"), "{carried}");
    assert_eq!(net.connections()[0].via, Some(server.place()));
    let (plain, _) = answered(behind(&proxy), "8.8.8.8", "GET http://8.8.8.8/x HTTP/1.1\r\n\r\n").await;
    assert!(plain.contains("GET http://8.8.8.8/x HTTP/1.1\r\n"), "{plain}");
    assert!(plain.contains("proxy-authorization: Basic bWU6cEBzcw==\r\n"), "{plain}");
    let (refused, net) =
        answered(behind("socks5://127.0.0.1:1"), "8.8.8.8", "CONNECT 8.8.8.8:443 HTTP/1.1\r\n\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 502") && refused.contains("`socks5`"), "never past the proxy: {refused}");
    assert_eq!(net.connections()[0].outcome(), "failed");
}

#[tokio::test]
async fn a_granted_host_out_of_reach_is_refused() {
    let settings = || NetSettings { reach: Reach::Offline, ..NetSettings::default() };
    let (said, net) = answered(settings(), "8.8.8.8", "CONNECT 8.8.8.8:443 HTTP/1.1\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 403") && said.contains("offline by setting"), "{said}");
    assert_eq!(net.connections()[0].outcome(), "refused");
    let server = Server::start();
    let request = format!("GET http://localhost:{}/ HTTP/1.1\r\n\r\n", server.port);
    let (said, _) = answered(settings(), &format!("localhost:{}", server.port), &request).await;
    assert!(said.contains(SERVED), "this machine is within reach, where it was granted: {said}");
}
