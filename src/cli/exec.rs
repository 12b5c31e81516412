//! `kiln exec`: one turn without the terminal interface. The answer (or, with `--json`, every
//! fact) goes to standard output, progress to standard error.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::assemble::{self, Inputs};
use super::console::Console;
use super::exit::{Exit, Failure};
use super::export::{self, existing, parse_target};
use super::feed::{Feed, ended, unexpected};
use super::flags::Common;
use super::interrupt::Interrupts;
use super::progress::{Format, Teller};
use super::words::size;
use super::{keys, pull, unattended};
use crate::domain::catalog::{Description, Readiness};
use crate::domain::op::{NewProject, PullSource};
use crate::domain::{
    Event, ExistingFiles, ExportTarget, FactBody, Fault, FaultClass, Mode, Op, Picture, Reply, SessionId, TurnOutcome,
};
use crate::engine::Engine;

/// `kiln exec`.
#[derive(Args, Debug)]
pub struct ExecVerb {
    /// What to make, or `-` to read it from standard input
    pub prompt: String,

    /// A picture to show the model: PNG, JPEG, GIF or WebP; may be repeated
    #[arg(long, value_name = "FILE")]
    pub image: Vec<PathBuf>,

    /// Print the session's facts as JSON, one a line, in place of the answer
    #[arg(long)]
    pub json: bool,

    /// Then write the project to `folder:PATH` or `zip:PATH`
    #[arg(long, value_name = "TARGET")]
    pub export: Option<String>,

    /// Let the export replace what is there
    #[arg(long, requires = "export")]
    pub force: bool,
}

/// Longest prompt that is read from standard input, in bytes.
const LONGEST_PROMPT: u64 = 4 * 1024 * 1024;

/// Where the turn runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    New(NewProject),
    Stored(SessionId),
}

/// One headless turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecRequest {
    pub start: Start,
    pub prompt: String,
    pub format: Format,
    /// What the turn does unasked; it decides what is answered when nobody is there.
    pub mode: Mode,
    /// Done after the turn, when it completed.
    pub export: Option<(ExportTarget, ExistingFiles)>,
}

/// Checks what can be checked before a model is asked and paid.
pub(super) fn request(verb: &ExecVerb, common: &Common, inputs: &Inputs) -> Result<ExecRequest, Failure> {
    let export = match &verb.export {
        None => None,
        Some(text) => {
            let target = parse_target(text)?;
            let existing = existing(verb.force);
            export::refuse_early(&target, existing)?;
            Some((target, existing))
        }
    };
    let mut prompt = if verb.prompt == "-" { read_prompt()? } else { verb.prompt.clone() };
    if prompt.trim().is_empty() {
        return Err(Failure::usage("the prompt is empty", "say what to make, or `-` to read it from standard input"));
    }
    for image in &verb.image {
        prompt.push_str(&format!(" @\"{}\"", picture(image)?.display()));
    }
    keys::unlock_where_needed(inputs, &Console::system())?;
    Ok(ExecRequest {
        start: Start::New(assemble::project(common)?),
        prompt,
        format: if verb.json { Format::Json } else { Format::Text },
        mode: inputs.settings.agent.mode,
        export,
    })
}

/// A prompt from standard input, to its end.
pub(super) fn read_prompt() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin().lock().take(LONGEST_PROMPT).read_to_string(&mut text).map_err(|error| {
        let fault = Fault::new(FaultClass::Invalid, "no prompt could be read from standard input")
            .hint("pipe UTF-8 text in")
            .detail(error.to_string());
        Failure::new(Exit::Usage, fault)
    })?;
    Ok(text)
}

/// The whole path of a picture, which is how a message mentions it.
fn picture(path: &Path) -> Result<PathBuf, Failure> {
    let no_picture = |why: String| {
        Failure::usage(
            format!("`{}` is no picture to show: {why}", path.display()),
            "give a PNG, JPEG, GIF or WebP file",
        )
    };
    let whole = path.canonicalize().map_err(|error| no_picture(error.to_string()))?;
    let bytes = std::fs::read(&whole).map_err(|error| no_picture(error.to_string()))?;
    match Picture::of(&bytes) {
        None => Err(no_picture("its bytes begin otherwise".to_owned())),
        Some(_) if bytes.len() as u64 > Picture::MOST_BYTES => {
            Err(no_picture(format!("it has {} bytes, and at most {} are sent", bytes.len(), Picture::MOST_BYTES)))
        }
        Some(_) => Ok(whole),
    }
}

/// Runs one turn to its end. Ctrl-C cancels the turn; what it wrote stays.
pub async fn exec(
    engine: &Engine,
    request: ExecRequest,
    console: &mut Console,
    interrupts: &mut Interrupts,
) -> Result<Exit, Failure> {
    if prepare(engine, console, interrupts).await? == Prepared::Cancelled {
        return Ok(Exit::Cancelled);
    }
    let mut feed = Feed::start(engine);
    let mut teller = Teller::new(request.format);
    let mut started = std::pin::pin!(begin(engine, request.start, request.prompt));
    let session = tokio::select! {
        session = &mut started => session?,
        () = interrupts.next() => {
            // The turn may run already: wait for its session, so that it can be told to stop.
            console.note("cancelling");
            let session = started.await?;
            engine.ask(Op::Cancel { session }).await?;
            session
        }
    };
    let mode = request.mode;
    let outcome = follow(engine, (session, mode), &mut feed, &mut teller, console, interrupts).await;
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(failure) => {
            // Nobody reads any more, or facts were lost: do not let the model go on unseen.
            engine.submit(Op::Cancel { session }).ok();
            return Err(failure);
        }
    };
    teller.finish(console)?;
    let exported = match (&outcome, request.export) {
        (TurnOutcome::Completed, Some((target, existing))) => {
            let exported = export::export(engine, session, target, existing, console).await;
            if exported.is_ok() {
                follow_export(session, &mut feed, &mut teller, console).await?;
            }
            exported.map(|_| ())
        }
        (_, Some(_)) => {
            console.note("not exported, because the turn did not complete");
            Ok(())
        }
        (_, None) => Ok(()),
    };
    teller.summary(session, console);
    exported?;
    match outcome {
        TurnOutcome::Completed => Ok(Exit::Done),
        TurnOutcome::Cancelled => {
            console.note("cancelled; what was written stays");
            Ok(Exit::Cancelled)
        }
        TurnOutcome::Failed { fault } => Err(Failure::new(Exit::Failed, fault)),
        TurnOutcome::Interrupted => Err(Failure::new(
            Exit::Failed,
            Fault::new(FaultClass::Internal, "the turn was interrupted")
                .hint(format!("go on with `kiln sessions resume {}`", session.short())),
        )),
    }
}

#[derive(PartialEq, Eq)]
enum Prepared {
    Ready,
    Cancelled,
}

/// Tells what is off, and fetches weights that are missing: nobody is there to be asked.
async fn prepare(engine: &Engine, console: &mut Console, interrupts: &mut Interrupts) -> Result<Prepared, Failure> {
    let Reply::Described { description } = engine.ask(Op::Describe).await? else { return Err(unexpected()) };
    let Description { model, readiness, weights, troubles, .. } = *description;
    console.troubles(&troubles);
    match readiness {
        Readiness::Ready => Ok(Prepared::Ready),
        Readiness::NeedsDownload(bytes) => {
            let name = weights
                .iter()
                .find(|weights| weights.name == model.reference.model.as_str())
                .map_or_else(|| model.reference.model.as_str().to_owned(), |weights| weights.name.clone());
            console.note(&format!("fetching the weights of {name} ({})", size(bytes)));
            match pull::pull(engine, name, PullSource::Catalogue, console, interrupts).await? {
                Exit::Cancelled => Ok(Prepared::Cancelled),
                _ => Ok(Prepared::Ready),
            }
        }
        Readiness::NeedsKey(variable) => {
            let provider = model.reference.provider;
            let fault = Fault::new(FaultClass::Auth, format!("{provider} needs an API key"))
                .hint(format!("set `{variable}`, or store it with `kiln keys set {provider}`"));
            Err(Failure::new(Exit::Config, fault))
        }
        Readiness::Unavailable(why) => {
            let fault = Fault::new(FaultClass::Invalid, format!("{} cannot be asked", model.reference))
                .hint("`kiln models list` shows what is ready; choose with `--provider` and `--model`")
                .detail(why);
            Err(Failure::new(Exit::Config, fault))
        }
    }
}

async fn begin(engine: &Engine, start: Start, prompt: String) -> Result<SessionId, Failure> {
    match start {
        Start::New(project) => {
            let op = Op::StartSession { project, model: None, prompt: Some(prompt) };
            match engine.ask(op).await? {
                Reply::Session { session } => Ok(session),
                _ => Err(unexpected()),
            }
        }
        Start::Stored(session) => {
            engine.ask(Op::OpenSession { session }).await?;
            engine.ask(Op::Send { session, text: prompt }).await?;
            Ok(session)
        }
    }
}

/// Tells events until the turn ends.
async fn follow(
    engine: &Engine,
    (session, mode): (SessionId, Mode),
    feed: &mut Feed,
    teller: &mut Teller,
    console: &mut Console,
    interrupts: &mut Interrupts,
) -> Result<TurnOutcome, Failure> {
    loop {
        tokio::select! {
            biased;
            () = interrupts.next() => {
                console.note("cancelling");
                engine.ask(Op::Cancel { session }).await?;
            }
            event = feed.next() => match event.as_deref() {
                None => return Err(ended().into()),
                Some(Event::Fact(fact)) if fact.session == session => {
                    teller.fact(fact, console)?;
                    unattended::answer(engine, session, &fact.body, mode, console).await?;
                    if let FactBody::TurnEnded { outcome, .. } = &fact.body {
                        return Ok(outcome.clone());
                    }
                }
                Some(Event::Glimpse { session: of, glimpse }) if *of == session => teller.glimpse(glimpse, console)?,
                Some(Event::Snapshot { session: of, view }) if *of == session => {
                    if let Some(outcome) = teller.snapshot(view, console)? {
                        return Ok(outcome);
                    }
                }
                Some(Event::Saving { saving }) => teller.saving(saving, console),
                Some(Event::Lagged) => {
                    engine.ask(Op::Snapshot { session }).await?;
                }
                Some(_) => {}
            }
        }
    }
}

/// The export is a fact too, published before its reply: print what has come until then.
async fn follow_export(
    session: SessionId,
    feed: &mut Feed,
    teller: &mut Teller,
    console: &mut Console,
) -> Result<(), Failure> {
    let patience = std::time::Duration::from_secs(2);
    while let Ok(Some(event)) = tokio::time::timeout(patience, feed.next()).await {
        if let Event::Fact(fact) = &*event
            && fact.session == session
        {
            teller.fact(fact, console)?;
            if matches!(fact.body, FactBody::Exported { .. }) {
                break;
            }
        }
    }
    Ok(())
}
