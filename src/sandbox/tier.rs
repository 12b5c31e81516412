//! How well commands can be confined on this machine, found out by trying, in honest words.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// What holds, from nothing to all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// L0: nothing is confined.
    None,
    /// L1: no network and less kernel; files are open.
    Surface,
    /// L2: writes and network are confined; dates and modes of files outside, and the sight of other
    /// programs, are not.
    Partial,
    /// L3: all of it.
    Strict,
}

impl Tier {
    /// The word for it in settings and flags.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Surface => "surface",
            Self::Partial => "partial",
            Self::Strict => "strict",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::None, Self::Surface, Self::Partial, Self::Strict].into_iter().find(|tier| tier.word() == word)
    }
}

/// What this machine can do, and why not more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub tier: Tier,
    /// What stood in the way of the next better tier.
    pub why: Option<String>,
}

impl Standing {
    /// A sentence or two for the person: what holds and what does not.
    pub fn words(&self) -> String {
        match self.tier {
            Tier::Strict => "Commands run in a sandbox: they can change only this folder (not .git), reach no \
                             host but those you grant, and cannot see your keys."
                .to_owned(),
            Tier::Partial if cfg!(target_os = "macos") => {
                "Partly sandboxed (sandbox-exec; not tested on this system): writes and network are limited; other \
                 programs' names are not protected."
                    .to_owned()
            }
            Tier::Partial => format!(
                "Partly sandboxed ({}): writes and network are limited; file dates and modes outside this folder, and \
                 other programs' names, are not protected.",
                self.why.as_deref().unwrap_or("a kernel feature is missing")
            ),
            Tier::Surface | Tier::None => "Not sandboxed on this machine. Each command can do what you can do. You \
                                           will be asked each time; automatic mode is off."
                .to_owned(),
        }
    }
}

/// Finds out what this machine can do by running a command at each tier, the best first.
pub async fn probe() -> Standing {
    static FOUND: tokio::sync::OnceCell<Standing> = tokio::sync::OnceCell::const_new();
    FOUND.get_or_init(find).await.clone()
}

/// As [`probe`], but remembers the answer in a folder for as long as the machine runs this kernel.
pub async fn probe_cached(cache: &Path) -> Standing {
    let file = cache.join("sandbox.json");
    let key = machine();
    let read = {
        let file = file.clone();
        tokio::task::spawn_blocking(move || std::fs::read(file).ok()).await.ok().flatten()
    };
    if let Some(known) = read.and_then(|text| serde_json::from_slice::<Known>(&text).ok())
        && known.machine == key
    {
        return known.standing;
    }
    let known = Known { machine: key, standing: probe().await };
    if let Ok(text) = serde_json::to_vec(&known)
        && let Err(error) = tokio::fs::write(&file, text).await
    {
        tracing::debug!(%error, "the sandbox's standing is not remembered");
    }
    known.standing
}

#[derive(Serialize, Deserialize)]
struct Known {
    machine: String,
    standing: Standing,
}

/// What the answer depends on: the kernel, this boot, this program, this user.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    #[cfg(unix)]
    let user = rustix::process::geteuid().as_raw();
    #[cfg(not(unix))]
    let user = 0;
    format!(
        "{} {} {} {user}",
        env!("CARGO_PKG_VERSION"),
        read("/proc/sys/kernel/osrelease"),
        read("/proc/sys/kernel/random/boot_id"),
    )
}

#[cfg(target_os = "linux")]
async fn find() -> Standing {
    let mut why = None;
    for tier in [Tier::Strict, Tier::Partial, Tier::Surface] {
        match super::selftest::holds(tier).await {
            Ok(()) => return Standing { tier, why },
            Err(reason) => {
                tracing::info!(tier = tier.word(), reason, "a sandbox tier is not to be had");
                why.get_or_insert(reason);
            }
        }
    }
    Standing { tier: Tier::None, why }
}

#[cfg(target_os = "macos")]
async fn find() -> Standing {
    if Path::new("/usr/bin/sandbox-exec").is_file() {
        Standing { tier: Tier::Partial, why: Some("sandbox-exec is all there is on this system".to_owned()) }
    } else {
        Standing { tier: Tier::None, why: Some("there is no `/usr/bin/sandbox-exec`".to_owned()) }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
async fn find() -> Standing {
    Standing { tier: Tier::None, why: Some("Kiln has no sandbox for this system".to_owned()) }
}
