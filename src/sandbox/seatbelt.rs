//! The profile for `sandbox-exec` of macOS, written for each command. Untested, see `plain`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::policy::{Policy, SandboxError, Writable};

/// Folders of secrets beneath the home folder.
const SECRETS: &[&str] = &[
    ".ssh",
    ".aws",
    ".gnupg",
    ".config/gh",
    ".netrc",
    ".docker",
    ".kube",
    ".npmrc",
    ".git-credentials",
    "Library/Keychains",
    "Library/Cookies",
    "Library/Safari",
    "Library/Application Support/Google/Chrome",
    "Library/Application Support/Firefox",
    "Library/Application Support/kiln",
];

/// Writes a profile: everything is denied but reading (without secrets), running programs, and
/// writing in the project without its control folders.
pub(super) fn profile(policy: &Policy) -> Result<String, SandboxError> {
    let mut text = String::from(
        "(version 1)\n(deny default)\n(allow process-exec process-fork)\n(allow signal (target same-sandbox))\n\
         (allow sysctl-read)\n(allow file-read*)\n(allow file-ioctl (literal \"/dev/null\") (literal \"/dev/tty\"))\n\
         (allow file-write-data (literal \"/dev/null\") (literal \"/dev/zero\") (literal \"/dev/stdout\"))\n\
         (allow mach-lookup (global-name \"com.apple.system.opendirectoryd.libinfo\") \
         (global-name \"com.apple.system.logger\"))\n(deny network*)\n",
    );
    let mut folders = policy.extra_writable.clone();
    if policy.writable == Writable::Project {
        folders.push(policy.root.clone());
    }
    let mut rule = |words: &str, path: &Path| -> Result<(), SandboxError> {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let quoted = path.to_str().filter(|path| !path.contains(['"', '\\', '\n']));
        let quoted = quoted.ok_or_else(|| SandboxError::Folder {
            path: path.clone(),
            why: "its name holds a quote, a backslash or a line break".to_owned(),
        })?;
        writeln!(text, "({words} (subpath \"{quoted}\"))").map_err(SandboxError::setup)
    };
    for folder in &folders {
        rule("allow file-write*", folder)?;
        // Renaming a parent would carry the folder out of the rule; within the project there is none.
        for control in [".git", ".kiln"] {
            rule("deny file-write*", &folder.join(control))?;
        }
    }
    let secrets = policy.home.iter().flat_map(|home| SECRETS.iter().map(|name| home.join(name)));
    for hidden in secrets.chain(policy.hidden.iter().cloned()).collect::<Vec<PathBuf>>() {
        if !folders.iter().chain([&policy.root]).any(|folder| folder.starts_with(&hidden)) {
            rule("deny file-read* file-write*", &hidden)?;
        }
    }
    Ok(text)
}
