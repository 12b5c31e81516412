//! Whether a tier really holds here: a shell tries a few things that must fail.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::launch;
use super::policy::{Command, HomeView, Network, Policy, Requirement, SandboxError, Writable};
use super::running::Finish;
use super::tier::Tier;

/// Runs in the sandbox; each line that it prints names something that should have failed.
const TRY: &str = r#"
(echo x > "$1/outside") 2>/dev/null && echo "a write outside the project"
(echo x > "$2/.git/probe") 2>/dev/null && echo "a write into .git"
[ -e "/proc/$3/stat" ] && echo "sight of other programs"
(echo x > inside) 2>/dev/null || echo "no write inside the project"
true
"#;

/// `Ok` when the walls of a tier can be put up and stand.
pub(super) async fn holds(tier: Tier) -> Result<(), String> {
    let folder = tempfile::Builder::new().prefix("kiln-probe-").tempdir().map_err(|error| error.to_string())?;
    let (project, outside) = (folder.path().join("project"), folder.path().join("outside"));
    for made in [&project, &outside, &project.join(".git")] {
        std::fs::create_dir_all(made).map_err(|error| error.to_string())?;
    }
    let own = std::process::id().to_string();
    let argv: Vec<OsString> = match tier {
        Tier::Strict => {
            // Where process 1 is Kiln's own stage its number alone would tell nothing.
            vec![
                "/bin/sh".into(),
                "-c".into(),
                TRY.into(),
                "sh".into(),
                outside.into(),
                project.clone().into(),
                own.into(),
            ]
        }
        _ => vec!["/bin/sh".into(), "-c".into(), "true".into()],
    };
    let policy = Policy {
        root: project.clone(),
        writable: Writable::Project,
        extra_writable: Vec::new(),
        network: Network::Off,
        required: Requirement::Any,
        home_view: HomeView::Masked,
        home: None,
        hidden: Vec::new(),
        ceiling: tier,
    };
    let mut command =
        Command::new(argv, PathBuf::from(&project), vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
    command.limits.time = Some(Duration::from_secs(5));
    let ended = match launch::start_at(tier, &policy, &command).await {
        Ok(running) => running.wait().await,
        Err(SandboxError::Setup { why } | SandboxError::Program { why, .. }) => return Err(why),
        Err(error) => return Err(error.to_string()),
    };
    let said = ended.output.text();
    match ended.finish {
        Finish::Exited(0) if said.trim().is_empty() => Ok(()),
        Finish::Exited(0) => Err(format!("the sandbox does not hold: {}", said.trim().replace('\n', ", "))),
        other => Err(format!("a first command in the sandbox ended oddly: {other:?} {}", said.trim())),
    }
}
