//! What happens on a panic: a report is kept in a file, cleaned of secrets. When the thread that
//! draws is the one that failed, the terminal is restored first and the message is shown; a failure
//! elsewhere is reported to whoever waits for that work, and the screen goes on.

use std::backtrace::Backtrace;
use std::io::Write;
use std::panic::{self, PanicHookInfo};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::modes::restore_now;

/// Installs the hook; call it on the thread that draws. `scrub` takes secrets out of what is kept.
pub fn install(folder: PathBuf, scrub: fn(&str) -> String) {
    install_with(folder, scrub, restore_now);
}

fn install_with(folder: PathBuf, scrub: fn(&str) -> String, restore: impl Fn() + Send + Sync + 'static) {
    let drawing = std::thread::current().id();
    panic::set_hook(Box::new(move |info| {
        let draws = std::thread::current().id() == drawing;
        if draws {
            restore();
        }
        let report = scrub(&report(info));
        let kept = keep(&folder, &report);
        if !draws {
            tracing::error!(report, "a task of the program failed");
            return;
        }
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
    // More than one thread may fail within a second.
    for number in 0..8 {
        let path = folder.join(format!("crash-{seconds}-{}-{number}.txt", std::process::id()));
        if let Ok(mut file) = std::fs::File::create_new(&path) {
            return file.write_all(report.as_bytes()).is_ok().then_some(path);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_restores_the_terminal_only_where_it_draws() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicUsize, Ordering};

        let folder = tempfile::tempdir().unwrap();
        let restored = Arc::new(AtomicUsize::new(0));
        let (path, count) = (folder.path().to_owned(), Arc::clone(&restored));
        let standard = panic::take_hook();
        let drawing = std::thread::spawn(move || {
            let scrub = |text: &str| text.replace("hunter2", "***");
            install_with(path, scrub, move || {
                count.fetch_add(1, Ordering::SeqCst);
            });
            assert!(std::thread::spawn(|| panic!("elsewhere")).join().is_err());
            panic!("drawing with hunter2");
        });
        assert!(drawing.join().is_err());
        panic::set_hook(standard);
        assert_eq!(restored.load(Ordering::SeqCst), 1);
        let texts: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        assert!(texts.iter().any(|t| t.starts_with("elsewhere at ")), "{texts:?}");
        assert!(texts.iter().any(|t| t.starts_with("drawing with *** at ")), "{texts:?}");
    }

    #[test]
    fn a_report_is_kept_where_it_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = keep(&folder.path().join("new"), "words").unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "words");
        assert_eq!(keep(Path::new("/dev/null/x"), "words"), None);
    }
}
