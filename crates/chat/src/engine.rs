//! [`Chat`]: starts turns, lets them be read, stopped and found again. What every dialect talks to.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::error::{Error, ErrorKind};
use crate::grounding::{Grounding, Grounds, Question};
use crate::ids::{ConversationId, TurnId, public_id};
use crate::models::{Answering, ModelCatalog};
use crate::placement::place;
use crate::principal::{Principal, Scope};
use crate::provider::{PromptMessage, Role};
use crate::registry::Registry;
use crate::store::{
    HistoryPage, ImportedMessage, NewMessage, OpenError, OpenTurn, Opened, Place, StoredConversation,
    StoredTurn, TurnStore,
};
use crate::tasks::Tasks;
use crate::turn::{Dialect, Follows, Input, ListedMessage, MessageRef, ModelName, TurnRequest};
use crate::turn_log::{Reply, StopReason, Transcript, TurnLog, TurnStream};

mod budget;
mod checkpoints;
mod run;

/// The most that is read of a conversation to match a client's list against.
const PATH_BYTES: usize = 16 << 20;
/// How long a turn that is stored as open may take to be found running: a few switches between tasks.
const OPENING: Duration = Duration::from_secs(1);
/// How long a task may take to end once its turn was told to stop by shutdown: one commit.
const LAST_COMMIT: Duration = Duration::from_secs(10);
/// Characters of its first question that a conversation is called by.
const TITLE: usize = 50;

/// What the operator may set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How long a status may wait for the first delta.
    pub head_wait: Duration,
    /// How long a turn may run that nobody reads.
    pub max_duration: Duration,
    /// The most bytes of answer and reasoning.
    pub max_answer: usize,
    /// How long the events of an ended turn can be read again.
    pub retention: Duration,
    /// Tokens of history sent to a model whose context is not known.
    pub history_tokens: u32,
    /// How often a running turn is saved on the way, at least.
    pub checkpoint_interval: Duration,
    /// How many messages an account without a limit of its own may send in thirty days; `None`: any number.
    pub message_limit: Option<u32>,
    /// The name under which this process owns its turns.
    pub node: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            head_wait: Duration::from_secs(10),
            max_duration: Duration::from_secs(30 * 60),
            max_answer: 4 << 20,
            retention: Duration::from_secs(15 * 60),
            history_tokens: 32_000,
            checkpoint_interval: Duration::from_secs(1),
            message_limit: None,
            node: "latimer".to_owned(),
        }
    }
}

/// What the core works with.
pub struct Parts {
    /// Where turns are kept.
    pub store: Arc<dyn TurnStore>,
    /// What can answer.
    pub models: ModelCatalog,
    /// The documents that answers may rest on; without any, a project that is named is no knowledge.
    pub grounding: Option<Arc<dyn Grounding>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What the operator set.
    pub settings: Settings,
    /// What turns run in.
    pub tasks: Tasks,
}

/// The core's face. Cheap to clone.
#[derive(Clone)]
pub struct Chat {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn TurnStore>,
    models: ModelCatalog,
    /// The documents that answers may rest on.
    grounding: Option<Arc<dyn Grounding>>,
    clock: Arc<dyn Clock>,
    settings: Settings,
    tasks: Tasks,
    running: Registry,
    /// Fires when shutdown has waited long enough: whatever still runs, or opens now, is stopped.
    grace_over: CancellationToken,
}

/// What came of a stop.
#[derive(Debug, Clone, PartialEq)]
pub enum Cancelled {
    /// The turn has ended, now or before.
    Ended(Box<Reply>),
    /// No such turn yet: one that opens under this name within a minute is stopped at once.
    Marked,
}

impl Chat {
    /// Takes over the data: closes the turns that a dead process left open, then begins to save running ones.
    pub async fn start(parts: Parts) -> Result<Self, Error> {
        let Parts { store, models, grounding, clock, settings, tasks } = parts;
        let interrupted = store.close_interrupted(&settings.node, clock.now()).await?;
        if interrupted > 0 {
            tracing::warn!(turns = interrupted, "closed turns that the last process left open");
        }
        let (running, grace_over) = (Registry::default(), CancellationToken::new());
        let inner = Inner { store, models, grounding, clock, settings, tasks, running, grace_over };
        let chat = Self { inner: Arc::new(inner) };
        chat.inner.tasks.spawn(checkpoints::save_running_turns(chat.inner.clone()));
        Ok(chat)
    }

    /// The models that can answer.
    pub fn models(&self) -> &ModelCatalog {
        &self.inner.models
    }

    /// What the operator set.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Opens a turn and runs it in a task of its own. Once this returns, the question is stored. A repeated request
    /// gives the stream of the turn that it started the first time, from its first event.
    pub async fn ask(&self, principal: &Principal, request: TurnRequest) -> Result<TurnStream, Error> {
        check_scope(principal)?;
        let _shutdown_waits = self.inner.tasks.hold();
        if self.is_closing() {
            let soon = ErrorKind::Unavailable { retry_after: Duration::from_secs(5) };
            return Err(Error::new(soon, "the server is stopping; try again in a moment"));
        }
        let (answering, grounds) = self.ground(principal, &request).await?;
        let open = self.plan(principal, &request, &answering).await?;
        let log = TurnLog::new(request.when_unread);
        let stream = log.read_from(0);
        let (tell, told) = oneshot::channel();
        // The task opens the turn too: a handler that vanishes in between must not leave it open.
        let turn = run::Turn { chat: self.inner.clone(), log, answering, request, grounds };
        self.inner.tasks.spawn(turn.open_and_run(open, tell));
        match told
            .await
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "the turn could not be opened")))?
        {
            None => Ok(stream),
            Some(earlier) => Ok(self.log(principal, &earlier).await?.read_from(0)),
        }
    }

    /// The log of a turn that runs, or of one that ended a while ago, from the store.
    pub async fn log(&self, principal: &Principal, name: &str) -> Result<Arc<TurnLog>, Error> {
        check_scope(principal)?;
        let found = async {
            loop {
                let changed = self.inner.running.changed();
                if let Some(log) = self.inner.running.find(principal.account(), name) {
                    return Ok(log);
                }
                let stored = self.inner.store.turn(principal.account(), name).await?;
                let turn = stored.ok_or_else(|| Error::not_found("turn"))?;
                if let Some(end) = turn.end {
                    return Ok(TurnLog::ended(turn.head, turn.transcript, end));
                }
                // It was opened and is about to be registered, or it ended between the two look-ups.
                changed.await;
            }
        };
        tokio::time::timeout(OPENING, found).await.unwrap_or_else(|_| {
            let soon = ErrorKind::Unavailable { retry_after: Duration::from_secs(1) };
            Err(Error::new(soon, "the turn is being opened; try again in a moment"))
        })
    }

    /// As [`Chat::log`], but only while the events of an ended turn are kept.
    pub async fn resume(&self, principal: &Principal, name: &str) -> Result<Arc<TurnLog>, Error> {
        let log = self.log(principal, name).await?;
        let age = log.outcome().map(|end| self.inner.clock.now().duration_since(end.ended_at).unsigned_abs());
        if age.is_some_and(|age| age > self.inner.settings.retention) {
            return Err(Error::new(
                ErrorKind::Gone,
                "the events of this turn are no longer kept; read the session's messages",
            ));
        }
        Ok(log)
    }

    /// Stops a turn at whatever phase it is, and waits for its record; idempotent.
    pub async fn cancel(&self, principal: &Principal, name: &str) -> Result<Cancelled, Error> {
        check_scope(principal)?;
        let account = principal.account();
        if let Some(log) = self.inner.running.find(account, name) {
            log.stop(StopReason::Requested);
            return Ok(Cancelled::Ended(Box::new(log.read_from(0).reply().await)));
        }
        let ended = async || -> Result<Option<Box<Reply>>, Error> {
            let Some(turn) = self.inner.store.turn(account, name).await? else { return Ok(None) };
            let Transcript { text, evidence, .. } = turn.transcript;
            let reply = |end| Box::new(Reply { head: turn.head, text, evidence, end });
            Ok(turn.end.map(reply))
        };
        if let Some(reply) = ended().await? {
            return Ok(Cancelled::Ended(reply));
        }
        if let Some(log) = self.inner.running.stop_or_mark(account, name) {
            return Ok(Cancelled::Ended(Box::new(log.read_from(0).reply().await)));
        }
        // It may have begun and ended between the look-ups.
        Ok(ended().await?.map_or(Cancelled::Marked, Cancelled::Ended))
    }

    /// A conversation of the caller's by its public id.
    pub async fn conversation(
        &self,
        principal: &Principal,
        dialect: Dialect,
        name: &str,
    ) -> Result<StoredConversation, Error> {
        check_scope(principal)?;
        let found = self.inner.store.conversation(principal.account(), dialect, name).await?;
        found.ok_or_else(|| Error::not_found("session"))
    }

    /// A turn as it is stored: of one that runs, the text of its last checkpoint.
    pub async fn turn(
        &self,
        principal: &Principal,
        dialect: Dialect,
        name: &str,
    ) -> Result<StoredTurn, Error> {
        check_scope(principal)?;
        let found = self.inner.store.turn(principal.account(), name).await?;
        found.filter(|turn| turn.dialect == dialect).ok_or_else(|| Error::not_found("turn"))
    }

    /// Stops what runs in a conversation, and waits for its record.
    pub(crate) async fn stop_all(&self, conversation: ConversationId) {
        let running = self.inner.running.running();
        let is_its = |log: &&Arc<TurnLog>| log.head().is_some_and(|head| head.conversation == conversation);
        for log in running.iter().filter(is_its) {
            log.stop(StopReason::Requested);
            log.read_from(0).reply().await;
        }
    }

    /// A page of its selected path: at most `limit` messages before the message `before`, else the newest.
    pub async fn history(
        &self,
        principal: &Principal,
        conversation: ConversationId,
        before: Option<&str>,
        limit: usize,
    ) -> Result<HistoryPage, Error> {
        check_scope(principal)?;
        let page = self.inner.store.history(principal.account(), conversation, before, limit).await?;
        page.ok_or_else(|| {
            Error::invalid("before", "before is not a message of this session's selected path")
        })
    }

    /// Whether the server is stopping: no new turn is opened.
    pub fn is_closing(&self) -> bool {
        self.inner.tasks.closing().is_cancelled()
    }

    /// Answers if the store can be read.
    pub async fn ping(&self) -> Result<(), Error> {
        Ok(self.inner.store.ping().await?)
    }

    /// Refuses new turns, lets running ones finish within `grace`, then ends them as interrupted with their text kept.
    /// True if every task of ours has ended.
    pub async fn shutdown(&self, grace: Duration) -> bool {
        if self.inner.tasks.close(grace).await {
            return true;
        }
        self.inner.grace_over.cancel();
        for log in self.inner.running.running() {
            log.stop(StopReason::Shutdown);
        }
        self.inner.tasks.close(LAST_COMMIT).await
    }

    /// What answers, and what the documents of the named projects have for the question: the one hangs on the other, and
    /// the turn's first event says it.
    async fn ground(
        &self,
        principal: &Principal,
        request: &TurnRequest,
    ) -> Result<(Answering, Grounds), Error> {
        let (models, provider, model) =
            (&self.inner.models, request.provider.as_deref(), request.model.as_deref());
        if let Some(documents) = self.inner.documents(request) {
            let answering = models.resolve_over_documents(provider, model)?;
            let question = Question {
                projects: request.projects.clone(),
                text: asked(&request.input).to_owned(),
                before: self.asked_before(principal, request).await?,
                budget: budget::of_passages(&answering, request, &self.inner.settings),
            };
            let grounds = documents.ground(question).await?;
            if grounds != Grounds::None {
                return Ok((answering, grounds));
            }
        }
        Ok((models.resolve(provider, model)?, Grounds::None))
    }

    /// What was asked before a question, the oldest first.
    async fn asked_before(&self, principal: &Principal, request: &TurnRequest) -> Result<Vec<String>, Error> {
        let (id, follows) = match &request.input {
            Input::Transcript(list) => {
                let before = list.split_last().map_or(&[][..], |(_, before)| before);
                let questions = before.iter().filter(|item| item.role == Role::User);
                return Ok(questions.map(|item| item.content.clone()).collect());
            }
            Input::Message { id, follows, .. } => (id, follows),
        };
        let path = self.selected_path(principal, request).await?;
        let place = |id: &String| path.iter().position(|message| message.id == *id);
        let until = match follows {
            // A question whose id is there already is asked anew.
            Follows::Tip => id.as_ref().and_then(place).unwrap_or(path.len()),
            Follows::Message(parent) => place(parent).map_or(0, |at| at + 1),
            Follows::Question(number) => {
                let mut questions = path.iter().enumerate().filter(|(_, message)| message.role == Role::User);
                questions.nth(*number).map_or(path.len(), |(at, _)| at)
            }
        };
        let questions = path.into_iter().take(until).filter(|message| message.role == Role::User);
        Ok(questions.map(|message| message.content).collect())
    }

    /// Decides all that can be decided before the commit: ids, and where a list attaches.
    async fn plan(
        &self,
        principal: &Principal,
        request: &TurnRequest,
        answering: &Answering,
    ) -> Result<OpenTurn, Error> {
        let account = principal.account();
        let clock = self.inner.clock.as_ref();
        let answered_by = answering.name();
        let asked = ModelName {
            provider: request.provider.clone().unwrap_or_else(|| answered_by.provider.clone()),
            model: request.model.clone().unwrap_or_else(|| answered_by.model.clone()),
        };
        let (place, imports, question) = match &request.input {
            Input::Message { id, content, follows } => {
                let place = self.place_of(principal, request, follows).await?;
                (place, Vec::new(), Some(new_message(id.as_deref(), content)))
            }
            Input::Transcript(list) => self.plan_list(principal, request, list).await?,
        };
        Ok(OpenTurn {
            turn: TurnId::new(clock),
            name: request.name.clone().unwrap_or_else(|| public_id("turn_")),
            account,
            key: principal.key().map(str::to_owned),
            message_limit: self.inner.settings.message_limit,
            dialect: request.dialect,
            conversation: ConversationId::new(clock),
            conversation_name: request.conversation.clone().unwrap_or_else(|| public_id("sess_")),
            title: title(&request.input),
            must_exist: request.must_exist,
            place,
            imports,
            question,
            markup: request.markup.clone(),
            assistant: request.assistant.clone(),
            answer_id: request.answer_id.clone().unwrap_or_else(|| public_id("resp_")),
            keep: request.keep,
            asked,
            answered_by,
            opened_at: clock.now(),
            owner: self.inner.settings.node.clone(),
            request_hash: request.request_hash,
            idempotency: request.idempotency.clone(),
        })
    }

    async fn place_of(
        &self,
        principal: &Principal,
        request: &TurnRequest,
        follows: &Follows,
    ) -> Result<Place, Error> {
        let number = match follows {
            Follows::Tip => return Ok(Place::Tip),
            Follows::Message(id) => return Ok(Place::AfterId(id.clone())),
            Follows::Question(number) => *number,
        };
        let path = self.selected_path(principal, request).await?;
        let questions = || path.iter().enumerate().filter(|(_, message)| message.role == Role::User);
        match questions().nth(number) {
            Some((0, _)) => Ok(Place::Root),
            Some((at, _)) => Ok(Place::After(path[at - 1].at)),
            None if questions().count() == number => Ok(Place::Tip),
            None => {
                let message = "the conversation has no question of this number; leave it out to ask the next";
                Err(Error::invalid("historyIndex", message))
            }
        }
    }

    async fn plan_list(
        &self,
        principal: &Principal,
        request: &TurnRequest,
        list: &[ListedMessage],
    ) -> Result<(Place, Vec<ImportedMessage>, Option<NewMessage>), Error> {
        let path = self.selected_path(principal, request).await?;
        let placement = place(&path, list);
        let Some((question, brought)) = list[placement.known..].split_last() else {
            return Ok((placement.place, Vec::new(), None));
        };
        // A client's id is stored only where it can't meet one that is there already.
        let message = |item: &ListedMessage| new_message(None, &item.content);
        let imports = brought.iter().map(|item| ImportedMessage {
            turn: TurnId::new(self.inner.clock.as_ref()),
            message: message(item),
            role: item.role,
        });
        Ok((placement.place, imports.collect(), Some(message(question))))
    }

    async fn selected_path(
        &self,
        principal: &Principal,
        request: &TurnRequest,
    ) -> Result<Vec<crate::store::PathMessage>, Error> {
        let Some(name) = &request.conversation else { return Ok(Vec::new()) };
        let account = principal.account();
        let conversation = self.inner.store.conversation(account, request.dialect, name).await?;
        match conversation.and_then(|conversation| conversation.tip) {
            Some(tip) => Ok(self.inner.store.path(account, tip, PATH_BYTES).await?),
            None => Ok(Vec::new()),
        }
    }
}

impl Inner {
    /// The documents, if the turn may ask any.
    fn documents(&self, request: &TurnRequest) -> Option<&dyn Grounding> {
        self.grounding.as_deref().filter(|_| !request.projects.is_empty())
    }

    /// What the model is to read: the caller's own list, or the stored path and the new question.
    async fn conversation_so_far(
        &self,
        request: &TurnRequest,
        account: crate::ids::AccountId,
        follows: Option<MessageRef>,
        asks_anew: bool,
        budget: u32,
    ) -> Result<Vec<PromptMessage>, Error> {
        let content = match &request.input {
            Input::Transcript(list) => {
                let said =
                    |item: &ListedMessage| PromptMessage { role: item.role, content: item.content.clone() };
                return Ok(list.iter().map(said).collect());
            }
            Input::Message { content, .. } => content,
        };
        let path = match follows {
            // Four bytes a token is what an estimate counts for ASCII; other scripts come out shorter.
            Some(from) => self.store.path(account, from, budget as usize * 4 + content.len()).await?,
            None => Vec::new(),
        };
        let said = path
            .into_iter()
            .filter(|message| !(message.silent || asks_anew && Some(message.at) == follows))
            .map(|message| PromptMessage { role: message.role, content: message.content });
        let question = PromptMessage { role: Role::User, content: content.clone() };
        Ok(said.chain([question]).collect())
    }
}

/// Credentials can be made for less than chat.
pub(crate) fn check_scope(principal: &Principal) -> Result<(), Error> {
    if principal.may(Scope::Chat) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Forbidden, "these credentials are not good for chat"))
}

fn asked(input: &Input) -> &str {
    match input {
        Input::Message { content, .. } => content,
        Input::Transcript(list) => list.last().map_or("", |message| &message.content),
    }
}

/// The beginning of what is asked.
fn title(input: &Input) -> String {
    let text = asked(input);
    match text.char_indices().nth(TITLE) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn new_message(id: Option<&str>, content: &str) -> NewMessage {
    NewMessage { id: id.map_or_else(|| public_id("msg_"), str::to_owned), content: content.to_owned() }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        let kind = match error {
            OpenError::Store(error) => return error.into(),
            OpenError::Conflict(_) => ErrorKind::Conflict,
            OpenError::ConversationNotFound => ErrorKind::NotFound,
            OpenError::ParentNotFound => ErrorKind::Invalid { field: Some("parentId") },
            OpenError::QuotaExceeded { retry_after, .. } => {
                ErrorKind::QuotaExceeded { retry_after: Duration::from_secs(retry_after) }
            }
        };
        Self::new(kind, error.to_string())
    }
}

/// What the turn's task tells the one who asked: nothing more for a new turn, the name of the earlier one for a repeat.
type Told = oneshot::Sender<Result<Option<String>, Error>>;

/// Tells who asked what opening came to.
fn tell(told: Told, opened: &Result<Opened, Error>) {
    let news = match opened {
        Ok(Opened::New(_)) => Ok(None),
        Ok(Opened::Repeat { name }) => Ok(Some(name.clone())),
        Err(error) => Err(error.clone()),
    };
    // Who asked may be gone; then the turn's own rule for a vanished reader applies.
    let _gone = told.send(news);
}
