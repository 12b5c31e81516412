//! Fetching weights with progress: a bar where standard error is a terminal, else lines.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::console::{Console, Stream};
use super::exit::{Exit, Failure};
use super::feed::{Feed, unexpected};
use super::interrupt::Interrupts;
use super::words::size;
use crate::domain::op::PullSource;
use crate::domain::{Event, Op, Reply};
use crate::engine::Engine;

/// Fetches weights by name. A Ctrl-C ends it; what was fetched is kept and taken up next time.
pub(super) async fn pull(
    engine: &Engine,
    name: String,
    from: PullSource,
    console: &mut Console,
    interrupts: &mut Interrupts,
) -> Result<Exit, Failure> {
    let mut feed = Feed::start(engine);
    let mut progress = Progress::new(console);
    let mut reply = std::pin::pin!(engine.ask(Op::PullModel { name: name.clone(), from }));
    loop {
        tokio::select! {
            reply = &mut reply => {
                progress.end();
                return match reply? {
                    Reply::Pulled { path, .. } => {
                        console.note(&format!("{name} is ready: {}", path.display()));
                        Ok(Exit::Done)
                    }
                    _ => Err(unexpected()),
                };
            }
            () = interrupts.next() => {
                progress.end();
                console.note("cancelled; what was fetched is kept");
                return Ok(Exit::Cancelled);
            }
            event = feed.next() => {
                if let Some(Event::Pull { name: of, stage, received, total }) = event.as_deref()
                    && *of == name
                {
                    progress.tell(stage, *received, *total, console);
                }
            }
        }
    }
}

enum Progress {
    Bar(ProgressBar),
    /// The stage and the tenth that were told last.
    Lines {
        stage: String,
        tenth: Option<u64>,
    },
}

impl Progress {
    fn new(console: &Console) -> Self {
        if console.errors() != Stream::Terminal {
            return Self::Lines { stage: String::new(), tenth: None };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    fn tell(&mut self, stage: &str, received: u64, total: Option<u64>, console: &mut Console) {
        match self {
            Self::Bar(bar) => {
                if let Some(total) = total {
                    bar.set_length(total);
                }
                bar.set_message(super::clean(stage));
                bar.set_position(received);
            }
            Self::Lines { stage: told, tenth } => {
                let now = total.filter(|total| *total > 0).map(|total| received.saturating_mul(10) / total);
                if told == stage && (now == *tenth || now.is_none()) {
                    return;
                }
                stage.clone_into(told);
                *tenth = now;
                let of = total.map(|total| format!(" of {}", size(total))).unwrap_or_default();
                console.note(&format!("{stage}: {}{of}", size(received)));
            }
        }
    }

    fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
