//! `kiln init`: the first run. A wizard where there is a terminal, plain questions otherwise; both
//! drive the same machine, `engine/first_run`.

use std::io::BufRead as _;
use std::time::Duration;

use zeroize::Zeroizing;

use super::assemble::{self, Colour, Inputs};
use super::console::{Console, Stream};
use super::exit::{Exit, Failure};
use super::feed::{self, Feed};
use super::interrupt::Interrupts;
use super::keys;
use super::words::size;
use crate::domain::{Event, Fault, FaultClass, Op, Reply, Secret};
use crate::engine::Engine;
use crate::engine::first_run::{Answer, Ask, Choice, End, FirstRun, Mark, Page};
use crate::providers::scrub::Scrubber;
use crate::tui;

/// Longest answer that is read, in bytes.
const LONGEST: u64 = 64 * 1024;
/// Options printed at most; the others can be named.
const SHOWN: usize = 24;

pub(super) fn run(inputs: Inputs, console: &mut Console) -> Result<Exit, Failure> {
    let terminal = console.input() == Stream::Terminal && console.output() == Stream::Terminal;
    keys::unlock_where_needed(&inputs, console)?;
    if terminal && !inputs.environment.terminal().is_dumb() {
        return wizard(inputs, console);
    }
    console.troubles(&inputs.troubles);
    assemble::with_engine(inputs, console, async |engine, console| {
        questions(engine, console, &mut Interrupts::system()).await
    })
}

fn wizard(inputs: Inputs, console: &mut Console) -> Result<Exit, Failure> {
    tui::terminal::crash::install(inputs.paths.crashes(), |text| Scrubber::default().scrub(text).into_owned());
    let hints = inputs.environment.terminal();
    let no_color = (inputs.colour == Colour::Never).then_some("1");
    let look = tui::wizard::Look {
        theme: Some(inputs.settings.ui.theme.clone()).filter(|theme| theme != "auto"),
        user_dir: Some(inputs.paths.config().to_owned()),
        depth: tui::ColorDepth::detect(hints.term.as_deref(), hints.colorterm.as_deref(), no_color),
        mouse: if inputs.settings.ui.mouse { tui::Mouse::On } else { tui::Mouse::Off },
        tmux: hints.tmux,
        frame: Duration::from_millis(16),
    };
    assemble::with_engine(inputs, console, async |engine, console| {
        let end = tui::wizard::run(engine.clone(), look).await?;
        ended(&end, console)
    })
}

fn ended(end: &End, console: &mut Console) -> Result<Exit, Failure> {
    match end {
        End::Done => {
            console.note("Kiln is set up; `kiln` opens it in this folder");
            Ok(Exit::Done)
        }
        End::Left(None) => {
            console.note("nothing was changed; `kiln init` begins again");
            Ok(Exit::Done)
        }
        End::Left(Some(fault)) => {
            console.note("nothing was changed; `kiln init` begins again");
            Err(fault.clone().into())
        }
    }
}

/// Asks on standard output and reads answers from standard input, one a line. Nothing more to read
/// means what stands in brackets; no key is asked for a second time then.
pub async fn questions(engine: &Engine, console: &mut Console, interrupts: &mut Interrupts) -> Result<Exit, Failure> {
    let (mut run, first) = FirstRun::begin();
    let mut wish = Some(first);
    loop {
        while let Some(op) = wish.take() {
            tell(&run.page(), console)?;
            let Some(result) = ask(engine, op, console, interrupts).await? else {
                return Ok(Exit::Cancelled);
            };
            wish = run.reply(result);
        }
        if let Some(end) = run.end() {
            return ended(end, console);
        }
        let page = run.page();
        tell(&page, console)?;
        if page.ask == Ask::End {
            return Ok(Exit::Done);
        }
        let answer = tokio::select! {
            answer = answer(&page.ask, console) => answer?,
            () = interrupts.next() => {
                console.note("\nnothing was changed");
                return Ok(Exit::Cancelled);
            }
        };
        if let Some(answer) = answer {
            wish = run.answer(answer);
        }
    }
}

/// Sends a wish and tells how a fetch goes; `None` after a Ctrl-C.
async fn ask(
    engine: &Engine,
    op: Op,
    console: &mut Console,
    interrupts: &mut Interrupts,
) -> Result<Option<Result<Reply, Fault>>, Failure> {
    let mut feed = Feed::start(engine);
    let mut reply = std::pin::pin!(engine.ask(op));
    let mut tenth = None;
    loop {
        tokio::select! {
            reply = &mut reply => return Ok(Some(reply)),
            () = interrupts.next() => {
                console.note("cancelled");
                return Ok(None);
            }
            event = feed.next() => match event.as_deref() {
                Some(Event::Pull { stage, received, total: Some(total), .. }) if *total > 0 => {
                    let now = Some(received.saturating_mul(10) / total);
                    if now != tenth {
                        tenth = now;
                        console.note(&format!("{stage}: {} of {}", size(*received), size(*total)));
                    }
                }
                Some(_) => {}
                None => return Err(feed::ended().into()),
            },
        }
    }
}

fn tell(page: &Page, console: &mut Console) -> Result<(), Failure> {
    if page.ask != Ask::Wait {
        console.line(&format!("\n{}", page.title))?;
    }
    for line in &page.lines {
        let mark = match line.mark {
            Mark::Good => "+ ",
            Mark::Warn => "! ",
            Mark::Bad => "x ",
            Mark::Plain | Mark::Dim => "",
        };
        if line.text.is_empty() { console.line("")? } else { console.line(&format!("  {mark}{}", line.text))? }
    }
    match &page.ask {
        Ask::Choose { options, chosen, .. } => {
            for (number, option) in options.iter().enumerate().take(SHOWN) {
                let detail = if option.detail.is_empty() { String::new() } else { format!("  {}", option.detail) };
                let row = format!("  {:>2}  {:<24}{detail}", number + 1, option.label);
                console.line(row.trim_end())?;
            }
            if options.len() > SHOWN {
                console.line(&format!("      and {} more, which can be named", options.len() - SHOWN))?;
            }
            console.text(&format!("number or name, `back` or `quit` [{}]: ", chosen + 1))
        }
        Ask::Secret { prompt } if console.input() == Stream::Plain => console.text(&format!("{prompt}: ")),
        _ => Ok(()),
    }
}

/// One answer; `None` when it was not understood and the page is shown again.
async fn answer(ask: &Ask, console: &mut Console) -> Result<Option<Answer>, Failure> {
    match ask {
        Ask::Secret { prompt } if console.input() == Stream::Terminal => {
            let prompt = format!("{prompt} (not shown): ");
            let typed = tokio::task::spawn_blocking(move || keys::hidden(&prompt)).await.map_err(broken)??;
            let secret = secrecy::ExposeSecret::expose_secret(&typed).trim();
            Ok(Some(Answer::Secret((!secret.is_empty()).then(|| Secret::new(secret)))))
        }
        Ask::Secret { .. } => {
            let line = line().await?;
            console.end_line()?;
            let text = line.as_deref().map(|line| line.trim()).unwrap_or_default();
            Ok(Some(Answer::Secret((!text.is_empty()).then(|| Secret::new(text)))))
        }
        Ask::Choose { options, chosen, silent } => {
            let line = line().await?;
            if console.input() == Stream::Plain {
                console.end_line()?;
            }
            let Some(line) = line else { return Ok(Some(Answer::Choice(*silent))) };
            let answer = understood(line.trim(), options, *chosen);
            if answer.is_none() {
                console.note("that is none of them");
            }
            Ok(answer)
        }
        Ask::Wait | Ask::Progress { .. } | Ask::End => Ok(None),
    }
}

/// A number, a name or its beginning, `back`, `quit`, or nothing for the choice in brackets.
fn understood(text: &str, options: &[Choice], chosen: usize) -> Option<Answer> {
    let wanted = text.to_lowercase();
    match wanted.as_str() {
        "" => return Some(Answer::Choice(chosen)),
        "back" => return Some(Answer::Back),
        "quit" => return Some(Answer::Leave),
        _ => {}
    }
    let labels = || options.iter().map(|option| option.label.to_lowercase());
    let position = match wanted.parse::<usize>() {
        Ok(number) => number.checked_sub(1).filter(|position| *position < options.len()),
        Err(_) => {
            labels().position(|label| label == wanted).or_else(|| labels().position(|label| label.starts_with(&wanted)))
        }
    };
    position.map(Answer::Choice)
}

/// One line of standard input, wiped after use; `None` at its end.
async fn line() -> Result<Option<Zeroizing<String>>, Failure> {
    let read = || {
        let mut line = Zeroizing::new(Vec::new());
        let count = std::io::Read::take(std::io::stdin().lock(), LONGEST).read_until(b'\n', &mut line)?;
        let text = String::from_utf8_lossy(&line).into_owned();
        Ok::<_, std::io::Error>((count > 0).then(|| Zeroizing::new(text)))
    };
    tokio::task::spawn_blocking(read).await.map_err(broken)?.map_err(|error| {
        Failure::from(Fault::new(FaultClass::Invalid, "no answer could be read").detail(error.to_string()))
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` wants")]
fn broken(error: tokio::task::JoinError) -> Failure {
    Fault::new(FaultClass::Internal, "reading an answer broke off").detail(error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_numbers_names_or_nothing() {
        let options: Vec<Choice> = ["OpenAI", "Groq"]
            .iter()
            .map(|label| Choice { label: (*label).to_owned(), detail: String::new() })
            .collect();
        assert_eq!(understood("", &options, 1), Some(Answer::Choice(1)));
        assert_eq!(understood("1", &options, 1), Some(Answer::Choice(0)));
        assert_eq!(understood("gro", &options, 0), Some(Answer::Choice(1)));
        assert_eq!(understood("back", &options, 0), Some(Answer::Back));
        assert_eq!(understood("0", &options, 0), None);
        assert_eq!(understood("3", &options, 0), None);
        assert_eq!(understood("zebra", &options, 0), None);
    }
}
