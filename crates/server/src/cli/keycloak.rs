//! `latimer keycloak-client`: the clients that people and services sign in by, in a company's Keycloak.

use std::io::BufRead;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand, ValueEnum};
use secrecy::{ExposeSecret, SecretString};

use realm::{Credentials, Realm};
use wire::{Client, NewClient};

mod realm;
mod wire;

#[derive(Debug, Subcommand)]
pub(super) enum Task {
    /// Make a client; the secret of a service client is printed
    Create(Creation),
    /// List the clients that have the scope `codemie`: id and kind
    List {
        #[command(flatten)]
        reach: Reach,
    },
    /// Delete a client that has the scope `codemie`
    Delete {
        #[command(flatten)]
        reach: Reach,
        /// The client's id
        #[arg(long)]
        id: String,
    },
}

/// Where Keycloak is, and who administers it.
#[derive(Debug, Args)]
pub(super) struct Reach {
    /// Keycloak's address, with or without /auth at its end
    #[arg(long)]
    url: reqwest::Url,
    /// The realm of the client
    #[arg(long, default_value = "codemie-prod")]
    realm: String,
    /// Who administers the realm's clients and users
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    admin_user: Option<String>,
    /// The realm that the administrator belongs to
    #[arg(long, value_name = "REALM", default_value = "master")]
    admin_realm: String,
    /// Read the administrator's password from standard input
    #[arg(long, requires = "admin_user", conflicts_with = "admin_token_stdin")]
    password_stdin: bool,
    /// Read an administrator's access token from standard input instead
    #[arg(long, required_unless_present = "password_stdin")]
    admin_token_stdin: bool,
}

#[derive(Debug, Args)]
pub(super) struct Creation {
    #[command(flatten)]
    reach: Reach,
    /// Who signs in by the client
    #[arg(long)]
    kind: Kind,
    /// The client's id, such as codemie-sdk
    #[arg(long)]
    id: String,
    /// Where a web page stands that people sign in from, such as https://codemie.example.com
    #[arg(long, value_name = "URL")]
    root_url: Option<reqwest::Url>,
    /// What a service may do [default: developer]
    #[arg(long)]
    role: Option<Role>,
    /// A project that a service belongs to; may be repeated
    #[arg(long, value_name = "NAME")]
    project: Vec<String>,
    /// A service's e-mail address [default: ID@service.invalid]
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
}

/// Who signs in by a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// People, by name and password
    UserPassword,
    /// A program, by the client's secret
    ClientSecret,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    /// The projects that it belongs to
    Developer,
    /// All projects
    Admin,
}

pub(super) async fn run(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Create(creation) => create(creation).await,
        Task::List { reach } => list(&reach.open().await?).await,
        Task::Delete { reach, id } => delete(&reach.open().await?, &id).await,
    }
}

async fn create(creation: Creation) -> anyhow::Result<()> {
    let is_service = creation.kind == Kind::ClientSecret;
    let says_what_it_may =
        creation.role.is_some() || !creation.project.is_empty() || creation.email.is_some();
    ensure!(
        is_service || !says_what_it_may,
        "--role, --project and --email belong to --kind client-secret; people have theirs in Keycloak"
    );
    let realm = creation.reach.open().await?;
    if realm.lets_people_write_their_attributes().await? {
        eprintln!(
            "warning: realm `{}` lets people write attributes of their own, and so make themselves members of any \
             project; set its unmanaged attributes to \"Only administrators can write\"",
            realm.name()
        );
    }
    let new = NewClient::new(&creation.id, is_service, creation.root_url.as_ref());
    if !is_service {
        realm.add_client(new).await?;
        eprintln!("made client {}: people sign in by it with their password", creation.id);
        return Ok(());
    }
    let secret = create_service(&realm, new, &creation).await?;
    println!("{}", secret.expose_secret());
    eprintln!("made client {}: the line above is its secret", creation.id);
    Ok(())
}

/// Makes the client with all that its tokens tell, or nothing.
async fn create_service(realm: &Realm, new: NewClient, creation: &Creation) -> anyhow::Result<SecretString> {
    let role = creation.role.unwrap_or(Role::Developer).name();
    let role = realm.role(role).await?;
    let client = realm.add_client(new).await?;
    let equip = async {
        let user = realm.service_user(&client).await?;
        realm.grant(&user, &role).await?;
        let email = creation.email.clone().unwrap_or_else(|| format!("{}@service.invalid", creation.id));
        realm.describe(user, &creation.id, &email, &creation.project).await?;
        realm.secret(&client).await
    };
    let equipped = equip.await;
    if equipped.is_err() && realm.delete_client(&client).await.is_err() {
        return equipped.with_context(|| {
            format!("client `{}` is there but not whole, and can't be deleted", creation.id)
        });
    }
    equipped
}

async fn list(realm: &Realm) -> anyhow::Result<()> {
    for client in realm.clients().await? {
        let kind = Kind::of(&client).and_then(|kind| kind.to_possible_value());
        println!("{}\t{}", client.client_id, kind.as_ref().map_or("other", |kind| kind.get_name()));
    }
    Ok(())
}

async fn delete(realm: &Realm, id: &str) -> anyhow::Result<()> {
    // Keycloak's own clients, without which the realm does not work, are never among them.
    let client = realm.clients().await?.into_iter().find(|client| client.client_id == id);
    let client = client
        .with_context(|| format!("realm `{}` has no client `{id}` with the scope `codemie`", realm.name()))?;
    realm.delete_client(&client.id).await?;
    eprintln!("deleted client {id}");
    Ok(())
}

impl Reach {
    async fn open(&self) -> anyhow::Result<Realm> {
        let secret = first_line()?;
        let credentials = match &self.admin_user {
            Some(user) => Credentials::Password { realm: &self.admin_realm, user, password: secret },
            None => Credentials::Token(secret),
        };
        Realm::open(&self.url, &self.realm, credentials).await
    }
}

impl Kind {
    fn of(client: &Client) -> Option<Self> {
        if client.service_accounts_enabled && !client.public_client {
            return Some(Self::ClientSecret);
        }
        (client.public_client && client.direct_access_grants_enabled).then_some(Self::UserPassword)
    }
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Developer => "developer",
            Self::Admin => "admin",
        }
    }
}

fn first_line() -> anyhow::Result<SecretString> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("standard input can't be read")?;
    let secret = line.trim_end_matches(['\r', '\n']);
    ensure!(!secret.is_empty(), "standard input has nothing to sign in with");
    Ok(secret.into())
}
