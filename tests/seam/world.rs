//! A small world for one test: an engine over a real database and folder, and a provider that plays
//! what the test wrote down (a fake of our own: the real ones have their tests in `wire` and `corpus`).

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use kiln::agent::Limits;
use kiln::domain::op::NewProject;
use kiln::domain::{
    Event, Fault, ItemKind, ModelInfo, ModelRef, Op, Reply, Review, Saving, SessionId, SessionView, TurnOutcome,
    TurnProtocol, Usage,
};
use kiln::engine::{Defaults, Engine, Events, Parts};
use kiln::net::{Client, NetSettings};
use kiln::providers::catalogue::Catalogue;
use kiln::providers::registry::{ProviderSettings, Registry};
use kiln::providers::{AnswerStream, ChatRequest, Provider, ProviderError, StopReason, StreamEvent};
use kiln::storage::Storage;
use kiln::tools::policy::Trust;
use kiln::workspace::checkpoint::Limits as CheckpointLimits;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What follows the events of a play.
#[derive(Clone, Debug)]
enum Then {
    End,
    Hang,
    Error(ProviderError),
    /// The end, once the test says so.
    Wait,
}

/// One answer, written down.
#[derive(Clone, Debug)]
pub struct Play {
    events: Vec<StreamEvent>,
    then: Then,
}

impl Play {
    pub fn events(events: Vec<StreamEvent>) -> Self {
        Self { events, then: Then::End }
    }

    /// A text that comes a character at a time.
    pub fn letter_by_letter(words: &str) -> Self {
        let mut events: Vec<StreamEvent> = words.chars().map(|c| StreamEvent::Text { text: c.to_string() }).collect();
        events.push(StreamEvent::Stopped { reason: StopReason::Finished });
        Self::events(events)
    }

    pub fn begin_with(&mut self, events: Vec<StreamEvent>) {
        self.events.splice(0..0, events);
    }

    pub fn hanging(mut self) -> Self {
        self.events.pop();
        self.then = Then::Hang;
        self
    }

    pub fn then_error(mut self, error: ProviderError) -> Self {
        self.events.pop();
        self.then = Then::Error(error);
        self
    }

    pub fn waiting_for_release(mut self) -> Self {
        self.then = Then::Wait;
        self
    }
}

pub fn text(words: &str) -> Play {
    Play::events(vec![
        StreamEvent::Text { text: words.to_owned() },
        StreamEvent::Stopped { reason: StopReason::Finished },
    ])
}

pub fn error(error: ProviderError) -> Play {
    Play { events: Vec::new(), then: Then::Error(error) }
}

pub fn usage(mut play: Play) -> Play {
    let usage = Usage { input_uncached: 11, output_visible: 7, ..Usage::default() };
    play.events.insert(1, StreamEvent::Usage { usage });
    play
}

/// Tool calls whose arguments come in pieces of three characters.
pub fn call(calls: &[(&str, &str)]) -> Play {
    let mut events = Vec::new();
    for (index, (name, arguments)) in calls.iter().enumerate() {
        events.push(StreamEvent::ToolStarted { index, id: format!("call-{index}"), name: (*name).to_owned() });
        let letters: Vec<char> = arguments.chars().collect();
        events
            .extend(letters.chunks(3).map(|piece| StreamEvent::ToolArguments { index, json: piece.iter().collect() }));
        events.push(StreamEvent::ToolEnded { index });
    }
    events.push(StreamEvent::Stopped { reason: StopReason::ToolUse });
    Play::events(events)
}

struct Player {
    plays: Mutex<VecDeque<Play>>,
    requests: Mutex<Vec<ChatRequest>>,
    release: Arc<Notify>,
    model: ModelInfo,
}

impl Provider for Player {
    fn title(&self) -> &str {
        "player"
    }

    fn stream(&self, request: ChatRequest) -> AnswerStream {
        self.requests.lock().unwrap().push(request);
        let Some(play) = self.plays.lock().unwrap().pop_front() else {
            let error = ProviderError::Internal { message: "no play is left".to_owned() };
            return stream::iter([Err(error)]).boxed();
        };
        let mut events = play.events;
        let end: AnswerStream = match play.then {
            Then::End => stream::empty().boxed(),
            Then::Hang => stream::pending().boxed(),
            Then::Error(error) => stream::iter([Err(error)]).boxed(),
            Then::Wait => {
                let last = events.pop().unwrap();
                let release = self.release.clone();
                async move {
                    release.notified().await;
                    Ok(last)
                }
                .into_stream()
                .boxed()
            }
        };
        // One event a poll: what a slow network looks like.
        stream::iter(events.into_iter().map(Ok))
            .then(|e| async {
                tokio::task::yield_now().await;
                e
            })
            .chain(end)
            .boxed()
    }

    fn list_models(&self) -> BoxFuture<'_, Result<Vec<ModelInfo>, ProviderError>> {
        async { Ok(vec![self.model.clone()]) }.boxed()
    }
}

/// An engine, its client's view, and everything that view has seen.
pub struct World {
    folder: Arc<tempfile::TempDir>,
    protocol: TurnProtocol,
    player: Arc<Player>,
    engine: Engine,
    task: JoinHandle<()>,
    events: Events,
    pub view: SessionView,
    pub seen: Vec<Event>,
}

impl World {
    pub async fn new(protocol: TurnProtocol, plays: Vec<Play>) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        std::fs::create_dir(folder.path().join("project")).unwrap();
        Self::over(folder, protocol, plays).await
    }

    /// With servers of tools.
    #[allow(dead_code, reason = "for the tests of servers, which share this world")]
    pub async fn with_servers(plays: Vec<Play>, mcp: Arc<kiln::mcp::Mcp>) -> Self {
        Self::with(plays, |parts| parts.mcp = Some(mcp)).await
    }

    /// A world whose model takes only so many tokens.
    pub async fn with_window(window: u64, plays: Vec<Play>) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        std::fs::create_dir(folder.path().join("project")).unwrap();
        Self::over_model(folder, TurnProtocol::Tools, Some(window), plays, |_| {}).await
    }

    /// A world with parts of the test's choice.
    pub async fn with(plays: Vec<Play>, change: impl FnOnce(&mut Parts) + Send + 'static) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        std::fs::create_dir(folder.path().join("project")).unwrap();
        Self::over_model(folder, TurnProtocol::Tools, None, plays, change).await
    }

    /// A world that is on the network as these settings say.
    #[allow(dead_code, reason = "the tests of servers share this world")]
    pub async fn with_net(net: NetSettings, plays: Vec<Play>) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        std::fs::create_dir(folder.path().join("project")).unwrap();
        Self::over_net(net, folder, TurnProtocol::Tools, None, plays, |_| {}).await
    }

    /// A world whose settings say when changes are reviewed.
    pub async fn reviewing(review: Review, protocol: TurnProtocol, plays: Vec<Play>) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        std::fs::create_dir(folder.path().join("project")).unwrap();
        Self::over_model(folder, protocol, None, plays, move |parts| parts.defaults.review = review).await
    }

    async fn over(folder: Arc<tempfile::TempDir>, protocol: TurnProtocol, plays: Vec<Play>) -> Self {
        Self::over_model(folder, protocol, None, plays, |_| {}).await
    }

    async fn over_model(
        folder: Arc<tempfile::TempDir>,
        protocol: TurnProtocol,
        window: Option<u64>,
        plays: Vec<Play>,
        change: impl FnOnce(&mut Parts) + Send + 'static,
    ) -> Self {
        Self::over_net(NetSettings::default(), folder, protocol, window, plays, change).await
    }

    async fn over_net(
        net: NetSettings,
        folder: Arc<tempfile::TempDir>,
        protocol: TurnProtocol,
        window: Option<u64>,
        plays: Vec<Play>,
        change: impl FnOnce(&mut Parts) + Send + 'static,
    ) -> Self {
        let player = Arc::new(Player {
            plays: Mutex::new(plays.into()),
            requests: Mutex::new(Vec::new()),
            release: Arc::new(Notify::new()),
            model: ModelInfo { protocol, window, ..ModelInfo::unknown(ModelRef::new("player", "one")) },
        });
        let settings = ProviderSettings { preferred: Some("player".into()), ..ProviderSettings::default() };
        let net = Client::new(&net).unwrap();
        let registry =
            Registry::new(Catalogue::builtin().unwrap(), settings, net).with_provider("player".into(), player.clone());
        let path = folder.path().to_owned();
        let parts = async move {
            let mut parts = parts(&path, registry).await;
            change(&mut parts);
            Ok(parts)
        };
        let (engine, task) = kiln::engine::start(parts);
        let events = engine.subscribe();
        Self { folder, protocol, player, engine, task, events, view: SessionView::empty(), seen: Vec::new() }
    }

    /// Ends this Kiln in good order and starts another on the same data.
    pub async fn reopen(self, plays: Vec<Play>) -> Self {
        let Self { folder, protocol, engine, task, .. } = self;
        drop(engine);
        task.await.unwrap();
        Self::over(folder, protocol, plays).await
    }

    /// The same, but this Kiln just stops where it is. What a real kill does is tested on the program.
    pub async fn reopen_after_a_crash(self) -> Self {
        let Self { folder, protocol, task, .. } = &self;
        task.abort();
        let (folder, protocol) = (folder.clone(), *protocol);
        let task = self.task;
        task.await.ok();
        Self::over(folder, protocol, Vec::new()).await
    }

    /// Another Kiln on the same data at the same time.
    pub async fn beside(&self, plays: Vec<Play>) -> Self {
        Self::over(self.folder.clone(), self.protocol, plays).await
    }

    /// A folder of Kiln's own in this world.
    pub fn home(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file into the project.
    pub fn put(&self, path: &str, content: &str) {
        let path = self.project().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    pub fn file(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(Path::new(&self.project()).join(path)).ok()
    }

    pub fn session(&self) -> SessionId {
        self.view.state.session.expect("no fact has come yet")
    }

    pub fn requests(&self) -> Vec<ChatRequest> {
        self.player.requests.lock().unwrap().clone()
    }

    pub fn release(&self) {
        self.player.release.notify_one();
    }

    pub async fn ask(&self, op: Op) -> Result<Reply, Fault> {
        self.engine.ask(op).await
    }

    pub async fn start(&mut self, prompt: &str) {
        let project = NewProject::Directory { root: self.project() };
        let op = Op::StartSession { project, model: None, prompt: Some(prompt.to_owned()) };
        self.ask(op).await.unwrap();
        self.until(|event| matches!(event, Event::Fact(_))).await;
    }

    /// Starts a session without a message.
    pub async fn open(&mut self) {
        let project = NewProject::Directory { root: self.project() };
        self.told(Op::StartSession { project, model: None, prompt: None }).await.unwrap();
    }

    /// Asks, and folds what was told before the answer.
    pub async fn told(&mut self, op: Op) -> Result<Reply, Fault> {
        let reply = self.engine.ask(op).await;
        while let Some(event) = self.events.try_next() {
            self.fold(&event);
        }
        reply
    }

    /// Folds events until one is as wanted.
    pub async fn until(&mut self, wanted: impl Fn(&Event) -> bool) {
        loop {
            let event = tokio::time::timeout(std::time::Duration::from_secs(20), self.events.next());
            let event = event.await.expect("nothing came for 20 s").expect("the engine ended");
            self.fold(&event);
            if wanted(&event) {
                return;
            }
        }
    }

    fn fold(&mut self, event: &Event) {
        match event {
            Event::Fact(fact) => assert!(self.view.apply(fact), "a fact is missing before {}", fact.seq),
            Event::Glimpse { glimpse, .. } => self.view.live.apply(glimpse),
            Event::Snapshot { view, .. } => self.view = (**view).clone(),
            Event::Lagged => panic!("the test is too slow for its events"),
            Event::Reply { .. } | Event::Pull { .. } | Event::Saving { .. } | Event::Found { .. } => {}
        }
        self.seen.push(event.clone());
    }

    /// One turn from the person's words to its end; the first opens the session.
    pub async fn turn(&mut self, words: &str) -> TurnOutcome {
        if self.view.state.session.is_none() {
            self.open().await;
        }
        let session = self.session();
        self.told(Op::Send { session, text: words.to_owned() }).await.unwrap();
        self.until_ended().await
    }

    pub async fn until_ended(&mut self) -> TurnOutcome {
        self.until(
            |event| matches!(event, Event::Fact(fact) if matches!(fact.body, kiln::domain::FactBody::TurnEnded { .. })),
        )
        .await;
        match &self.view.state.items.last().unwrap().kind {
            ItemKind::Ended { outcome, .. } => outcome.clone(),
            other => panic!("the last item is {other:?}"),
        }
    }

    /// Where the first event of that kind stands among all seen.
    pub fn position(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.seen.iter().position(wanted).expect("no such event was seen")
    }

    pub fn answers(&self) -> Vec<&str> {
        let items = self.view.state.items.iter();
        items
            .filter_map(|item| match &item.kind {
                ItemKind::Answer { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }
}

/// Commands confined to the project, with nothing of the real environment but where programs are.
fn walls(home: &std::path::Path) -> kiln::engine::Walls {
    let environment = kiln::config::Environment::from_pairs([("PATH", "/usr/bin:/bin")]);
    let policy = kiln::sandbox::Policy::new(home, &environment, &kiln::config::Paths::below(&home.join("kiln")));
    kiln::engine::Walls { policy, environment }
}

/// An engine's parts below a folder.
pub async fn parts(folder: &std::path::Path, registry: Registry) -> Parts {
    Parts {
        storage: Storage::open(&folder.join("data/kiln.db")).await.unwrap(),
        saving: Saving::UpToDate,
        registry: Arc::new(registry),
        scratch: folder.join("scratch"),
        place: None,
        defaults: Defaults { trust: Trust::Trusted, ..Defaults::default() },
        grants: folder.join("grants"),
        memory: kiln::agent::Memory {
            user: Some(folder.join("config")),
            notes: Some(folder.join("notes")),
            ..kiln::agent::Memory::default()
        },
        walls: Some(walls(folder)),
        standing: futures::FutureExt::shared(futures::FutureExt::boxed(kiln::sandbox::probe())),
        limits: Limits::default(),
        checkpoints: Some((folder.join("data/checkpoints"), CheckpointLimits::default())),
        mcp: None,
        troubles: Vec::new(),
        workplace: None,
    }
}
