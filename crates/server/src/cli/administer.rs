//! `latimer users`, `clients`, `projects`, `keys`, `assistants`: lines of fields with tabs between them on standard output, remarks on
//! standard error.

use clap::Subcommand;
use secrecy::SecretString;

use super::reach::Reach;
use crate::admin::wire;
use crate::config::Config;

mod assistants;
mod clients;
mod keys;
mod projects;
mod users;

#[derive(Debug, Subcommand)]
pub(super) enum Task {
    /// Add, list, change and delete users
    #[command(subcommand)]
    Users(users::Task),
    /// Make, list, change and delete service clients
    #[command(subcommand)]
    Clients(clients::Task),
    /// Make and list projects, and who is in them
    #[command(subcommand)]
    Projects(projects::Task),
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Keys(keys::Task),
    /// Make, list, change and delete assistants, which are bots in Cody's API
    #[command(subcommand)]
    Assistants(assistants::Task),
}

pub(super) async fn run(config: &Config, task: Task) -> anyhow::Result<()> {
    let reach = Reach::open(&config.data_dir).await?;
    let done = match task {
        Task::Users(task) => users::run(&reach, task).await,
        Task::Clients(task) => clients::run(&reach, task).await,
        Task::Projects(task) => projects::run(&reach, task).await,
        Task::Keys(task) => keys::run(&reach, task).await,
        Task::Assistants(task) => assistants::run(&reach, task).await,
    };
    reach.close().await;
    done
}

/// What is disabled, and since when.
fn state(disabled_at: Option<&str>) -> String {
    disabled_at.map_or_else(|| "enabled".to_owned(), |time| format!("disabled {time}"))
}

/// Names, or `-` for none.
fn list<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(",") }
}

/// `--enable` and `--disable`, of which clap lets through one.
fn disabled(enable: bool, disable: bool) -> Option<bool> {
    (enable || disable).then_some(disable)
}

/// The first line of standard input, if it is asked for.
fn read_password(from_stdin: bool) -> anyhow::Result<Option<wire::Secret>> {
    if !from_stdin {
        return Ok(None);
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!password.is_empty(), "there is no password on standard input");
    Ok(Some(SecretString::from(password).into()))
}
