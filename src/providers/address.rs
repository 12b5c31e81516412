//! Addresses of providers as people write them, and the paths of a protocol behind them.
//!
//! It looks at texts alone; nothing is resolved or reached.

/// Base URLs as people write them: without a scheme, or with the address a server listens on; a
/// local server's also without the path of its API.
///
/// `base_port` is for addresses without a scheme: one with a scheme means that scheme's own port.
pub(super) fn tidy(url: &str, base_path: Option<&str>, base_port: Option<u16>) -> String {
    let url = url.trim().trim_end_matches('/');
    let bare = !url.contains("://");
    let mut url = if bare { format!("http://{url}") } else { url.to_owned() };
    if bare
        && let Some(port) = base_port
        && let Ok(mut parsed) = url::Url::parse(&url)
        && !url.ends_with(":80")
        && parsed.port().is_none()
        && parsed.set_port(Some(port)).is_ok()
    {
        parsed.to_string().trim_end_matches('/').clone_into(&mut url);
    }
    if let Some(path) = base_path
        && let Ok(mut parsed) = url::Url::parse(&url)
    {
        if parsed.host_str() == Some("0.0.0.0") && parsed.set_host(Some("127.0.0.1")).is_err() {
            return url;
        }
        if parsed.path() == "/" {
            parsed.set_path(path);
        }
        parsed.to_string().trim_end_matches('/').clone_into(&mut url);
    }
    url
}

/// A path of the protocol behind a base URL, which people give with and without the version that
/// the path begins with, or with the version of a server's other protocol.
pub(super) fn join(base: &str, path: &str) -> String {
    let base = base.trim_end_matches('/');
    let is_version =
        |name: &str| name.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let (front, last) = base.rsplit_once('/').unwrap_or_default();
    let (first, rest) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
    if first == "api" && matches!(last, "v1" | "api") {
        return format!("{front}{path}");
    }
    if is_version(first) && is_version(last) { format!("{base}/{rest}") } else { format!("{base}{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_are_tidied() {
        let path = Some("/v1");
        assert_eq!(tidy("0.0.0.0:11434", path, None), "http://127.0.0.1:11434/v1");
        assert_eq!(tidy("http://box:11434/", path, None), "http://box:11434/v1");
        assert_eq!(tidy("http://box/api/v1", path, None), "http://box/api/v1");
        assert_eq!(tidy("https://api.example.org/", None, None), "https://api.example.org");
        assert_eq!(tidy("0.0.0.0", Some("/"), Some(11434)), "http://127.0.0.1:11434");
        assert_eq!(tidy("box:80", Some("/"), Some(11434)), "http://box");
        assert_eq!(tidy("https://box", Some("/"), Some(11434)), "https://box");
    }

    #[test]
    fn base_urls_may_hold_the_version() {
        assert_eq!(join("https://a", "/v1/messages"), "https://a/v1/messages");
        assert_eq!(join("https://a/v1/", "/v1/messages"), "https://a/v1/messages");
        assert_eq!(join("https://a/v1", "/v1beta/models"), "https://a/v1/models");
        assert_eq!(join("http://a:1/v1", "/api/chat"), "http://a:1/api/chat");
        assert_eq!(join("http://a:1/api", "/api/chat"), "http://a:1/api/chat");
        assert_eq!(join("https://a/v1", "/chat/completions"), "https://a/v1/chat/completions");
    }
}
