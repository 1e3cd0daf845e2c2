//! The suite that every store passes: one function for each promise of `chat::store`, `chat::assistants`,
//! `chat::usage` and `identity::store`.
//!
//! ```text
//! testkit::store_suite!(MyStore::in_a_new_place().await);
//! ```
//!
//! makes one test of each promise, so that a broken one is named. The expression gives a [`StoreUnderTest`] that is empty.

use std::sync::atomic::{AtomicU8, Ordering};

use chat::assistants::AssistantStore;
use chat::clock::Clock;
use chat::conversations::ConversationStore;
use chat::ids::{AccountId, ConversationId, TurnId};
use chat::provider::{CompletionEvent, FinishReason, Role, Usage};
use chat::store::{
    Checkpoint, CloseTurn, HistoryMessage, HistoryPage, ImportedMessage, NewMessage, NewTurn, OpenError,
    OpenTurn, Opened, Place, StoredConversation, StoredTurn, TurnStore,
};
use chat::turn::{Dialect, MessageRef, ModelName, Outcome, Side, TurnEnd, WhenUnread};
use chat::usage::UsageStore;
use chat::{Transcript, TurnLog};
use identity::store::{AccountStore, IssuerStore, KeyStore, TicketStore};

use crate::clock::ManualClock;

pub mod assistants;
pub mod concurrency;
pub mod conversations;
pub mod ends;
pub mod history;
pub mod isolation;
pub mod issuer;
pub mod keys;
pub mod messages;
pub mod opening;
pub mod paths;
pub mod people;
pub mod projects;
pub mod quota;
pub mod repeats;
pub mod tickets;
pub mod usage;

/// A store to be judged: its ports.
pub trait StoreUnderTest: Send + Sync + 'static {
    /// The port of the core.
    fn turns(&self) -> &dyn TurnStore;

    /// The port of the core: conversations as a whole.
    fn conversations(&self) -> &dyn ConversationStore;
    /// The port of the core: assistants.
    fn assistants(&self) -> &dyn AssistantStore;

    /// The port of the core: what turns have cost.
    fn usage(&self) -> &dyn UsageStore;

    /// The port of identity: keys.
    fn keys(&self) -> &dyn KeyStore;

    /// The port of identity: people and projects.
    fn accounts(&self) -> &dyn AccountStore;

    /// The port of identity: the built-in issuer's own.
    fn issuer(&self) -> &dyn IssuerStore;

    /// The port of identity: tickets.
    fn tickets(&self) -> &dyn TicketStore;
}

/// One `#[tokio::test]` for each promise, over the store that `$store` makes.
#[macro_export]
macro_rules! store_suite {
    ($store:expr) => {
        $crate::store_suite! { @tests $store;
            assistants: a_change_leaves_the_rest_of_an_assistant, a_slug_is_one_assistants,
                administrators_decide_what_is_for_everyone, an_assistant_is_read_back,
                an_assistant_reads_for_nobody_what_they_may_not, an_assistant_stays_out_of_foreign_projects, assistants_are_filtered, assistants_are_sorted_by_name,
                assistants_come_in_pages, only_the_right_ones_change_an_assistant,
                only_the_right_ones_see_an_assistant, what_comes_with_the_server_is_everyones;
            concurrency: accepts_exactly_both_limits_in_parallel, accepts_exactly_the_limit_in_parallel, opens_each_of_many_in_parallel_once,
                repeats_in_parallel_open_one_turn;
            conversations: a_change_leaves_the_rest_of_a_conversation, a_conversation_is_deleted_with_all_in_it,
                a_conversation_is_its_owners_alone, conversations_are_listed_by_their_last_change,
                a_record_has_every_turn_as_it_was_stored, a_turn_that_is_not_kept_leaves_its_cost_alone;
            ends: a_checkpoint_after_the_end_is_ignored, a_checkpoint_is_read_back, a_whole_record_is_read_back,
                a_second_end_is_ignored, an_end_of_each_kind_is_read_back,
                interrupted_turns_keep_the_text_of_their_checkpoint, interrupted_turns_without_text_cost_nothing,
                only_the_owner_closes_interrupted_turns, many_checkpoints_and_ends_at_once;
            history: answers_are_siblings, before_must_be_on_the_selected_path, branches_of_questions_are_siblings,
                brought_messages_are_given, pages_end_at_the_root, states_of_messages,
                the_newest_turn_selects_the_path;
            isolation: accounts_see_nothing_of_each_other, accounts_may_use_the_same_names,
                a_parent_of_another_account_is_unknown, a_parent_of_another_conversation_is_unknown;
            issuer: a_client_is_changed_by_itself, a_deleted_client_is_gone_with_its_account, a_sign_in_ends,
                clients_are_read_back, signing_keys_take_turns;
            keys: a_key_finds_its_owner_until_it_is_revoked, a_key_keeps_its_scopes_and_its_end,
                an_account_is_made_once, keys_are_listed_oldest_first, revoking_twice_keeps_the_first_time,
                uses_are_noted_to_the_minute;
            messages: a_conversation_may_get_another_title_and_assistant, a_conversation_that_must_exist_is_not_opened,
                conversations_are_found_by_name_bot_and_keyword, messages_are_listed_newest_first,
                messages_are_their_owners_alone;
            opening: a_first_message_opens_a_conversation, a_message_follows_a_named_message,
                a_message_follows_a_place, a_message_follows_the_tip, a_message_at_the_root_is_a_branch,
                a_question_is_answered_anew, a_question_sent_again_is_answered_anew,
                a_taken_message_id_is_a_conflict, an_unknown_parent_is_refused, brought_messages_come_first,
                the_active_turn_is_the_latest_opened;
            paths: a_budget_keeps_the_newest, a_failed_turn_with_text_is_heard, a_failed_turn_without_text_is_silent,
                a_path_goes_through_its_own_answers, a_question_answered_anew_is_heard, a_running_turn_is_silent,
                a_stopped_turn_without_text_keeps_its_question, a_question_answered_anew_by_a_running_turn_is_silent;
            people: a_change_leaves_the_rest, a_deleted_name_is_free_and_inherits_nothing,
                a_foreign_account_follows_its_claims, a_login_is_found_by_name_or_address,
                a_new_password_ends_sign_ins, a_person_is_read_back, an_account_of_keys_becomes_a_persons,
                claims_do_not_enable_an_account, names_and_addresses_are_unique;
            projects: a_name_is_a_project_of_ones_own, a_personal_project_is_its_owners, a_project_is_made_once,
                claims_and_administrators_are_apart, members_come_and_go;
            quota: a_key_has_a_limit_of_its_own, a_limit_is_kept, a_message_given_back_is_free, a_repeat_costs_nothing,
                a_second_end_gives_nothing_back, an_account_without_a_limit_has_the_common_one,
                an_unknown_account_is_no_question_of_quota, messages_leave_the_window,
                the_wait_is_until_a_message_is_free, what_is_used_is_told;
            repeats: a_key_counts_for_a_day, a_key_counts_for_its_account, a_key_counts_for_its_route,
                a_key_with_another_body_is_a_conflict, a_name_with_another_body_is_a_conflict,
                a_refused_request_leaves_nothing, the_same_key_is_a_repeat, the_same_name_is_a_repeat;
            tickets: a_ticket_ends_with_its_key, a_ticket_ends_with_its_owners_sign_ins, a_ticket_is_read_back;
            usage: a_turn_that_is_not_kept_has_a_cost, usage_is_summed_by_day_model_and_account,
                usage_outlives_its_conversation, what_is_settled_stays;
        }
    };
    (@tests $store:expr; $($module:ident: $($promise:ident),+;)+) => {
        $(mod $module {
            #[allow(unused_imports, reason = "the store's expression names what it needs")]
            use super::*;

            $(#[tokio::test]
            async fn $promise() {
                let store = $store;
                $crate::store_suite::$module::$promise(&store).await;
            })+
        })+
    };
}

/// An account with one conversation: makes requests with telling names and short forms of what is read back.
struct Scene<'store> {
    store: &'store dyn StoreUnderTest,
    clock: ManualClock,
    account: AccountId,
    session: &'static str,
    requests: AtomicU8,
}

impl<'store> Scene<'store> {
    async fn new(store: &'store dyn StoreUnderTest) -> Self {
        Self::of(store, "ada").await
    }

    async fn of(store: &'store dyn StoreUnderTest, account: &str) -> Self {
        let clock = ManualClock::new();
        let id = AccountId::new(&clock);
        let account =
            store.keys().ensure_account(id, account, clock.now()).await.expect("an account is made");
        Self { store, clock, account, session: "sess_1", requests: AtomicU8::new(0) }
    }

    /// A turn without a question, at the tip. Its answer's id is `{name}-answer`.
    fn anew(&self, name: &str) -> OpenTurn {
        let model = |provider: &str| ModelName { provider: provider.to_owned(), model: "m".to_owned() };
        OpenTurn {
            turn: TurnId::new(&self.clock),
            name: name.to_owned(),
            account: self.account,
            key: None,
            message_limit: None,
            dialect: Dialect::Codmir,
            conversation: ConversationId::new(&self.clock),
            conversation_name: self.session.to_owned(),
            title: "A title".to_owned(),
            must_exist: false,
            place: Place::Tip,
            imports: Vec::new(),
            question: None,
            markup: None,
            assistant: None,
            answer_id: format!("{name}-answer"),
            keep: true,
            asked: model("asked"),
            answered_by: model("answering"),
            opened_at: self.clock.now(),
            owner: "node-1".to_owned(),
            request_hash: [self.requests.fetch_add(1, Ordering::Relaxed); 32],
            idempotency: None,
        }
    }

    /// A turn with a question at the tip. The question's id is `{name}-question`.
    fn ask(&self, name: &str, content: &str) -> OpenTurn {
        let question = NewMessage { id: format!("{name}-question"), content: content.to_owned() };
        OpenTurn { question: Some(question), ..self.anew(name) }
    }

    /// A message that the client brought along.
    fn brought(&self, id: &str, role: Role, content: &str) -> ImportedMessage {
        let message = NewMessage { id: id.to_owned(), content: content.to_owned() };
        ImportedMessage { turn: TurnId::new(&self.clock), message, role }
    }

    /// Sets how many messages the account may send; `None`: any number.
    async fn limit(&self, limit: Option<u32>) {
        let limited = self.store.accounts().limit_account(self.account, limit).await;
        assert!(limited.expect("the limit is set"), "the account is there");
    }

    async fn try_open(&self, open: OpenTurn) -> Result<Opened, OpenError> {
        self.store.turns().open_turn(open).await
    }

    async fn open(&self, open: OpenTurn) -> NewTurn {
        match self.try_open(open).await.expect("the turn opens") {
            Opened::New(new) => *new,
            Opened::Repeat { name } => panic!("taken for a repeat of {name}"),
        }
    }

    async fn refused(&self, open: OpenTurn) -> OpenError {
        self.try_open(open).await.expect_err("the turn is refused")
    }

    /// Opens a turn with a question at the tip and lets it finish with an answer.
    async fn talk(&self, name: &str, question: &str, answer: &str) -> NewTurn {
        let new = self.open(self.ask(name, question)).await;
        self.finish(&new, answer).await;
        new
    }

    async fn finish(&self, new: &NewTurn, answer: &str) {
        self.close(new, answer, Outcome::Finished(FinishReason::Stop)).await;
    }

    /// Ends a turn; one without text is given back.
    async fn close(&self, new: &NewTurn, answer: &str, outcome: Outcome) {
        let close = self.end(new, answer, outcome);
        self.store.turns().close_turn(close).await.expect("the end is recorded");
    }

    fn end(&self, new: &NewTurn, answer: &str, outcome: Outcome) -> CloseTurn {
        CloseTurn {
            turn: new.head.turn,
            transcript: transcript(answer),
            end: TurnEnd { outcome, usage: some_usage(), ended_at: self.clock.now() },
            refund: answer.is_empty(),
        }
    }

    async fn checkpoint(&self, new: &NewTurn, text: &str) {
        let checkpoint = Checkpoint { turn: new.head.turn, transcript: transcript(text) };
        self.store.turns().checkpoint(vec![checkpoint]).await.expect("the checkpoint is saved");
    }

    async fn turn(&self, name: &str) -> Option<StoredTurn> {
        self.store.turns().turn(self.account, name).await.expect("turns can be read")
    }

    async fn conversation(&self) -> Option<StoredConversation> {
        let found = self.store.turns().conversation(self.account, Dialect::Codmir, self.session).await;
        found.expect("conversations can be read")
    }

    /// The path to a place in short form: `user: hi`, in brackets where it is silent.
    async fn path(&self, from: Option<MessageRef>) -> Vec<String> {
        self.path_within(from, usize::MAX).await
    }

    async fn path_within(&self, from: Option<MessageRef>, byte_budget: usize) -> Vec<String> {
        let Some(from) = from else { return Vec::new() };
        let path = self.store.turns().path(self.account, from, byte_budget).await;
        path.expect("paths can be read")
            .into_iter()
            .map(|message| {
                let said = format!("{}: {}", speaker(message.role), message.content);
                if message.silent { format!("[{said}]") } else { said }
            })
            .collect()
    }

    /// The selected path.
    async fn selected(&self) -> Vec<String> {
        let tip = self.conversation().await.and_then(|conversation| conversation.tip);
        self.path(tip).await
    }

    async fn page(&self, before: Option<&str>, limit: usize) -> Option<HistoryPage> {
        let conversation = self.conversation().await.expect("the conversation is there").id;
        let page = self.store.turns().history(self.account, conversation, before, limit).await;
        page.expect("histories can be read")
    }

    async fn history(&self) -> Vec<HistoryMessage> {
        let page = self.page(None, 1_000).await.expect("the newest page is there");
        assert_eq!(page.next_before, None, "everything fits");
        page.messages
    }
}

fn speaker(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

fn question_of(new: &NewTurn) -> MessageRef {
    MessageRef { turn: new.head.turn, side: Side::Question }
}

fn answer_of(new: &NewTurn) -> MessageRef {
    MessageRef { turn: new.head.turn, side: Side::Answer }
}

/// As the core stores it: one event for each word.
fn transcript(text: &str) -> Transcript {
    let log = TurnLog::new(WhenUnread::Continue);
    let words = text.split_inclusive(' ').filter(|word| !word.is_empty());
    log.append(words.map(|word| CompletionEvent::TextDelta(word.to_owned())));
    log.transcript()
}

fn some_usage() -> Usage {
    Usage {
        prompt_tokens: 11,
        completion_tokens: 22,
        cached_prompt_tokens: Some(3),
        reasoning_tokens: Some(4),
        estimated: true,
    }
}

#[cfg(test)]
mod tests {
    /// A promise that the macro forgets would be judged by nobody.
    #[test]
    fn the_macro_names_every_promise() {
        let listed = include_str!("store_suite.rs");
        let modules = [
            include_str!("store_suite/assistants.rs"),
            include_str!("store_suite/concurrency.rs"),
            include_str!("store_suite/conversations.rs"),
            include_str!("store_suite/ends.rs"),
            include_str!("store_suite/history.rs"),
            include_str!("store_suite/isolation.rs"),
            include_str!("store_suite/issuer.rs"),
            include_str!("store_suite/keys.rs"),
            include_str!("store_suite/messages.rs"),
            include_str!("store_suite/tickets.rs"),
            include_str!("store_suite/opening.rs"),
            include_str!("store_suite/paths.rs"),
            include_str!("store_suite/people.rs"),
            include_str!("store_suite/projects.rs"),
            include_str!("store_suite/quota.rs"),
            include_str!("store_suite/repeats.rs"),
            include_str!("store_suite/usage.rs"),
        ];
        let promises = modules.iter().flat_map(|module| module.split("pub async fn ").skip(1));
        let forgotten: Vec<_> = promises
            .filter_map(|rest| rest.split_once('(').map(|(name, _)| name))
            .filter(|name| !listed.contains(name))
            .collect();
        assert_eq!(forgotten, Vec::<&str>::new());
    }
}
