//! `latimer keys`: through the running server, or, if none runs, in the data directory itself.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use chat::clock::SystemClock;
use clap::Subcommand;
use identity::Keys;
use secrecy::{ExposeSecret, SecretString};

use crate::admin::{AdminFile, wire};
use crate::config::Config;
use crate::serve::open_store;

#[derive(Debug, Subcommand)]
pub(super) enum Task {
    /// Make a key, and its account if there is none of that name; the key is printed once
    Create {
        /// Whose key it is
        #[arg(long)]
        account: String,
        /// What to call it
        #[arg(long, default_value = "key")]
        label: String,
    },
    /// List all keys
    List,
    /// Revoke a key by its id
    Revoke {
        /// Such as key_…
        id: String,
    },
}

/// The keys, wherever they can be reached.
enum Reach {
    Server { address: String, token: SecretString },
    Directory(Box<Keys>),
}

pub(super) async fn run(config: &Config, task: Task) -> anyhow::Result<()> {
    let (reach, store) = reach(&config.data_dir).await?;
    match task {
        Task::Create { account, label } => {
            let issued = create(&reach, wire::NewKey { account, label }).await?;
            println!("{}", issued.key);
            eprintln!("key {} of account {}; it is not shown again", issued.id, issued.account);
        }
        Task::List => {
            for key in list(&reach).await? {
                let state =
                    key.revoked_at.map_or_else(|| "valid".to_owned(), |time| format!("revoked {time}"));
                println!("{}\t{}\t{}\t{}\t{state}", key.id, key.account, key.label, key.created_at);
            }
        }
        Task::Revoke { id } => {
            anyhow::ensure!(revoke(&reach, &id).await?, "there is no key {id}");
            println!("revoked {id}");
        }
    }
    if let Some(store) = store {
        store.close().await;
    }
    Ok(())
}

async fn reach(data_dir: &Path) -> anyhow::Result<(Reach, Option<Arc<store::SqliteStore>>)> {
    let clock = Arc::new(SystemClock);
    match open_store(data_dir, clock.as_ref()).await {
        Ok(store) => {
            let keys = Keys::new(store.clone(), clock).await?;
            Ok((Reach::Directory(Box::new(keys)), Some(store)))
        }
        Err(crate::serve::StartError::DataDir(in_use @ store::DataDirError::InUse { .. })) => {
            let found =
                AdminFile::read(data_dir).context("the address file of the running server can't be read")?;
            let (address, token) = found.ok_or(in_use).context("a process has it that serves nothing")?;
            Ok((Reach::Server { address, token }, None))
        }
        Err(error) => Err(error.into()),
    }
}

async fn create(reach: &Reach, new: wire::NewKey) -> anyhow::Result<wire::IssuedKey> {
    match reach {
        Reach::Directory(keys) => {
            let issued = keys.create(&new.account, &new.label).await?;
            let key = issued.secret.expose_secret().to_owned();
            Ok(wire::IssuedKey { id: issued.id, key, account: new.account, label: new.label })
        }
        Reach::Server { address, token } => {
            let request = client()?.post(format!("{address}/api/admin/keys")).json(&new);
            Ok(send(request, token).await?.json().await?)
        }
    }
}

async fn list(reach: &Reach) -> anyhow::Result<Vec<wire::Key>> {
    match reach {
        Reach::Directory(keys) => Ok(keys.list().await?.into_iter().map(wire::Key::from).collect()),
        Reach::Server { address, token } => {
            Ok(send(client()?.get(format!("{address}/api/admin/keys")), token).await?.json().await?)
        }
    }
}

async fn revoke(reach: &Reach, id: &str) -> anyhow::Result<bool> {
    match reach {
        Reach::Directory(keys) => Ok(keys.revoke(id).await?),
        Reach::Server { address, token } => {
            let mut url = reqwest::Url::parse(address)?;
            url.path_segments_mut()
                .map_err(|()| anyhow::anyhow!("no address"))?
                .extend(["api", "admin", "keys", id]);
            let response = client()?.delete(url).bearer_auth(token.expose_secret()).send().await?;
            if response.status() == reqwest::StatusCode::NOT_FOUND {
                return Ok(false);
            }
            super::ask::refuse(response).await?;
            Ok(true)
        }
    }
}

async fn send(request: reqwest::RequestBuilder, token: &SecretString) -> anyhow::Result<reqwest::Response> {
    let response = request.bearer_auth(token.expose_secret()).send().await;
    super::ask::refuse(response.context("the running server can't be reached")?).await
}

/// The server is on this machine: no proxy, and soon or never.
pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().connect_timeout(std::time::Duration::from_secs(5)).build()
}
