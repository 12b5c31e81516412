//! Files of a project that decide what other programs do later: whoever writes them may run code tomorrow.
//! Writing one asks apart, also where writing files does not.

/// Names that count in any folder, in lower case; `*` at the end stands for whatever follows.
const NAMES: &[&str] = &[
    ".bash*",
    ".cargo",
    ".claude",
    ".codex",
    ".cursor",
    ".cursorrules",
    ".devcontainer",
    ".direnv",
    ".editorconfig",
    ".env*",
    ".gemini",
    ".git",
    ".gitattributes",
    ".gitconfig",
    ".githooks",
    ".gitmodules",
    ".husky",
    ".idea",
    ".inputrc",
    ".kiln",
    ".lefthook*",
    ".mcp.json",
    ".netrc",
    ".npmrc",
    ".pnpmfile*",
    ".pre-commit-config.yaml",
    ".profile",
    ".pypirc",
    ".ssh",
    ".vimrc",
    ".vscode",
    ".windsurf*",
    ".yarn",
    ".yarnrc*",
    ".zlog*",
    ".zprofile",
    ".zsh*",
    "agents.md",
    "build.rs",
    "claude.md",
    "conftest.py",
    "copilot-instructions.md",
    "gemini.md",
    "gnumakefile",
    "jenkinsfile",
    "justfile",
    ".justfile",
    "lefthook*",
    "makefile",
    "makefile.*",
    "package.json",
    "rust-toolchain*",
    "setup.py",
    "sitecustomize.py",
    "usercustomize.py",
    "kiln.toml",
];

/// Why a path is a control file, in a few words; `None` when it is an ordinary one.
pub fn control_file(path: &str) -> Option<&'static str> {
    let folded: Vec<String> = path.split('/').map(fold).collect();
    let parts: Vec<&str> = folded.iter().map(String::as_str).filter(|part| !matches!(*part, "" | ".")).collect();
    let named = |part: &&str| {
        NAMES.iter().any(|name| match name.strip_suffix('*') {
            Some(start) => part.starts_with(start),
            None => part == name,
        })
    };
    if parts.iter().any(named) {
        return Some("other programs act on what it says");
    }
    if parts.windows(2).any(|pair| matches!(pair, [".github", "workflows" | "actions"] | [".circleci", _])) {
        return Some("it says what a build server runs");
    }
    match parts.as_slice() {
        [".gitlab-ci.yml"] => Some("it says what a build server runs"),
        // A folder with these is a repository to git, wherever it stands.
        [.., "head"] | [.., "hooks" | "objects" | "refs", _] | [.., "hooks"] => {
            Some("git may read it as a repository's own")
        }
        _ => None,
    }
}

/// A name as file systems that fold case, and drop dots and spaces at the end, read it.
fn fold(part: &str) -> String {
    let part = part.split(':').next().unwrap_or(part);
    let end = if part.trim_end_matches(['.', ' ']).is_empty() { part } else { part.trim_end_matches(['.', ' ']) };
    end.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_steer_programs_are_found_in_every_spelling() {
        for path in [
            ".env",
            ".env.local",
            "a/.ENV",
            "Makefile",
            "sub/package.json",
            ".github/workflows/ci.yml",
            ".vscode/tasks.json",
            "AGENTS.md",
            "docs/agents.MD",
            "build.rs",
            ".cargo/config.toml",
            "rust-toolchain.toml",
            "x/.git",
            "bare/HEAD",
            "bare/hooks/post-checkout",
            ".envrc",
            ".husky/pre-commit",
            "package.json.",
            "package.json::$DATA",
            ".bashrc",
            "conftest.py",
            ".gitlab-ci.yml",
            ".kiln/config.toml",
        ] {
            assert!(control_file(path).is_some(), "{path}");
        }
        for path in [
            "src/main.rs",
            "README.md",
            "headers/x.h",
            "package-lock.json.txt",
            "env",
            "src/build.rs.txt",
            ".gitignore",
        ] {
            assert!(control_file(path).is_none(), "{path}");
        }
    }
}
