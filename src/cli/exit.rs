//! Exit codes, and failures that end the program with one.

use std::process::ExitCode;

use crate::domain::{Fault, FaultClass};

/// How the program ends; the numbers stand in `kiln --help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    /// The turn, or what was asked, failed.
    Failed = 1,
    /// The command line was not understood.
    Usage = 2,
    /// Settings or keys need attention.
    Config = 3,
    /// A session, model, key or file does not exist.
    NotFound = 4,
    /// The export was refused or failed.
    Export = 5,
    /// Ctrl-C.
    Cancelled = 130,
    /// Whoever read standard output went away; as if ended by SIGPIPE.
    PipeClosed = 141,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An end with something to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    pub fault: Fault,
}

impl Failure {
    /// With the code that fits best.
    pub fn new(exit: Exit, fault: Fault) -> Self {
        Self { exit, fault }
    }

    /// The command line asks for something that cannot be.
    pub fn usage(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Exit::Usage, Fault::new(FaultClass::Invalid, sentence).hint(hint))
    }

    /// What was named does not exist.
    pub fn not_found(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, Fault::new(FaultClass::Invalid, sentence).hint(hint))
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let exit = match fault.class {
            FaultClass::Auth => Exit::Config,
            _ => Exit::Failed,
        };
        Self { exit, fault }
    }
}
