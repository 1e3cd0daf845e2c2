//! `latimer keys`.

use chat::clock::{Clock, SystemClock};
use clap::Subcommand;
use http::Method;
use jiff::Timestamp;

use super::{Limit, Reach, list};
use crate::admin::wire;

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Make a key, and its account if there is none of that name; the key is printed once
    Create {
        /// Whose key it is
        #[arg(long)]
        account: String,
        /// What to call it
        #[arg(long, default_value = "key")]
        label: String,
        /// What it is good for: chat, documents, assistants, admin; may be repeated [default: all but admin]
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<wire::ScopeName>,
        /// When it ends by itself, such as 2027-01-31T12:00:00Z [default: never]
        #[arg(long, value_name = "TIME")]
        expires: Option<Timestamp>,
        /// How many messages may be sent by it in thirty days, besides the account's limit [default: none]
        #[arg(long, value_name = "N|none")]
        limit: Option<Limit>,
    },
    /// List all keys: id, account, label, when it was made, state, scopes, when it ends, when it was last used, how many
    /// messages may be sent in thirty days, how many were
    List,
    /// Change how many messages may be sent by a key
    Change {
        /// Such as key_…
        id: String,
        /// In thirty days, besides the account's limit
        #[arg(long, value_name = "N|none")]
        limit: Limit,
    },
    /// Revoke a key by its id
    Revoke {
        /// Such as key_…
        id: String,
    },
}

pub(super) async fn run(reach: &Reach, task: Task) -> anyhow::Result<()> {
    match task {
        Task::Create { account, label, scopes, expires, limit } => {
            let scopes = (!scopes.is_empty()).then_some(scopes);
            let message_limit = limit.and_then(|limit| limit.0);
            let new = wire::NewKey { account, label, scopes, expires_at: expires, message_limit };
            let issued: wire::IssuedKey = reach.send(Method::POST, &["keys"], &new).await?;
            println!("{}", issued.key.expose());
            eprintln!("key {} of account {}; it is not shown again", issued.id, issued.account);
        }
        Task::List => reach.get::<Vec<wire::Key>>(&["keys"]).await?.iter().for_each(print),
        Task::Change { id, limit } => {
            let change = wire::KeyChange { message_limit: Some(limit.0) };
            print(&reach.send(Method::PATCH, &["keys", &id], &change).await?);
        }
        Task::Revoke { id } => {
            anyhow::ensure!(reach.delete(&["keys", &id]).await?, "there is no key {id}");
            println!("revoked {id}");
        }
    }
    Ok(())
}

fn print(key: &wire::Key) {
    let wire::Key { id, account, label, created_at, .. } = key;
    let state = match (&key.revoked_at, key.expires_at) {
        (Some(time), _) => format!("revoked {time}"),
        (None, Some(end)) if end <= SystemClock.now() => format!("ended {end}"),
        (None, _) => "valid".to_owned(),
    };
    let scopes = list(key.scopes.iter().map(|scope| scope.0.name()));
    let (end, used) = (list(key.expires_at), list(key.last_used_at.as_ref()));
    let (limit, messages) = (list(key.message_limit), key.messages_used);
    println!("{id}\t{account}\t{label}\t{created_at}\t{state}\t{scopes}\t{end}\t{used}\t{limit}\t{messages}");
}
