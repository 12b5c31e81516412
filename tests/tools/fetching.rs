//! Fetching: what is refused before a socket opens, and what comes back.

use kiln::net::{Client, HttpRequest, NetSettings};
use kiln::tools::{PrivateHosts, ToolAnswer, fetch};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

async fn fetched(url: &str, private: PrivateHosts) -> ToolAnswer {
    fetch(&Client::new(&NetSettings::default()).unwrap(), url, private).await
}

#[tokio::test]
async fn a_granted_host_is_read_within_limits_and_redirects_stay_with_it() {
    let server = MockServer::start().await;
    let html =
        |text: &str| ResponseTemplate::new(200).set_body_raw(text.as_bytes().to_vec(), "text/html; charset=utf-8");
    for (at, answer) in [
        ("/page", html("<h1>Title</h1><script>x</script><p>Text")),
        ("/moved", ResponseTemplate::new(302).insert_header("location", "/page")),
        ("/away", ResponseTemplate::new(302).insert_header("location", "https://elsewhere.example/x")),
        ("/inside", ResponseTemplate::new(302).insert_header("location", "http://169.254.169.254/latest")),
        ("/round", ResponseTemplate::new(302).insert_header("location", "/round")),
        ("/file", ResponseTemplate::new(302).insert_header("location", "file:///etc/passwd")),
        ("/picture", ResponseTemplate::new(200).set_body_raw(vec![0; 10], "image/png")),
        ("/missing", ResponseTemplate::new(404).set_body_raw("nothing", "text/plain")),
        ("/large", ResponseTemplate::new(200).set_body_raw(vec![b'x'; 10 << 20], "text/plain")),
    ] {
        Mock::given(path(at)).respond_with(answer).mount(&server).await;
    }
    let get = async |at: &str| fetched(&format!("{}{at}", server.uri()), PrivateHosts::Granted).await;
    for at in ["/page", "/moved"] {
        let answer = get(at).await;
        assert!(!answer.failed && answer.for_model().ends_with("# Title\n\nText"), "{}", answer.for_model());
    }
    for (at, said) in [
        ("/away", "fetch `https://elsewhere.example/x`"),
        ("/inside", "another host"),
        ("/round", "more than 5 times"),
        ("/file", "`file:`"),
        ("/picture", "`image/png`"),
        ("/missing", "404"),
    ] {
        let answer = get(at).await;
        assert!(answer.failed && answer.for_model().contains(said), "{at}: {}", answer.for_model());
    }
    let large = get("/large").await.for_model();
    assert!(large.len() < 100_000 && large.ends_with("the rest is left out"));
}

#[tokio::test]
async fn a_request_is_held_to_the_addresses_that_were_looked_at() {
    let server = MockServer::start().await;
    Mock::given(path("/")).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    // Nobody can look this name up.
    let url = format!("http://pinned.example:{}/", server.address().port());
    let client = Client::new(&NetSettings::default()).unwrap();
    let held = |addresses: &[&str]| {
        HttpRequest::get(&url).only_at(addresses.iter().map(|address| address.parse().unwrap()).collect())
    };
    assert_eq!(client.send(held(&["127.0.0.1"])).await.unwrap().status, 204);
    assert!(client.send(held(&[])).await.is_err());
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn this_machine_and_its_network_are_refused_before_anything_is_sent() {
    let server = MockServer::start().await;
    let port = server.address().port();
    for url in [
        server.uri(),
        format!("http://localhost:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0177.0.0.1:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://0.0.0.0:{port}/"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "http://metadata.google.internal/".to_owned(),
        "http://printer/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "https://user:password@example.org/".to_owned(),
    ] {
        let answer = fetched(&url, PrivateHosts::Refused).await;
        assert!(answer.failed, "{url}: {}", answer.for_model());
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}
