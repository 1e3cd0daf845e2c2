//! A whole core in a temporary place: its store, its model, its callers.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use chat::clock::Clock as _;
use chat::grounding::Grounding;
use chat::ids::AccountId;
use chat::models::{ModelCatalog, ProviderEntry};
use chat::provider::Role;
use chat::store::{StoredTurn, TurnStore};
use chat::turn::{
    Dialect, Failure, Follows, IdempotencyKey, Input, ListedMessage, Outcome, TurnEvent, TurnRequest,
    WhenUnread,
};
use chat::{Chat, ErrorKind, Parts, Principal, Settings, Tasks, TurnStream};
use identity::store::KeyStore;
use store::{DataDir, SqliteStore};
use tempfile::TempDir;
use testkit::ManualClock;
use testkit::provider::ScriptedProvider;

use crate::tampered_store::TamperedStore;

pub(crate) struct House {
    pub(crate) chat: Chat,
    pub(crate) model: ScriptedProvider,
    pub(crate) store: Arc<TamperedStore>,
    pub(crate) clock: ManualClock,
    pub(crate) tasks: Tasks,
    pub(crate) ada: Principal,
    pub(crate) bob: Principal,
    settings: Settings,
    documents: Option<Arc<dyn Grounding>>,
    _dir: TempDir,
}

/// Saves often, so that no test waits long.
pub(crate) fn quick() -> Settings {
    Settings { checkpoint_interval: Duration::from_millis(20), ..Settings::default() }
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(quick(), ScriptedProvider::new()).await
    }

    /// With documents that answers may rest on.
    pub(crate) async fn over(documents: Arc<dyn Grounding>) -> Self {
        Self::build(quick(), ScriptedProvider::new(), Some(documents)).await
    }

    pub(crate) async fn with(settings: Settings, model: ScriptedProvider) -> Self {
        Self::build(settings, model, None).await
    }

    async fn build(
        settings: Settings,
        model: ScriptedProvider,
        documents: Option<Arc<dyn Grounding>>,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::new();
        let real = Arc::new(SqliteStore::open(DataDir::lock(dir.path()).unwrap(), &clock).await.unwrap());
        let ada = account(&real, &clock, "ada").await;
        let bob = account(&real, &clock, "bob").await;
        let store = Arc::new(TamperedStore::new(real));
        let tasks = Tasks::new();
        let chat = start(&store, &model, &clock, &settings, &tasks, &documents).await;
        Self { chat, model, store, clock, tasks, ada, bob, settings, documents, _dir: dir }
    }

    /// Another core over the same data, as after a crash of the first.
    pub(crate) async fn restart(&self) -> Chat {
        start(&self.store, &self.model, &self.clock, &self.settings, &Tasks::new(), &self.documents).await
    }

    pub(crate) async fn ask(&self, request: TurnRequest) -> TurnStream {
        self.chat.ask(&self.ada, request).await.unwrap()
    }

    /// Asks and lets the model answer in one piece.
    pub(crate) async fn talk(&self, request: TurnRequest, answer: &str) -> TurnStream {
        self.model.answer(answer);
        let stream = self.ask(request).await;
        read_to_end(&mut stream.log().read_from(0)).await;
        stream
    }

    pub(crate) async fn stored(&self, name: &str) -> Option<StoredTurn> {
        self.store.turn(self.ada.account(), name).await.unwrap()
    }

    /// Text and outcome as they are stored.
    pub(crate) async fn stored_end(&self, name: &str) -> (String, Option<Outcome>) {
        let turn = self.stored(name).await.unwrap();
        (turn.transcript.text, turn.end.map(|end| end.outcome))
    }

    /// The selected path of Ada's conversation, oldest first.
    pub(crate) async fn history(&self, conversation: &str) -> Vec<String> {
        let found = self.chat.conversation(&self.ada, Dialect::Codmir, conversation).await.unwrap();
        let page = self.chat.history(&self.ada, found.id, None, 100).await.unwrap();
        page.messages.into_iter().map(|message| short(message.role, &message.content)).collect()
    }

    /// What the model was given to read, call by call.
    pub(crate) fn prompts(&self) -> Vec<Vec<String>> {
        let prompt = |request: chat::provider::CompletionRequest| {
            request.messages.into_iter().map(|message| short(message.role, &message.content)).collect()
        };
        self.model.requests().into_iter().map(prompt).collect()
    }
}

async fn account(store: &SqliteStore, clock: &ManualClock, name: &str) -> Principal {
    let id = store.ensure_account(AccountId::new(clock), name, clock.now()).await.unwrap();
    Principal::authenticated(id)
}

async fn start(
    store: &Arc<TamperedStore>,
    model: &ScriptedProvider,
    clock: &ManualClock,
    settings: &Settings,
    tasks: &Tasks,
    documents: &Option<Arc<dyn Grounding>>,
) -> Chat {
    let entry = ProviderEntry {
        provider: Arc::new(model.clone()),
        default_model: "m".to_owned(),
        answers_for: Box::new(|_| true),
    };
    let models = ModelCatalog { providers: vec![entry], ..ModelCatalog::default() };
    let parts = Parts {
        store: store.clone(),
        models,
        grounding: documents.clone(),
        clock: Arc::new(clock.clone()),
        settings: settings.clone(),
        tasks: tasks.clone(),
    };
    Chat::start(parts).await.unwrap()
}

fn short(role: Role, content: &str) -> String {
    let speaker = match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    format!("{speaker}: {content}")
}

/// A message of a client that can't resume, in the conversation `sess_1`; the turn's name is `name`.
pub(crate) fn message(name: &str, content: &str) -> TurnRequest {
    let mut request_hash = [0; 32];
    for (at, byte) in name.bytes().chain(content.bytes()).enumerate() {
        request_hash[at % 32] ^= byte.rotate_left(at as u32 / 32);
    }
    TurnRequest {
        dialect: Dialect::Codmir,
        conversation: Some("sess_1".to_owned()),
        must_exist: false,
        name: Some(name.to_owned()),
        input: Input::Message { id: None, content: content.to_owned(), follows: Follows::Tip },
        answer_id: None,
        markup: None,
        assistant: None,
        instructions: None,
        provider: None,
        model: None,
        temperature: None,
        top_p: None,
        max_tokens: None,
        idempotency: None,
        request_hash,
        when_unread: WhenUnread::Cancel,
        keep: true,
        form: None,
        projects: Vec::new(),
    }
}

/// The same of a client that can resume.
pub(crate) fn resumable(name: &str, content: &str) -> TurnRequest {
    TurnRequest { when_unread: WhenUnread::Continue, ..message(name, content) }
}

/// A list such as `["user: a", "assistant: b", "user: c"]`.
pub(crate) fn list(name: &str, messages: &[&str]) -> TurnRequest {
    let item = |message: &&str| {
        let (speaker, content) = message.split_once(": ").unwrap();
        let role = if speaker == "user" { Role::User } else { Role::Assistant };
        ListedMessage { id: None, role, content: content.to_owned() }
    };
    let input = Input::Transcript(messages.iter().map(item).collect());
    TurnRequest { input, ..message(name, &messages.join("\n")) }
}

pub(crate) fn keyed(request: TurnRequest) -> TurnRequest {
    let idempotency = IdempotencyKey { route: "/chat", key: "k".to_owned() };
    TurnRequest { idempotency: Some(idempotency), ..request }
}

/// Everything that the stream still gives, each event with its number, to the end.
pub(crate) async fn read_to_end(stream: &mut TurnStream) -> Vec<String> {
    let mut events = Vec::new();
    while read_some(stream, &mut events).await {}
    events
}

/// Reads until there are at least `count` events.
pub(crate) async fn read(stream: &mut TurnStream, count: usize) -> Vec<String> {
    let mut events = Vec::new();
    while events.len() < count {
        assert!(read_some(stream, &mut events).await, "the stream ended after {events:?}");
    }
    events
}

/// Reads event by event until the text so far is `text`.
pub(crate) async fn read_text(stream: &mut TurnStream, text: &str) {
    let mut so_far = String::new();
    while so_far != text {
        let some = poll_fn(|ctx| {
            stream.poll_events(ctx, |_, event| {
                if let TurnEvent::TextDelta(delta) = event {
                    so_far.push_str(delta);
                }
                ControlFlow::Break(())
            })
        });
        assert!(some.await, "the stream ended after {so_far:?}");
    }
}

async fn read_some(stream: &mut TurnStream, events: &mut Vec<String>) -> bool {
    poll_fn(|ctx| {
        stream.poll_events(ctx, |number, event| {
            events.push(format!("{number} {event:?}"));
            ControlFlow::Continue(())
        })
    })
    .await
}

pub(crate) fn failed(kind: ErrorKind, message: &str) -> Outcome {
    Outcome::Failed(Failure { kind, message: message.to_owned() })
}
