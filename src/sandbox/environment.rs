//! The variables that a command sees: those of an allow list, and nothing that looks like a secret.
//!
//! It filters; it does not decide what a value should be, apart from a few that tell programs that
//! nobody sits at a terminal.

use std::path::Path;

use crate::config::Environment;

/// Variables that are passed on when they are set.
const ALLOWED: &[&str] = &[
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOROOT",
    "GOCACHE",
    "GOMODCACHE",
    "GOFLAGS",
    "JAVA_HOME",
    "NODE_PATH",
    "NVM_DIR",
    "PYENV_ROOT",
    "PYENV_VERSION",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "RBENV_ROOT",
    "GEM_HOME",
    "DENO_DIR",
    "BUN_INSTALL",
    "PNPM_HOME",
    "VOLTA_HOME",
    "SDKROOT",
    "DEVELOPER_DIR",
    "CC",
    "CXX",
    "LD_LIBRARY_PATH",
    "PKG_CONFIG_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SYSTEMROOT",
    "PATHEXT",
    "NIX_PROFILES",
    "NIX_PATH",
];

/// Variables that say: no terminal, no questions, no pager, no network to wait for.
const FIXED: &[(&str, &str)] = &[
    ("TERM", "dumb"),
    ("PAGER", "cat"),
    ("GIT_PAGER", "cat"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("CARGO_NET_OFFLINE", "true"),
    ("CARGO_CARGO_NEW_VCS", "none"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("NO_UPDATE_NOTIFIER", "1"),
    ("KILN_SANDBOX", "1"),
];

/// A search path for when there is none.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// The variables for a command in a project: allowed ones of Kiln's own, with a `PATH` that holds
/// neither relative folders nor folders of the project, where somebody could have left a `git`.
pub fn environment(own: &Environment, root: &Path) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = Vec::new();
    for name in ALLOWED {
        if let Some(value) = own.get(name) {
            variables.push(((*name).to_owned(), value.to_owned()));
        }
    }
    for name in ["LC_ALL", "LC_CTYPE", "LC_MESSAGES", "LC_NUMERIC", "LC_TIME", "LC_COLLATE"] {
        if let Some(value) = own.get(name) {
            variables.push((name.to_owned(), value.to_owned()));
        }
    }
    variables.push(("PATH".to_owned(), cleaned_path(own.get("PATH").unwrap_or(PATH), root)));
    variables.extend(FIXED.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    variables
}

/// A search path without relative folders and folders of the project.
fn cleaned_path(path: &str, root: &Path) -> String {
    let real = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let kept: Vec<&str> = path
        .split(':')
        .filter(|part| {
            let folder = Path::new(part);
            let resolved = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
            folder.is_absolute() && !folder.starts_with(root) && !resolved.starts_with(&real)
        })
        .collect();
    if kept.is_empty() { PATH.to_owned() } else { kept.join(":") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_not_allowed_is_passed_on() {
        let own = Environment::from_pairs([
            ("HOME", "/home/x"),
            ("OPENAI_API_KEY", "sk-1"),
            ("AWS_SESSION_TOKEN", "t"),
            ("SSH_AUTH_SOCK", "/run/agent"),
            ("LD_PRELOAD", "/tmp/x.so"),
            ("BASH_ENV", "/tmp/x"),
            ("PATH", "/usr/bin:.:bin::/home/x/project/bin:/bin"),
        ]);
        let variables = environment(&own, Path::new("/home/x/project"));
        let get = |name: &str| variables.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        assert_eq!(get("HOME"), Some("/home/x"));
        assert_eq!(get("PATH"), Some("/usr/bin:/bin"));
        assert_eq!(get("TERM"), Some("dumb"));
        for absent in ["OPENAI_API_KEY", "AWS_SESSION_TOKEN", "SSH_AUTH_SOCK", "LD_PRELOAD", "BASH_ENV"] {
            assert_eq!(get(absent), None, "{absent}");
        }
    }

    #[test]
    fn a_path_of_nothing_usable_becomes_the_system_s() {
        assert_eq!(cleaned_path(".:x", Path::new("/p")), PATH);
    }
}
