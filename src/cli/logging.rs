//! Logs, only when `KILN_LOG` asks for them (`KILN_LOG=debug`, or a filter such as `kiln=trace`).
//!
//! They go to a file: standard error belongs to the person.

use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;

use super::assemble::Inputs;
use super::console::Console;
use crate::config::paths::make_private_folder;
use crate::domain::{Fault, FaultClass};

/// Starts logging if it is asked for. The guard writes out what is left when it is dropped.
pub(super) fn start(inputs: &Inputs, console: &mut Console) -> Option<WorkerGuard> {
    let wanted = inputs.environment.get("KILN_LOG")?;
    let folder = inputs.paths.logs();
    let refused = |why: String| {
        Fault::new(FaultClass::Storage, format!("no log is written to `{}`", folder.display()))
            .hint("correct `KILN_LOG` (such as `debug` or `kiln=trace`) or the folder, or unset it")
            .detail(why)
    };
    let filter = match EnvFilter::try_new(wanted) {
        Ok(filter) => filter,
        Err(error) => {
            console.fault(&refused(error.to_string()));
            return None;
        }
    };
    // The appender prints to standard error by itself when its folder is not there.
    let appender = make_private_folder(&folder).map_err(|error| error.to_string()).and_then(|()| {
        RollingFileAppender::builder()
            .rotation(Rotation::DAILY)
            .filename_prefix("kiln")
            .filename_suffix("log")
            .max_log_files(7)
            .build(&folder)
            .map_err(|error| error.to_string())
    });
    let appender = match appender {
        Ok(appender) => appender,
        Err(why) => {
            console.fault(&refused(why));
            return None;
        }
    };
    let (writer, guard) = tracing_appender::non_blocking(appender);
    let started = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false).try_init();
    started.is_ok().then_some(guard)
}
