//! The route walk: on every route, wherever an id may stand, another account's id is as good as a random one.
//!
//! The routes and the places of ids come from the server's own description. One without a case fails, as does a case
//! without a route.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use testkit::upstream::{Gate, openai_stream};

use crate::harness::{TestServer, check_error, frames, message, message_in, text_of};

/// What an id names.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Named {
    Session,
    Turn,
    Message,
    Key,
    Project,
    Document,
    Task,
    Assistant,
    Workflow,
    /// There is one for all.
    Realm,
    Email,
    User,
    Client,
    Bot,
    /// A conversation and a message with short ids.
    Talk,
    Said,
    /// Whoever has one may read by it.
    Ticket,
}
use Named::{
    Assistant, Bot, Client, Document, Email, Key, Message, Project, Realm, Said, Session, Talk, Task, Ticket,
    Turn, User, Workflow,
};

/// Every route, and where ids stand in it: `{id}` in the path, `?id` in the query, others in the body.
const CASES: &[(&str, &[(&str, Named)])] = &[
    ("GET /healthz", &[]),
    ("GET /readyz", &[]),
    ("GET /openapi.json", &[]),
    ("POST /api/chat", CHAT),
    ("POST /api/chat/stream", CHAT),
    ("POST /api/chat/reason", CHAT),
    ("GET /api/chat/turns/{turnId}/events", &[("{turnId}", Turn)]),
    ("POST /api/chat/turns/{turnId}/cancel", &[("{turnId}", Turn)]),
    ("GET /api/chat/sessions/{sessionId}/events", &[("{sessionId}", Session)]),
    ("GET /api/chat/sessions/{sessionId}/messages", &[("{sessionId}", Session), ("?before", Message)]),
    ("POST /api/knowledge/documents", &[("projectId", Project)]),
    ("GET /api/knowledge/documents/{documentId}", &[("{documentId}", Document)]),
    ("DELETE /api/knowledge/documents/{documentId}", &[("{documentId}", Document)]),
    ("GET /api/knowledge/projects/{projectId}/documents", &[("{projectId}", Project), ("?after", Document)]),
    ("POST /api/knowledge/projects/{projectId}/documents", &[("{projectId}", Project)]),
    ("GET /api/tasks", &[("?projectId", Project)]),
    ("POST /api/tasks", &[("projectId", Project)]),
    ("GET /api/tasks/{taskId}", &[("{taskId}", Task)]),
    ("GET /api/tasks/{taskId}/events", &[("{taskId}", Task)]),
    ("POST /api/knowledge/projects/{projectId}/search", &[("{projectId}", Project)]),
    ("POST /api/knowledge/projects/{projectId}/context", &[("{projectId}", Project)]),
    ("GET /api/knowledge/projects/{projectId}/status", &[("{projectId}", Project)]),
    ("GET /api/knowledge/projects/{projectId}/verify", &[("{projectId}", Project)]),
    ("POST /api/ai/chat", &[("projectId", Project)]),
    ("POST /api/ai/chat/stream", &[("projectId", Project)]),
    ("POST /code-assistant-api/v1/assistants/{assistantId}/model", ASK),
    ("POST /code-assistant-api/v1/assistants/slug/{slug}/model", ASK_BY_SLUG),
    ("POST /code-assistant-api/v1/assistants/virtual/model", &[]),
    ("GET /code-assistant-api/v1/conversations", &[]),
    ("GET /code-assistant-api/v1/conversations/search", &[]),
    ("GET /code-assistant-api/v1/conversations/{conversationId}", &[("{conversationId}", Session)]),
    ("PUT /code-assistant-api/v1/conversations/{conversationId}", &[("{conversationId}", Session)]),
    ("DELETE /code-assistant-api/v1/conversations/{conversationId}", &[("{conversationId}", Session)]),
    ("GET /code-assistant-api/v1/tasks/{taskId}", &[("{taskId}", Turn)]),
    ("GET /code-assistant-api/v1/assistants", &[("?filters", Assistant)]),
    ("POST /code-assistant-api/v1/assistants", &[]),
    ("PUT /code-assistant-api/v1/assistants/{assistantId}", &[("{assistantId}", Assistant)]),
    ("DELETE /code-assistant-api/v1/assistants/{assistantId}", &[("{assistantId}", Assistant)]),
    ("GET /code-assistant-api/v1/assistants/id/{assistantId}", &[("{assistantId}", Assistant)]),
    ("GET /code-assistant-api/v1/assistants/slug/{slug}", &[("{slug}", Assistant)]),
    ("GET /api/v1/bots", &[]),
    ("GET /api/v1/conversations", &[("?bot_id", Bot)]),
    ("POST /api/v1/conversations", &[("bot_id", Bot)]),
    ("GET /api/v1/conversations/{conversationId}", &[("{conversationId}", Talk)]),
    ("POST /api/v1/conversations/{conversationId}", &[("{conversationId}", Talk), ("bot_id", Bot)]),
    ("PUT /api/v1/conversations/{conversationId}", &[("{conversationId}", Talk), ("bot_id", Bot)]),
    ("PATCH /api/v1/conversations/{conversationId}", &[("{conversationId}", Talk), ("bot_id", Bot)]),
    ("DELETE /api/v1/conversations/{conversationId}", &[("{conversationId}", Talk)]),
    ("GET /api/v1/messages", &[("?conversation_id", Talk)]),
    ("POST /api/v1/messages", &[("conversation_id", Talk)]),
    ("GET /api/v1/messages/{messageId}", &[("{messageId}", Said)]),
    ("POST /api/v1/messages/stream", &[("conversation_id", Talk)]),
    ("GET /stream/{ticket}", &[("{ticket}", Ticket)]),
    ("POST /stream/{ticket}", &[("{ticket}", Ticket)]),
    ("GET /code-assistant-api/v1/llm_models", &[]),
    ("GET /code-assistant-api/v1/embeddings_models", &[]),
    ("GET /code-assistant-api/v1/default_models", &[]),
    ("GET /code-assistant-api/v1/user/data", &[]),
    ("GET /code-assistant-api/v1/config", &[]),
    ("GET /code-assistant-api/v1/info", &[]),
    ("GET /code-assistant-api/docs", &[]),
    ("GET /code-assistant-api/openapi.json", &[]),
    ("GET /code-assistant-api/v1/healthcheck", &[]),
    ("GET /code-assistant-api/v1/user", &[]),
    ("POST /code-assistant-api/v1/local-auth/login", &[]),
    ("GET /auth/realms/{realm}/.well-known/openid-configuration", &[("{realm}", Realm)]),
    ("GET /auth/realms/{realm}/protocol/openid-connect/certs", &[("{realm}", Realm)]),
    ("POST /auth/realms/{realm}/protocol/openid-connect/token", &[("{realm}", Realm)]),
    ("GET /auth/admin/realms/{realm}/users", &[("{realm}", Realm), ("?email", Email)]),
    ("GET /api/admin/keys", &[]),
    ("POST /api/admin/keys", &[]),
    ("PATCH /api/admin/keys/{keyId}", &[("{keyId}", Key)]),
    ("DELETE /api/admin/keys/{keyId}", &[("{keyId}", Key)]),
    ("GET /api/admin/usage", &[]),
    ("GET /api/admin/users", &[]),
    ("POST /api/admin/users", &[]),
    ("GET /api/admin/users/{userId}", &[("{userId}", User)]),
    ("PATCH /api/admin/users/{userId}", &[("{userId}", User)]),
    ("DELETE /api/admin/users/{userId}", &[("{userId}", User)]),
    ("PUT /api/admin/users/{userId}/password", &[("{userId}", User)]),
    ("GET /api/admin/clients", &[]),
    ("POST /api/admin/clients", &[("id", Client)]),
    ("PATCH /api/admin/clients/{clientId}", &[("{clientId}", Client)]),
    ("DELETE /api/admin/clients/{clientId}", &[("{clientId}", Client)]),
    ("POST /api/admin/clients/{clientId}/secret", &[("{clientId}", Client)]),
    ("GET /api/admin/assistants", &[]),
    ("POST /api/admin/assistants", &[]),
    ("GET /api/admin/assistants/{assistantId}", &[("{assistantId}", Assistant)]),
    ("PATCH /api/admin/assistants/{assistantId}", &[("{assistantId}", Assistant)]),
    ("DELETE /api/admin/assistants/{assistantId}", &[("{assistantId}", Assistant)]),
    ("GET /api/admin/projects", &[]),
    ("POST /api/admin/projects", &[]),
    ("GET /api/admin/projects/{projectId}/members", &[("{projectId}", Project)]),
    ("PUT /api/admin/projects/{projectId}/members/{userId}", MEMBER),
    ("DELETE /api/admin/projects/{projectId}/members/{userId}", MEMBER),
];
const ASK: &[(&str, Named)] =
    &[("{assistantId}", Assistant), ("conversationId", Session), ("workflowExecutionId", Workflow)];
const ASK_BY_SLUG: &[(&str, Named)] =
    &[("{slug}", Assistant), ("conversationId", Session), ("workflowExecutionId", Workflow)];
const MEMBER: &[(&str, Named)] = &[("{projectId}", Project), ("{userId}", User)];
const CHAT: &[(&str, Named)] = &[
    ("projectId", Project),
    ("sessionId", Session),
    ("turnId", Turn),
    ("messageId", Message),
    ("parentId", Message),
    ("continueMessageId", Message),
    ("messages[].id", Message),
];

/// Every route, such as `GET /healthz`.
pub(crate) fn routes() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|(route, _)| *route)
}

/// Parameters of queries that name nothing.
const NO_IDS: &[&str] = &[
    "limit",
    "wait",
    "start",
    "end",
    "scope",
    "from",
    "to",
    "by",
    "minimal_response",
    "page",
    "per_page",
    "sort_by",
    "sort_order",
    "include_all",
    "include_tool_errors",
    "keyword",
    "name",
    "includes",
    "error_detail_level",
];

const WORDS: [&str; 3] = ["It", " is", " mine."];
const OWN_TURN: &str = "turn-of-the-asker";
const DEFAULT_ASSISTANT: &str = "05959338-06de-477d-9cc3-08369f858057";
const DEFAULT_BOT: &str = "0595933806de";
const ASSISTANT_SLUG: &str = "assistant-of-the-owner";
const OWN_SESSION: &str = "session-of-the-asker";

/// Who asks; without a key, anonymous.
type Asker = Option<SecretString>;

fn by(request: reqwest::RequestBuilder, asker: &Asker) -> reqwest::RequestBuilder {
    match asker {
        Some(key) => request.bearer_auth(key.expose_secret()),
        None => request,
    }
}

/// An account with something of everything: an ended turn, a running one, messages, a key, an assistant.
struct Owner {
    asker: Asker,
    key_id: String,
    /// Who made the assistant: the owner, or for anonymous owners, who can't, somebody else.
    maker: Asker,
    assistant_id: String,
    messages: Vec<String>,
    /// In the project `my-project`.
    document: String,
    /// Of the same project.
    task: String,
    /// The maker's assistant, conversation and messages in Cody's form.
    bot: String,
    talk: String,
    said: Vec<String>,
    running: reqwest::Response,
    gate: Gate,
}

impl Owner {
    const ENDED: [&str; 2] = ["session-of-the-owner-ended", "turn-of-the-owner-ended"];
    const RUNNING: [&str; 2] = ["session-of-the-owner-running", "turn-of-the-owner-running"];

    async fn settle(server: &TestServer, asker: Asker, key_id: String) -> Self {
        server.upstream.always(openai_stream(&["Hello."]));
        open_turn(server, &asker, Self::ENDED).await.text().await.expect("a whole stream");
        let (reply, gate) = openai_stream(&WORDS).paced();
        server.upstream.enqueue(reply);
        gate.release(2);
        let running = open_turn(server, &asker, Self::RUNNING).await;
        server.upstream.wait_request(1).await;
        let maker = if asker.is_some() { asker.clone() } else { Some(server.key("maker").await) };
        let assistant_id = make_assistant(server, &maker).await;
        let mut owner = Self {
            asker: asker.clone(),
            key_id,
            maker,
            assistant_id,
            messages: Vec::new(),
            document: add_document(server, &asker).await,
            task: add_task(server, &asker).await,
            bot: String::new(),
            talk: String::new(),
            said: Vec::new(),
            running,
            gate,
        };
        owner.talk(server).await;
        for history in
            [owner.history(server, Self::ENDED[0]).await, owner.history(server, Self::RUNNING[0]).await]
        {
            let ids = history["data"].as_array().expect("messages").iter();
            owner.messages.extend(ids.map(|message| message["id"].as_str().expect("an id").to_owned()));
        }
        assert_eq!(owner.messages.len(), 4);
        owner
    }

    /// Makes a conversation with the maker's own bot, and says something in it.
    async fn talk(&mut self, server: &TestServer) {
        let id = |value: &Value| value["id"].as_str().expect("an id").to_owned();
        let bots = self.of_maker(server, "/api/v1/bots?keyword=mine").await;
        self.bot = id(&bots["data"][0]);
        let new = json!({ "name": "Mine", "bot_id": self.bot });
        let made =
            by(server.post("/api/v1/conversations", &new), &self.maker).send().await.expect("an answer");
        self.talk = id(&made.json::<Value>().await.expect("JSON")["data"]);
        let message = json!({ "content": "Hello", "conversation_id": self.talk });
        let answered = by(server.post("/api/v1/messages", &message), &self.maker).send().await;
        assert_eq!(answered.expect("an answer").status(), 200);
        let messages = self.of_maker(server, "/api/v1/messages").await;
        self.said = messages["data"].as_array().expect("messages").iter().map(id).collect();
        assert_eq!(self.said.len(), 2);
    }

    async fn of_maker(&self, server: &TestServer, path: &str) -> Value {
        let answer = by(server.get(path), &self.maker).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    /// Live ids of the owner's.
    fn ids(&self, named: Named) -> Vec<String> {
        match named {
            Session => vec![Self::ENDED[0].to_owned(), Self::RUNNING[0].to_owned()],
            Turn => vec![Self::ENDED[1].to_owned(), Self::RUNNING[1].to_owned()],
            Message => self.messages.clone(),
            Key => vec![self.key_id.clone()],
            Project => vec!["my-project".to_owned()],
            Document => vec![self.document.clone()],
            Task => vec![self.task.clone()],
            Assistant => vec![self.assistant_id.clone(), ASSISTANT_SLUG.to_owned()],
            Workflow => vec!["execution-of-the-owner".to_owned()],
            Realm => vec!["realm-of-the-owner".to_owned()],
            Email => vec!["admin@example.com".to_owned()],
            User => vec!["admin".to_owned()],
            Client => vec!["codemie-sdk".to_owned()],
            Bot => vec![self.bot.clone()],
            Talk => vec![self.talk.clone()],
            Said => self.said.clone(),
            Ticket => Vec::new(),
        }
    }

    async fn history(&self, server: &TestServer, session: &str) -> Value {
        let request = by(server.get(&format!("/api/chat/sessions/{session}/messages")), &self.asker);
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    /// All that others must not change.
    async fn state(&self, server: &TestServer) -> Value {
        let keys = server.get("/api/admin/keys").bearer_auth(server.admin_token());
        let mut keys: Value = keys.send().await.expect("an answer").json().await.expect("JSON");
        keys.as_array_mut().expect("a list").retain(|key| key["id"] == self.key_id.as_str());
        let ended = self.history(server, Self::ENDED[0]).await;
        let mut running = self.history(server, Self::RUNNING[0]).await;
        // What is saved of it on the way depends on the time; its end is looked at in the end.
        running["data"][1]["content"] = Value::Null;
        let path = format!("/code-assistant-api/v1/assistants/id/{}", self.assistant_id);
        let assistant = by(server.get(&path), &self.maker).send().await.expect("an answer");
        let assistant: Value = assistant.json().await.expect("JSON");
        assert_eq!(assistant["name"], "Mine");
        let talk = self.of_maker(server, &format!("/api/v1/conversations/{}", self.talk)).await;
        assert_eq!(talk["data"]["name"], "Mine");
        let said = self.of_maker(server, "/api/v1/messages").await;
        let documents = by(server.get("/api/knowledge/projects/my-project/documents"), &self.asker);
        let documents = documents.send().await.expect("an answer");
        let documents: Value = documents.json().await.expect("JSON");
        assert_eq!(documents["data"][0]["id"], self.document.as_str());
        json!({
            "documents": documents,
            "keys": keys, "ended": ended, "running": running, "assistant": assistant, "talk": talk, "said": said,
        })
    }

    /// The turn that ran all the time ends whole.
    async fn finish(self, server: &TestServer) {
        self.gate.open();
        let whole = frames(&self.running.text().await.expect("a whole stream"));
        assert_eq!(text_of(&whole), WORDS.concat());
        assert_eq!(whole.last().expect("an end").data["finishReason"], "stop");
        let again = by(server.resume(Self::RUNNING[1], 0), &self.asker).send().await.expect("an answer");
        assert_eq!(frames(&again.text().await.expect("a whole stream")), whole);
    }
}

async fn make_assistant(server: &TestServer, maker: &Asker) -> String {
    let body = json!({ "name": "Mine", "slug": ASSISTANT_SLUG });
    let made = by(server.post("/code-assistant-api/v1/assistants", &body), maker).send().await;
    let made: Value = made.expect("an answer").json().await.expect("JSON");
    made["assistantId"].as_str().expect("an id").to_owned()
}

async fn add_document(server: &TestServer, asker: &Asker) -> String {
    let body =
        json!({ "projectId": "my-project", "type": "doc", "content": "It is mine.", "filePath": "mine.md" });
    let made = by(server.post("/api/knowledge/documents", &body), asker).send().await;
    let made: Value = made.expect("an answer").json().await.expect("JSON");
    made["id"].as_str().expect("an id").to_owned()
}

async fn add_task(server: &TestServer, asker: &Asker) -> String {
    let body = json!({ "projectId": "my-project", "type": "analyze-project" });
    let made = by(server.post("/api/tasks", &body), asker).send().await;
    let made: Value = made.expect("an answer").json().await.expect("JSON");
    made["id"].as_str().expect("an id").to_owned()
}

async fn open_turn(server: &TestServer, asker: &Asker, [session, turn]: [&str; 2]) -> reqwest::Response {
    let mut body = message_in(session, "Hello");
    body["turnId"] = json!(turn);
    let answer = by(server.v2_request(&body), asker).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer
}

/// What an asker gets with `id` in this place of the route, and else only what is its own.
struct Probe<'a> {
    route: &'static str,
    place: &'static str,
    id: &'a str,
    v2: bool,
}

impl Probe<'_> {
    /// The answer, without what differs between any two.
    async fn answer(&self, server: &TestServer, asker: &Asker) -> (u16, BTreeMap<String, String>, String) {
        let (method, path) = self.route.split_once(' ').expect("method and path");
        let mut url = path.replace(self.place, self.id);
        let own = [
            ("{sessionId}", OWN_SESSION),
            ("{turnId}", OWN_TURN),
            ("{assistantId}", DEFAULT_ASSISTANT),
            ("{slug}", "assistant"),
            ("{realm}", "codemie-prod"),
            ("{userId}", "admin"),
            ("{projectId}", "my-project"),
            // The one that every account begins with.
            ("{conversationId}", "string"),
        ];
        for (own, id) in own {
            url = url.replace(own, id);
        }
        url = match self.place.strip_prefix('?') {
            Some("filters") => format!("{url}?filters={{\"id\":\"{}\"}}", self.id),
            Some(name) => format!("{url}?{name}={}", self.id),
            None => url,
        };
        let mut request = server.client.request(method.parse().expect("a method"), server.url(&url));
        // Who follows another's running turn would wait for its end.
        request = request.timeout(Duration::from_secs(10));
        if ["POST", "PUT", "PATCH"].contains(&method) {
            request = request.json(&self.body(path));
        }
        if self.v2 {
            request = request.header("X-Chat-Stream", "v2");
        }
        let answer = by(request, asker).send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), self.comparable_headers(answer.headers()));
        (status, headers, self.comparable(&answer.text().await.expect("a whole body")))
    }

    fn body(&self, path: &str) -> Value {
        let mut body = match path {
            "/api/chat" | "/api/chat/stream" | "/api/chat/reason" => message_in(OWN_SESSION, "Hi"),
            "/api/knowledge/documents" => {
                json!({ "projectId": "my-project", "type": "doc", "content": "Theirs.", "filePath": "mine.md" })
            }
            "/api/tasks" => json!({ "projectId": "my-project", "type": "analyze-project" }),
            path if path.ends_with("/{projectId}/documents") => json!({ "urls": ["http://localhost/"] }),
            path if path.starts_with("/api/knowledge/projects/") => json!({ "query": "Whose is it?" }),
            "/api/ai/chat" | "/api/ai/chat/stream" => json!({ "message": "Hi" }),
            path if path.ends_with("/model") => json!({ "text": "Hi" }),
            path if path.starts_with("/api/v1/conversations") => {
                json!({ "name": "Theirs", "bot_id": DEFAULT_BOT })
            }
            path if path.starts_with("/api/v1/messages") => {
                json!({ "content": "Hi", "conversation_id": "string" })
            }
            path if path.ends_with("/assistants/{assistantId}") => json!({ "name": "Theirs" }),
            _ => json!({}),
        };
        match self.place {
            "messages[].id" => {
                body["messages"] = json!([
                    { "role": "user", "content": "Hello", "id": self.id },
                    { "role": "assistant", "content": "Hello.", "id": self.id },
                    { "role": "user", "content": "Hi", "id": self.id },
                ]);
            }
            place if !place.starts_with(['{', '?']) => body[place] = json!(self.id),
            _ => {}
        }
        body
    }

    fn comparable_headers(&self, headers: &HeaderMap) -> BTreeMap<String, String> {
        let line = |(name, value): (&HeaderName, &reqwest::header::HeaderValue)| {
            (name.to_string(), self.comparable(value.to_str().expect("text")))
        };
        // The length follows from how many digits a time has.
        headers
            .iter()
            .filter(|(name, _)| !["date", "content-length"].contains(&name.as_str()))
            .map(line)
            .collect()
    }

    fn comparable(&self, text: &str) -> String {
        let made_by_us = ["sess_", "turn_", "msg_", "resp_", "req_", "doc_", "ai_task_"];
        let is_seconds =
            |word: &str| word.contains('.') && word.trim_start_matches(':').parse::<f64>().is_ok();
        let is_moment = |word: &str| word.starts_with("20") && word.ends_with('Z') && word.len() >= 20;
        let is_uuid = |word: &str| word.len() == 36 && word.bytes().filter(|byte| *byte == b'-').count() == 4;
        let is_second =
            |word: &str| word.trim_start_matches(':').parse::<u64>().is_ok_and(|time| time > 1_700_000_000);
        let is_time = |word: &str| is_moment(word) || is_seconds(word) || is_second(word);
        // Of Cody's ids and tickets. A word of that length is taken for one in both answers.
        let is_random = |word: &str| {
            [12, 43].contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || "_-:.".contains(letter);
        let mut comparable = String::new();
        for word in text.split_inclusive(|letter| !is_part(letter)) {
            let end = word.trim_end_matches(is_part);
            let word = word.strip_suffix(|letter| !is_part(letter)).unwrap_or(word);
            comparable.push_str(match made_by_us.iter().find(|prefix| word.starts_with(**prefix)) {
                _ if word == self.id => "the id",
                Some(prefix) => prefix,
                None if is_time(word) => "a time",
                None if is_uuid(word) => "a uuid",
                None if is_random(word) => "a short id",
                None => word,
            });
            comparable.push_str(&end[end.len().saturating_sub(1)..]);
        }
        comparable
    }
}

/// An id of the same form that nobody has.
fn random_like(id: &str) -> String {
    let (prefix, rest) = id.split_once('_').map_or(("", id), |(prefix, _)| id.split_at(prefix.len() + 1));
    let other = |byte: u8| match byte {
        b'9' => '0',
        b'f' => 'a',
        b'z' => 'a',
        b'Z' => 'A',
        byte if byte.is_ascii_alphanumeric() => char::from(byte + 1),
        byte => char::from(byte),
    };
    format!("{prefix}{}", rest.bytes().map(other).collect::<String>())
}

#[tokio::test]
async fn every_route_and_every_id_has_a_case() {
    let server = TestServer::start().await;
    let description = server.description().await;
    let mut described = BTreeMap::new();
    for (path, methods) in description["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            described.insert(format!("{} {path}", method.to_uppercase()), places(&description, operation));
        }
    }
    let named = |places: &[(&str, Named)]| places.iter().map(|(place, _)| (*place).to_owned()).collect();
    let cases: BTreeMap<String, BTreeSet<String>> =
        CASES.iter().map(|(route, places)| ((*route).to_owned(), named(places))).collect();
    assert_eq!(cases, described, "left: the cases of this file; right: the routes there are");
    server.stop().await;
}

/// Where ids stand in a route: path parameters, query parameters but numbers, and fields named like ids.
fn places(description: &Value, operation: &Value) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().expect("a name");
        match parameter["in"].as_str().expect("a place") {
            "path" => places.insert(format!("{{{name}}}")),
            "query" if !NO_IDS.contains(&name) => places.insert(format!("?{name}")),
            _ => false,
        };
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    id_fields(description, body, "", &mut places);
    places
}

fn id_fields(description: &Value, schema: &Value, at: &str, places: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = description.pointer(&reference[1..]).expect("what is referred to is there");
        return id_fields(description, schema, at, places);
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        let choices = schema[choice].as_array().into_iter().flatten();
        choices.for_each(|schema| id_fields(description, schema, at, places));
    }
    if schema["items"].is_object() {
        id_fields(description, &schema["items"], &format!("{at}[]"), places);
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        if name == "id" || name.ends_with("Id") || name.ends_with("_id") {
            places.insert(at.clone());
        }
        id_fields(description, schema, &at, places);
    }
}

#[tokio::test]
async fn another_accounts_ids_are_as_good_as_random_ones() {
    let server = TestServer::start().await;
    let (key, key_id) = server.key_and_id("owner").await;
    let owner = Owner::settle(&server, Some(key), key_id).await;
    walk(&server, owner).await;
    server.stop().await;
}

#[tokio::test]
async fn anonymous_ids_are_as_good_as_random_ones_to_the_owner_of_a_key() {
    let server = TestServer::start().await;
    let (_, key_id) = server.key_and_id("somebody").await;
    let owner = Owner::settle(&server, None, key_id).await;
    walk(&server, owner).await;
    server.stop().await;
}

async fn walk(server: &TestServer, owner: Owner) {
    let before = owner.state(server).await;
    let mut newcomers = 0;
    for (route, places) in CASES {
        let modes: &[bool] = if *places == CHAT { &[false, true] } else { &[false] };
        for (place, named) in *places {
            for (id, v2) in owner.ids(*named).iter().flat_map(|id| modes.iter().map(move |v2| (id, *v2))) {
                let mut answers = Vec::new();
                for id in [id, &random_like(id)] {
                    newcomers += 1;
                    let asker = Some(server.key(&format!("newcomer {newcomers}")).await);
                    open_turn(server, &asker, [OWN_SESSION, OWN_TURN]).await.text().await.expect("a stream");
                    answers.push(Probe { route, place, id, v2 }.answer(server, &asker).await);
                }
                assert_eq!(answers[0], answers[1], "{route} with another's {place} (v2: {v2})");
            }
        }
    }
    assert_eq!(owner.state(server).await, before, "nobody changed what is the owner's");
    owner.finish(server).await;
}

/// Anonymous callers share one account, so only what leaves nothing behind can be compared.
#[tokio::test]
async fn an_owners_ids_are_as_good_as_random_ones_to_anonymous_readers() {
    let server = TestServer::start().await;
    let (key, key_id) = server.key_and_id("owner").await;
    let owner = Owner::settle(&server, Some(key), key_id).await;
    let before = owner.state(&server).await;
    open_turn(&server, &None, [OWN_SESSION, OWN_TURN]).await.text().await.expect("a stream");
    for (route, places) in CASES.iter().filter(|(route, _)| !route.ends_with("/chat") && route.contains('{'))
    {
        for (place, named) in *places {
            for id in owner.ids(*named) {
                let mine = Probe { route, place, id: &id, v2: false }.answer(&server, &None).await;
                let random = Probe { route, place, id: &random_like(&id), v2: false };
                assert_eq!(mine, random.answer(&server, &None).await, "{route} with another's {place}");
            }
        }
    }
    assert_eq!(owner.state(&server).await, before);
    owner.finish(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn an_idempotency_key_is_its_accounts_own() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.key("alice").await, server.key("bob").await);
    for (asker, said) in [(Some(alice), "For Alice."), (Some(bob), "For Bob."), (None, "For anybody.")] {
        server.upstream.enqueue(openai_stream(&[said]));
        for _ in 0..2 {
            let request = server.post("/api/chat", &message("Hi")).header("Idempotency-Key", "the-same");
            let answer: Value =
                by(request, &asker).send().await.expect("an answer").json().await.expect("JSON");
            assert_eq!(answer["content"], said);
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn no_key_of_an_account_administers() {
    let server = TestServer::start().await;
    // One of an everyday account, one of the administrator's that is not made for it.
    let keys = [Some(server.key("alice").await), Some(server.key("admin").await)];
    let state = async || {
        let mut state = Vec::new();
        for path in ["users", "clients", "projects", "keys", "assistants"] {
            state.push(server.administered("GET", &format!("/api/admin/{path}"), &Value::Null).await);
        }
        // The keys are used meanwhile.
        state[3].as_array_mut().expect("a list").iter_mut().for_each(|key| key["lastUsedAt"] = Value::Null);
        state
    };
    let before = state().await;
    let administration: Vec<_> = CASES.iter().filter(|(route, _)| route.contains("/api/admin/")).collect();
    assert_eq!(administration.len(), 26);
    for (route, _) in administration {
        let (method, path) = route.split_once(' ').expect("method and path");
        let request = || {
            let ids = [("{keyId}", "key_unknown"), ("{userId}", "admin"), ("{clientId}", "codemie-sdk")];
            let path = ids.iter().fold(path.to_owned(), |path, (place, id)| path.replace(place, id));
            let path = path.replace("{projectId}", "my-project").replace("{assistantId}", DEFAULT_ASSISTANT);
            server.client.request(method.parse().expect("a method"), server.url(&path)).json(&json!({}))
        };
        check_error(request().send().await.expect("an answer"), 401, "UNAUTHORIZED").await;
        for key in &keys {
            check_error(by(request(), key).send().await.expect("an answer"), 403, "FORBIDDEN").await;
        }
    }
    assert_eq!(state().await, before, "nothing has changed");
    server.stop().await;
}
