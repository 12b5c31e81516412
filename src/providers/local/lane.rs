//! The one thread that computes, for the whole process.
//!
//! Candle spreads each matrix product over a pool of threads that wait for each other by spinning:
//! as soon as another program wants a core, a token takes half a second instead of a fiftieth. Work
//! that already runs *inside* a thread of that pool is done by this thread alone. So the lane
//! lives inside a pool thread, and a second one, which the pool waits for without spinning, sleeps
//! for as long. The result is one computing thread that yields gracefully under load.
//!
//! Nothing else in the process may use candle's pool: it would wait for ever.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::sync::{mpsc, watch};

use super::answer::{Ended, Listener, answer};
use super::loading::{Model, load};
use super::sampling::Sampling;
use crate::providers::{ChatRequest, ProviderError, StreamEvent};

/// What the lane has done since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Answer tokens computed.
    pub tokens: u64,
    /// Requests that are over, whether answered, failed or dropped.
    pub requests: u64,
    /// Times that weights were loaded.
    pub loads: u64,
}

/// A request on its way to the lane.
pub(super) struct Job {
    pub(super) weights: PathBuf,
    pub(super) window: usize,
    pub(super) request: ChatRequest,
    pub(super) sampling: Sampling,
    pub(super) events: mpsc::Sender<Result<StreamEvent, ProviderError>>,
}

struct Lane {
    jobs: Mutex<Sender<Job>>,
    activity: watch::Sender<Activity>,
}

static LANE: OnceLock<Lane> = OnceLock::new();

fn lane() -> &'static Lane {
    LANE.get_or_init(|| {
        let (jobs, waiting) = channel();
        let activity = watch::Sender::new(Activity::default());
        let seen = activity.clone();
        let spawned =
            std::thread::Builder::new().name("embedded-model".to_owned()).spawn(move || hold_pool(waiting, &seen));
        if let Err(error) = spawned {
            // The receiver is gone with the closure, so every job is told that the lane is closed.
            tracing::error!(%error, "no thread for the embedded model");
        }
        Lane { jobs: Mutex::new(jobs), activity }
    })
}

/// Queues a request. The answer is false when the lane could not be started.
pub(super) fn submit(job: Job) -> bool {
    lane().jobs.lock().unwrap_or_else(PoisonError::into_inner).send(job).is_ok()
}

/// Watches what the lane does.
pub fn activity() -> watch::Receiver<Activity> {
    lane().activity.subscribe()
}

/// Occupies candle's pool for good: its first thread works, all others sleep until that ends.
fn hold_pool(jobs: Receiver<Job>, activity: &watch::Sender<Activity>) {
    let pool = candle_core::utils::barrier_pool();
    let jobs = Mutex::new(Some(jobs));
    let (over, end) = channel::<()>();
    let over = Mutex::new(Some(over));
    let end = Mutex::new(end);
    pool.execute(|thread| {
        if thread == 0 {
            let taken = jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(jobs) = taken {
                work(&jobs, activity);
            }
            drop(over.lock().unwrap_or_else(PoisonError::into_inner).take());
        } else {
            // The sender is dropped when the work is over; until then this sleeps.
            let ended = end.lock().unwrap_or_else(PoisonError::into_inner).recv();
            tracing::trace!(?ended, "the embedded model's lane is over");
        }
    });
}

fn work(jobs: &Receiver<Job>, activity: &watch::Sender<Activity>) {
    let mut loaded: Option<(PathBuf, Model)> = None;
    while let Ok(job) = jobs.recv() {
        // A defect in a library must cost one answer, not the lane; a half-changed model is dropped.
        let done = catch_unwind(AssertUnwindSafe(|| serve(&job, &mut loaded, activity)));
        if done.is_err() {
            loaded = None;
            tell(&job, ProviderError::Internal { message: "the embedded model broke down".to_owned() });
        }
        activity.send_modify(|activity| activity.requests += 1);
    }
}

fn serve(job: &Job, loaded: &mut Option<(PathBuf, Model)>, activity: &watch::Sender<Activity>) {
    let mut listener = Stream { events: &job.events, activity };
    let outcome = model(job, loaded, &mut listener).and_then(|model| {
        let name = job.request.model.as_str().to_owned();
        if listener.hear(StreamEvent::Started { id: None, model: Some(name) }).is_break() {
            return Err(Ended::Unheard);
        }
        answer(model, &job.request, job.sampling, &mut listener)
    });
    if let Err(Ended::Failed(error)) = outcome {
        tell(job, error);
    }
}

fn tell(job: &Job, error: ProviderError) {
    if job.events.blocking_send(Err(error)).is_err() {
        tracing::debug!("nobody listens to the embedded model any more");
    }
}

/// The job's model, loaded if another one or none is in memory.
fn model<'a>(
    job: &Job,
    loaded: &'a mut Option<(PathBuf, Model)>,
    listener: &mut Stream<'_>,
) -> Result<&'a mut Model, Ended> {
    if loaded.as_ref().is_none_or(|(path, _)| *path != job.weights) {
        // The old model goes first, so that two never share the memory.
        *loaded = None;
        if listener.hear(StreamEvent::LoadingModel).is_break() {
            return Err(Ended::Unheard);
        }
        let model =
            load(&job.weights, job.window).map_err(|message| Ended::Failed(ProviderError::Internal { message }))?;
        listener.activity.send_modify(|activity| activity.loads += 1);
        *loaded = Some((job.weights.clone(), model));
    }
    match loaded {
        Some((_, model)) => Ok(model),
        None => Err(Ended::Unheard),
    }
}

/// The listener at the other end of a stream.
struct Stream<'a> {
    events: &'a mpsc::Sender<Result<StreamEvent, ProviderError>>,
    activity: &'a watch::Sender<Activity>,
}

impl Listener for Stream<'_> {
    fn hear(&mut self, event: StreamEvent) -> ControlFlow<()> {
        if self.events.blocking_send(Ok(event)).is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn token(&mut self) -> ControlFlow<()> {
        self.activity.send_modify(|activity| activity.tokens += 1);
        if self.events.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
