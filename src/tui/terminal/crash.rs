//! What happens on a panic: the terminal is restored first, then the message is shown and kept
//! in a file, cleaned of secrets. It does not decide whether the program goes on.

use std::backtrace::Backtrace;
use std::io::Write;
use std::panic::{self, PanicHookInfo};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::modes::restore_now;

/// Installs the hook. `scrub` takes secrets out of what is kept.
pub fn install(folder: PathBuf, scrub: fn(&str) -> String) {
    panic::set_hook(Box::new(move |info| {
        restore_now();
        let report = scrub(&report(info));
        let kept = keep(&folder, &report);
        let first = report.lines().next().unwrap_or_default();
        let mut text = format!("\r\nkiln failed: {first}\r\n");
        match kept {
            Some(path) => text.push_str(&format!("hint: the report is in `{}`\r\n", path.display())),
            None => text.push_str("hint: no report could be written\r\n"),
        }
        // Nobody is left to be told when this fails as well.
        drop(std::io::stderr().write_all(text.as_bytes()));
    }));
}

fn report(info: &PanicHookInfo<'_>) -> String {
    let message = info
        .payload()
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| info.payload().downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned());
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name");
    let message = message.replace(['\n', '\r'], " ");
    format!(
        "{message} at {place}\nversion {}, thread {thread}\n\n{}\n",
        env!("CARGO_PKG_VERSION"),
        Backtrace::force_capture()
    )
}

fn keep(folder: &Path, report: &str) -> Option<PathBuf> {
    std::fs::create_dir_all(folder).ok()?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let path = folder.join(format!("crash-{seconds}-{}.txt", std::process::id()));
    std::fs::write(&path, report).ok()?;
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_kept_where_it_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = keep(&folder.path().join("new"), "words").unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "words");
        assert_eq!(keep(Path::new("/dev/null/x"), "words"), None);
    }
}
