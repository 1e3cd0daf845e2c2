//! `latimer clients`.

use clap::{Args, Subcommand};
use http::Method;

use super::{Reach, list, state};
use crate::admin::wire;

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// List all clients: id, rights, whether it has a secret, when it was made, state
    List,
    /// Make a client with a service account; prints id and secret, once
    Create {
        /// The client id
        id: String,
        #[command(flatten)]
        rights: Rights,
    },
    /// Change what a client may do; what is not said stays
    Change {
        /// The client id
        id: String,
        #[command(flatten)]
        rights: Rights,
    },
    /// Give a client a new secret; prints id and secret, once; the old one ends at once
    Rotate {
        /// The client id
        id: String,
    },
    /// Shut a client out of the token endpoint
    Disable {
        /// The client id
        id: String,
    },
    /// Let a client in again
    Enable {
        /// The client id
        id: String,
    },
    /// Delete a client with its service account
    Delete {
        /// The client id
        id: String,
    },
}

/// Each may be switched on, or off with `=false`.
#[derive(Debug, Args)]
pub(crate) struct Rights {
    /// Sign in as its service account: the grant client_credentials [default for a new one: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    service_account: Option<bool>,
    /// Sign users in by their passwords: the grant password
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    password_grant: Option<bool>,
    /// Exchange tokens
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    token_exchange: Option<bool>,
    /// Exchange its token for one of any account that is no administrator's
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    may_impersonate: Option<bool>,
}

pub(super) async fn run(reach: &Reach, task: Task) -> anyhow::Result<()> {
    match task {
        Task::List => reach.get::<Vec<wire::Client>>(&["clients"]).await?.iter().for_each(print),
        Task::Create { id, rights } => {
            let Rights { service_account, password_grant, token_exchange, may_impersonate } = rights;
            let new =
                wire::NewClient { id, service_account, password_grant, token_exchange, may_impersonate };
            print_secret(&reach.send(Method::POST, &["clients"], &new).await?);
        }
        Task::Change { id, rights } => {
            let Rights { service_account, password_grant, token_exchange, may_impersonate } = rights;
            let rights = wire::ClientChange {
                service_account,
                password_grant,
                token_exchange,
                may_impersonate,
                disabled: None,
            };
            print(&reach.send(Method::PATCH, &["clients", &id], &rights).await?);
        }
        Task::Rotate { id } => {
            print_secret(&reach.send(Method::POST, &["clients", &id, "secret"], &()).await?);
        }
        Task::Disable { id } => print(&switch(reach, &id, true).await?),
        Task::Enable { id } => print(&switch(reach, &id, false).await?),
        Task::Delete { id } => {
            anyhow::ensure!(reach.delete(&["clients", &id]).await?, "there is no client {id}");
            println!("deleted {id}");
        }
    }
    Ok(())
}

async fn switch(reach: &Reach, id: &str, disabled: bool) -> anyhow::Result<wire::Client> {
    let change = wire::ClientChange { disabled: Some(disabled), ..wire::ClientChange::default() };
    reach.send(Method::PATCH, &["clients", id], &change).await
}

fn print_secret(issued: &wire::ClientSecret) {
    println!("{}\t{}", issued.id, issued.secret.expose());
    eprintln!("the secret is not shown again");
}

fn print(client: &wire::Client) {
    let rights = [
        (client.service_account, "service-account"),
        (client.password_grant, "password-grant"),
        (client.token_exchange, "token-exchange"),
        (client.may_impersonate, "may-impersonate"),
    ];
    let rights = list(rights.into_iter().filter(|(has, _)| *has).map(|(_, right)| right));
    let secret = if client.public { "public" } else { "secret" };
    let state = state(client.disabled_at.as_deref());
    println!("{}\t{rights}\t{secret}\t{}\t{state}", client.id, client.created_at);
}
