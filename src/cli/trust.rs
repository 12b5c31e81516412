//! `kiln trust`: shows what a folder's own files would set, and lets them once the person says so.

use clap::Args;

use super::assemble::{self, Inputs};
use super::console::Console;
use super::exit::{Exit, Failure};
use super::flags::Common;
use crate::config::trust::{self, Before, Request};
use crate::config::{self, Environment, Project, Trust};
use crate::domain::{Fault, FaultClass};

/// `kiln trust`.
#[derive(Args, Debug)]
pub struct TrustVerb {
    /// Take trust back
    #[arg(long, conflicts_with = "list")]
    pub revoke: bool,

    /// List the trusted folders
    #[arg(long)]
    pub list: bool,

    /// Trust without asking
    #[arg(long, conflicts_with_all = ["list", "revoke"])]
    pub yes: bool,
}

/// Runs the verb; no engine is needed.
pub(super) fn run(inputs: &Inputs, common: &Common, verb: &TrustVerb, console: &mut Console) -> Result<Exit, Failure> {
    if verb.list {
        return list(inputs, console);
    }
    let Some(root) = assemble::project_root(common) else {
        return Err(Failure::not_found("there is no such folder", "name one that exists with `--cd`"));
    };
    if verb.revoke {
        let known = trust::revoke(&inputs.paths, &root).map_err(failed)?;
        console.note(&format!(
            "`{}` {}",
            root.display(),
            if known { "is no longer trusted" } else { "was not trusted" }
        ));
        return Ok(if known { Exit::Done } else { Exit::NotFound });
    }
    // Keys that the environment has already are wishes all the same, so it is read without them.
    let project = Project { root: &root, key_variables: &assemble::key_variables };
    match config::load_with_project(&inputs.paths, &Environment::default(), &[], &project).trust {
        Trust::NothingToTrust => {
            console.note(&format!("`{}` sets nothing that needs trust", root.display()));
            Ok(Exit::Done)
        }
        Trust::Trusted => {
            console.note(&format!("`{}` is trusted already", root.display()));
            Ok(Exit::Done)
        }
        Trust::Untrusted(request) => ask(inputs, &request, verb, console),
    }
}

fn ask(inputs: &Inputs, request: &Request, verb: &TrustVerb, console: &mut Console) -> Result<Exit, Failure> {
    let again = match request.before {
        Before::Never => "",
        Before::OtherFiles => ", whose files changed since it was trusted,",
    };
    console.line(&format!("`{}`{again} would set:", request.root.display()))?;
    for wish in &request.wishes {
        let file = wish.file.strip_prefix(&request.root).unwrap_or(&wish.file).display();
        console.line(&format!("  {} = {}    # {file} line {}", wish.setting, wish.value, wish.line))?;
    }
    if !verb.yes {
        let nobody = Failure::usage(
            "nobody is there to say whether this is trusted",
            "look at the list above; `kiln trust --yes` trusts it without asking",
        );
        if !console.agreed("trust these files, until they change?", nobody)? {
            console.note("nothing was trusted");
            return Ok(Exit::Failed);
        }
    }
    trust::grant(&inputs.paths, request).map_err(failed)?;
    console.note(&format!("`{}` is trusted until these files change", request.root.display()));
    Ok(Exit::Done)
}

fn list(inputs: &Inputs, console: &mut Console) -> Result<Exit, Failure> {
    let folders = trust::list(&inputs.paths).map_err(failed)?;
    if folders.is_empty() {
        console.note("no folder is trusted");
    }
    for folder in folders {
        console.line(&folder.root.display().to_string())?;
    }
    Ok(Exit::Done)
}

fn failed(fault: Fault) -> Failure {
    let exit = if fault.class == FaultClass::Invalid { Exit::Usage } else { Exit::Config };
    Failure::new(exit, fault)
}
