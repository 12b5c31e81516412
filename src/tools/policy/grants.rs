//! Standing permissions: those of a project in a file of Kiln's own, those of a session in memory.
//!
//! The file lies outside of the project, in a folder that the caller names (Kiln's data), one file a project by
//! the canonical path of its folder: nothing that a model can write changes rights. A file that cannot be read
//! counts as no permission at all, and the caller is told.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::commands;
use super::simple_command::SimpleCommand;
use crate::domain::{ContentHash, Fault, FaultClass, Grant, Lifetime, Scope};

/// Larger files are no file of ours.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
const VERSION: u32 = 1;

/// The permissions that stand in a session.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// Where those of the project are kept; `None` keeps all in memory.
    file: Option<PathBuf>,
    root: PathBuf,
    grants: Vec<Grant>,
    /// Whether the file holds what was not understood and so is moved aside before it is written.
    damaged: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    /// The project's folder, to be compared: a file that was copied over from another project counts nothing.
    root: PathBuf,
    grants: Vec<Grant>,
}

impl Grants {
    /// No permission, none kept.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// The permissions of the project at `root`, kept in `folder`. A file that cannot be used is told as the
    /// fault; no permission of it stands then.
    pub fn load(folder: &Path, root: &Path) -> (Self, Option<Fault>) {
        let canonical = match fs::canonicalize(root) {
            Ok(canonical) => canonical,
            Err(error) => {
                let fault = fault("the project's standing permissions were not read", &error.to_string());
                return (Self::in_memory(), Some(fault));
            }
        };
        let name = ContentHash::of(canonical.as_os_str().as_encoded_bytes());
        let file = folder.join(format!("{name}.json"));
        let mut grants = Self { file: Some(file.clone()), root: canonical, ..Self::default() };
        match read(&file, &grants.root) {
            Ok(found) => {
                grants.grants = found;
                (grants, None)
            }
            Err(detail) => {
                grants.damaged = true;
                let told =
                    format!("the standing permissions in `{}` cannot be used, so none of them stands", file.display());
                (grants, Some(fault(told, &detail)))
            }
        }
    }

    /// Every permission, in the order in which they were given.
    pub fn list(&self) -> &[Grant] {
        &self.grants
    }

    /// Adds a permission; one of the same scope and lifetime is replaced. When it cannot be kept it stands for
    /// this session all the same, and the fault says so.
    pub fn add(&mut self, grant: Grant) -> Result<(), Fault> {
        self.refresh();
        let lifetime = grant.lifetime;
        self.put(grant);
        if lifetime == Lifetime::Project { self.save() } else { Ok(()) }
    }

    /// Each part of a permission for several things stands by itself.
    fn put(&mut self, grant: Grant) {
        if let Scope::Together { scopes } = grant.scope {
            for scope in scopes {
                self.put(Grant { scope, origin: grant.origin.clone(), ..grant });
            }
            return;
        }
        self.grants.retain(|have| have.scope != grant.scope || have.lifetime != grant.lifetime);
        self.grants.push(grant);
    }

    /// Takes back whatever has this scope; whether there was one.
    pub fn revoke(&mut self, scope: &Scope) -> Result<bool, Fault> {
        self.refresh();
        let before = self.grants.len();
        self.grants.retain(|have| have.scope != *scope);
        if self.grants.len() == before {
            return Ok(false);
        }
        self.save().map(|()| true)
    }

    /// Takes over what another session of the project has given or revoked since.
    pub fn refresh(&mut self) {
        let Some(file) = self.file.as_deref().filter(|_| !self.damaged) else { return };
        self.grants.retain(|grant| grant.lifetime == Lifetime::Session);
        match read(file, &self.root) {
            Ok(found) => self.grants.extend(found),
            // None stands then, as after `load`.
            Err(_) => self.damaged = true,
        }
    }

    /// The permission for connecting to a host, by its canonical name.
    pub fn for_host(&self, host: &str) -> Option<&Grant> {
        self.find(|scope| matches!(scope, Scope::Host { host: granted } if granted == host && !host.is_empty()))
    }

    /// The permission for a tool, by its full name.
    pub fn for_tool(&self, tool: &str) -> Option<&Grant> {
        self.find(|scope| matches!(scope, Scope::Tool { name } if name == tool))
    }

    /// The permission for this very line.
    pub fn for_line(&self, line: &str) -> Option<&Grant> {
        self.find(|scope| matches!(scope, Scope::Command { line: granted } if granted == line))
    }

    /// The permission for a simple command by its first words. Words that say too little, such as those of an
    /// interpreter, are no permission even when they were written into the file.
    pub fn for_command(&self, command: &SimpleCommand) -> Option<&Grant> {
        self.find(|scope| match scope {
            Scope::Prefix { words } => commands::may_be_prefix(words) && commands::begins_with(command, words),
            _ => false,
        })
    }

    /// The permission for a control file: it has to name the file itself.
    pub fn for_control_file(&self, path: &str) -> Option<&Grant> {
        self.find(|scope| matches!(scope, Scope::Path { path: granted } if granted == path && !path.is_empty()))
    }

    /// The permission for an ordinary file: the file, a folder above it, or the whole project.
    pub fn for_file(&self, path: &str) -> Option<&Grant> {
        let covers = |granted: &str| {
            granted.is_empty()
                || path.strip_prefix(granted).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.find(|scope| matches!(scope, Scope::Path { path: granted } if covers(granted.trim_end_matches('/'))))
    }

    fn find(&self, covers: impl Fn(&Scope) -> bool) -> Option<&Grant> {
        self.grants.iter().find(|grant| covers(&grant.scope))
    }

    fn save(&mut self) -> Result<(), Fault> {
        let Some(file) = self.file.clone() else { return Ok(()) };
        let kept = self.grants.iter().filter(|grant| grant.lifetime == Lifetime::Project).cloned().collect();
        let stored = Stored { version: VERSION, root: self.root.clone(), grants: kept };
        let not_kept = |error: &dyn std::fmt::Display| {
            fault(format!("the standing permissions were not saved to `{}`", file.display()), &error.to_string())
        };
        let text = serde_json::to_vec_pretty(&stored).map_err(|error| not_kept(&error))?;
        if self.damaged {
            // The person may want to look at it.
            fs::rename(&file, file.with_extension("damaged")).map_err(|error| not_kept(&error))?;
            self.damaged = false;
        }
        replace(&file, &text).map_err(|error| not_kept(&error))
    }
}

fn fault(message: impl Into<String>, detail: &str) -> Fault {
    Fault::new(FaultClass::Storage, message)
        .hint("Kiln asks again for what they allowed; give the permissions anew")
        .detail(detail)
}

fn read(file: &Path, root: &Path) -> Result<Vec<Grant>, String> {
    let opened = match fs::File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.to_string()),
    };
    let mut text = String::new();
    opened.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| error.to_string())?;
    let stored: Stored = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if stored.version != VERSION {
        return Err(format!("it has version {}, and this Kiln reads {VERSION}", stored.version));
    }
    if stored.root != root {
        return Err(format!("it belongs to `{}`", stored.root.display()));
    }
    Ok(stored.grants)
}

/// Puts the file in place whole, for its owner's eyes only.
fn replace(file: &Path, text: &[u8]) -> io::Result<()> {
    let folder = file.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)?;
    // A temporary file is made with the mode 0600.
    let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
    fresh.write_all(text)?;
    fresh.as_file().sync_all()?;
    fresh.persist(file).map(drop).map_err(|error| error.error)
}
