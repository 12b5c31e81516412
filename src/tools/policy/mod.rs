//! STUB until the policy lands.
pub mod grants;
use crate::domain::{Grant, Mode, Scope, Touch};
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allow { reason: String },
    Ask { reason: String, offers: Vec<Scope> },
    Deny { reason: String },
}
pub fn verdict(mode: Mode, touches: &[Touch], grants: &[Grant]) -> Verdict {
    let _ = grants;
    for touch in touches {
        match touch {
            Touch::Read { .. } => {}
            Touch::Write { .. } if mode > Mode::ReadOnly => {}
            _ if mode == Mode::ReadOnly => return Verdict::Deny { reason: "read-only".to_owned() },
            Touch::Command { line, .. } if mode == Mode::Ask => {
                return Verdict::Ask {
                    reason: "commands ask".to_owned(),
                    offers: vec![Scope::Command { line: line.clone() }],
                };
            }
            _ => {}
        }
    }
    Verdict::Allow { reason: "mode".to_owned() }
}
