//! The task of one turn: open, ask the provider, write the log, commit the end.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use tokio::time::Instant;

use super::{Inner, Told, budget, tell};
use crate::error::{Error, ErrorKind};
use crate::grounding::{Evidence, Grounds, Passage};
use crate::models::Answering;
use crate::prompt;
use crate::provider::{
    CompletionError, CompletionEvent, CompletionRequest, FinishReason, PromptMessage, Role, Usage,
    estimate_tokens,
};
use crate::store::{CloseTurn, NewTurn, OpenTurn, Opened};
use crate::turn::{AnswerForm, Failure, Outcome, TurnEnd, TurnHead, TurnRequest};
use crate::turn_log::{StopReason, TurnLog};

/// At most this many events become one write of the log.
const BATCH: usize = 256;
/// For at most so long more events are gathered for the same write. A burst is through long before, and a server that
/// is so busy that its tasks wait longer for their turn gathers enough in one.
const GATHERING: Duration = Duration::from_millis(5);
/// Between two tries to record an end that could not be committed.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(10);
/// How often the model is asked for an answer in the form that the caller wants.
const FORM_ATTEMPTS: usize = 2;

pub(super) struct Turn {
    pub(super) chat: Arc<Inner>,
    pub(super) log: Arc<TurnLog>,
    pub(super) answering: Answering,
    pub(super) request: TurnRequest,
    pub(super) grounds: Grounds,
}

/// How the model's answer came out.
struct Answer {
    outcome: Outcome,
    usage: Option<Usage>,
}

impl Answer {
    fn failed(error: impl Into<Error>) -> Self {
        Self { outcome: Outcome::Failed(error.into().into()), usage: None }
    }
}

impl Turn {
    pub(super) async fn open_and_run(self, open: OpenTurn, told: Told) {
        let opened = self.chat.store.open_turn(open).await.map_err(Error::from);
        if let Ok(Opened::New(new)) = &opened {
            self.log.open(new.head.clone());
            self.chat.running.insert(&new.head, &self.log);
            if self.chat.grace_over.is_cancelled() {
                self.log.stop(StopReason::Shutdown);
            }
        }
        tell(told, &opened);
        if let Ok(Opened::New(new)) = opened {
            self.run(*new).await;
        }
    }

    async fn run(self, new: NewTurn) {
        let started = Instant::now();
        let answer = AssertUnwindSafe(self.answer(&new)).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!(turn.id = %new.head.turn, "the task of a turn panicked");
            Answer::failed(Error::new(ErrorKind::Internal, "the server failed while it was answering"))
        });
        tracing::info!(
            turn.id = %new.head.turn,
            provider.name = new.head.answered_by.provider,
            model = new.head.answered_by.model,
            outcome = outcome_name(&answer.outcome),
            duration_ms = started.elapsed().as_millis(),
            "turn ended"
        );
        self.close(&new.head, answer).await;
        self.chat.running.remove(&new.head);
    }

    async fn answer(&self, new: &NewTurn) -> Answer {
        let messages = tokio::select! {
            biased;
            () = self.log.stopping().cancelled() => return self.stopped(),
            messages = self.prompt(new) => messages,
        };
        let mut messages = match messages {
            Ok(messages) => messages,
            Err(error) => return Answer::failed(error),
        };
        let passages = match &self.grounds {
            Grounds::None => return self.ask_model(messages).await,
            Grounds::Silence(sentence) => return self.silence(sentence),
            Grounds::Passages { passages, .. } => passages,
        };
        messages = prompt::rest_on(messages, passages);
        let answer = self.ask_model(messages).await;
        if let Outcome::Finished(_) = answer.outcome {
            self.cite(passages).await;
        }
        answer
    }

    async fn ask_model(&self, messages: Vec<PromptMessage>) -> Answer {
        if let Some(form) = &self.request.form {
            return self.answer_in_form(form.as_ref(), messages).await;
        }
        let prompt_tokens = tokens_of(&messages);
        let mut answer = self.complete(messages, None).await;
        answer.usage.get_or_insert_with(|| {
            let transcript = self.log.transcript();
            let completion_tokens =
                estimate_tokens(&transcript.text) + estimate_tokens(&transcript.reasoning);
            Usage { prompt_tokens, completion_tokens, estimated: true, ..Usage::default() }
        });
        answer
    }

    /// The documents do not say, so no model is asked. Where that is not in the form that the caller reads, it is why the
    /// answer fails.
    fn silence(&self, sentence: &str) -> Answer {
        if self.request.form.as_ref().is_some_and(|form| form.accept(sentence).is_err()) {
            return Answer::failed(Error::new(ErrorKind::UnfitAnswer, sentence));
        }
        self.log.append([CompletionEvent::TextDelta(sentence.to_owned())]);
        self.log.rest_on(Evidence { refused: true, citations: Vec::new() });
        Answer { outcome: Outcome::Finished(FinishReason::Stop), usage: Some(Usage::default()) }
    }

    /// Says what the answer rests on. An answer without citations is one still.
    async fn cite(&self, passages: &[Passage]) {
        let Some(documents) = self.chat.documents(&self.request) else { return };
        let text = self.log.transcript().text;
        let citations =
            documents.cite(&self.request.projects, &text, passages).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "an answer could not be matched with its passages");
                Vec::new()
            });
        self.log.rest_on(Evidence { refused: false, citations });
    }

    /// Holds the answer back until it has the form. One that has not is shown to the model with what is wrong, once.
    async fn answer_in_form(&self, form: &dyn AnswerForm, mut messages: Vec<PromptMessage>) -> Answer {
        let mut spent = Usage::default();
        for _ in 0..FORM_ATTEMPTS {
            let mut text = String::new();
            let answer = self.complete(messages.clone(), Some(&mut text)).await;
            spent += answer.usage.unwrap_or_else(|| Usage {
                prompt_tokens: tokens_of(&messages),
                completion_tokens: estimate_tokens(&text),
                estimated: true,
                ..Usage::default()
            });
            if !matches!(answer.outcome, Outcome::Finished(_)) {
                return Answer { usage: Some(spent), ..answer };
            }
            let problem = match form.accept(&text) {
                Ok(accepted) => {
                    self.log.append([CompletionEvent::TextDelta(accepted)]);
                    return Answer { usage: Some(spent), ..answer };
                }
                Err(problem) => problem,
            };
            tracing::debug!(problem, "an answer is not in the form that was asked for");
            messages.push(PromptMessage { role: Role::Assistant, content: text });
            messages.push(PromptMessage { role: Role::User, content: problem });
        }
        let message = "the model's answer was not in the form that was asked for, twice";
        Answer { usage: Some(spent), ..Answer::failed(Error::new(ErrorKind::UnfitAnswer, message)) }
    }

    async fn prompt(&self, new: &NewTurn) -> Result<Vec<PromptMessage>, Error> {
        let mut budget = budget::of_prompt(&self.answering, &self.request, &self.chat.settings);
        if let Grounds::Passages { .. } = self.grounds {
            budget -= budget::of_passages(&self.answering, &self.request, &self.chat.settings);
        }
        let asks_anew = new.head.question_id.is_none();
        let said =
            self.chat.conversation_so_far(&self.request, new.head.account, new.follows, asks_anew, budget);
        let form = self.request.form.as_ref().map(|form| form.instructions());
        let instructions: Vec<String> = self.request.instructions.clone().into_iter().chain(form).collect();
        Ok(prompt::assemble(&instructions.join("\n\n"), said.await?, budget))
    }

    /// Lets the provider write into the log, or into `held`, until it ends, fails, or the turn is stopped. Returning drops
    /// the provider's stream, which closes its connection.
    async fn complete(&self, messages: Vec<PromptMessage>, mut held: Option<&mut String>) -> Answer {
        let provider = &self.answering.provider;
        let extract = match &self.grounds {
            Grounds::Passages { extract, .. } => Some(extract.clone()),
            Grounds::None | Grounds::Silence(_) => None,
        };
        let mut events = provider
            .stream(CompletionRequest {
                model: self.answering.model.clone(),
                messages,
                temperature: self.request.temperature,
                top_p: self.request.top_p,
                max_tokens: self.request.max_tokens,
                extract,
            })
            .ready_chunks(BATCH);
        let mut stopping = pin!(self.log.stopping().cancelled());
        let mut too_late = pin!(first_token_deadline(provider.first_token_deadline()));
        let mut begun = false;
        loop {
            let batch = tokio::select! {
                biased;
                () = &mut stopping => return self.stopped(),
                batch = events.next() => batch,
                () = &mut too_late, if !begun => return Answer::failed(CompletionError::Timeout),
            };
            let Some(mut batch) = batch else { return Answer::failed(CompletionError::Truncated) };
            // The connection hands over one piece of what it has read each time it runs. Let it run until it has no
            // more: one write to each reader instead of one for every piece.
            let gathering = Instant::now();
            while batch.len() < BATCH && gathering.elapsed() < GATHERING {
                tokio::task::yield_now().await;
                let Some(more) = events.next().now_or_never().flatten() else { break };
                batch.extend(more);
            }
            begun = true;
            if let Some(answer) = self.record(batch, held.as_deref_mut()) {
                // Seeing the end of the response too lets its connection be used again; nothing waits for it.
                tokio::task::yield_now().await;
                let _end_of_response = events.next().now_or_never();
                return answer;
            }
        }
    }

    /// Appends a batch; gives the end if it is in there. Reasoning about an answer that is held back is not kept.
    fn record(
        &self,
        batch: Vec<Result<CompletionEvent, CompletionError>>,
        held: Option<&mut String>,
    ) -> Option<Answer> {
        let mut end = None;
        let deltas = batch.into_iter().map_while(|event| match event {
            Ok(CompletionEvent::Finished { reason, usage }) => {
                end = Some(Answer { outcome: Outcome::Finished(reason), usage });
                None
            }
            Ok(delta) => Some(delta),
            Err(error) => {
                end = Some(Answer::failed(error));
                None
            }
        });
        let length = match held {
            None => self.log.append(deltas),
            Some(text) => {
                for delta in deltas {
                    if let CompletionEvent::TextDelta(piece) = delta {
                        text.push_str(&piece);
                    }
                }
                text.len()
            }
        };
        end.or_else(|| {
            (length > self.chat.settings.max_answer).then(|| {
                Answer::failed(Error::new(
                    ErrorKind::Provider,
                    "the answer is longer than this server allows",
                ))
            })
        })
    }

    fn stopped(&self) -> Answer {
        let outcome = match self.log.stop_reason() {
            Some(StopReason::Shutdown) => Outcome::Failed(Failure::interrupted()),
            Some(StopReason::Requested | StopReason::Unread) | None => Outcome::Stopped,
        };
        Answer { outcome, usage: None }
    }

    /// Commits the end, then lets the readers see it. If the commit fails they see a failure at once, and that is what
    /// is recorded as soon as the store can.
    async fn close(&self, head: &TurnHead, answer: Answer) {
        let transcript = self.log.transcript();
        let refund = transcript.pieces.is_empty() && !matches!(answer.outcome, Outcome::Finished(_));
        let usage = answer.usage.filter(|_| !refund).unwrap_or_default();
        let end = TurnEnd { outcome: answer.outcome, usage, ended_at: self.chat.clock.now() };
        let mut close = CloseTurn { turn: head.turn, transcript, end: end.clone(), refund };
        let Err(error) = self.chat.store.close_turn(close.clone()).await else {
            return self.log.end(end);
        };
        tracing::error!(turn.id = %head.turn, %error, "could not record the end of a turn; retrying until it holds");
        close.end.outcome = Outcome::Failed(Error::from(error).into());
        close.refund = close.transcript.pieces.is_empty();
        self.log.end(close.end.clone());
        self.retry_close(close).await;
    }

    async fn retry_close(&self, close: CloseTurn) {
        let mut pause = FIRST_RETRY;
        while self.chat.store.close_turn(close.clone()).await.is_err() {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // The next start closes it, with the text of its last checkpoint.
                () = self.chat.grace_over.cancelled() => return,
            }
            pause = LAST_RETRY.min(pause * 2);
        }
    }
}

fn tokens_of(messages: &[PromptMessage]) -> u32 {
    messages.iter().map(|message| estimate_tokens(&message.content)).sum()
}

async fn first_token_deadline(deadline: Option<Duration>) {
    match deadline {
        Some(deadline) => tokio::time::sleep(deadline).await,
        None => std::future::pending().await,
    }
}

fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Finished(FinishReason::Stop) => "finished",
        Outcome::Finished(FinishReason::Length) => "length",
        Outcome::Finished(FinishReason::ContentFilter) => "content filter",
        Outcome::Finished(FinishReason::ToolCalls) => "tool calls",
        Outcome::Stopped => "stopped",
        Outcome::Failed(_) => "failed",
    }
}
