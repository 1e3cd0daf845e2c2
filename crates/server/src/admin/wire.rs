//! The JSON of administration, spoken by the routes and by the commands.

use std::fmt;
use std::str::FromStr;

use chat::{Scope, Scopes};
use identity::store::{
    Allowance, Kind, Member as StoredMember, Profile, Roles, StoredClient, StoredKey, StoredProject,
};
use identity::{IssuedSecret, KeyRights};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::body::given;

/// A secret on its way to whoever may see it; `Debug` shows nothing.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub(crate) struct Secret(SecretString);

impl Secret {
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl From<SecretString> for Secret {
    fn from(secret: SecretString) -> Self {
        Self(secret)
    }
}

impl From<Secret> for SecretString {
    fn from(secret: Secret) -> Self {
        secret.0
    }
}

/// What a user may be beyond being there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[schema(as = admin::Role)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// May do everything.
    Admin,
    /// May work in projects.
    Developer,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Admin => "admin",
            Self::Developer => "developer",
        })
    }
}

/// The roles of this list.
pub(crate) fn roles(listed: &[Role]) -> Roles {
    Roles { admin: listed.contains(&Role::Admin), developer: listed.contains(&Role::Developer) }
}

/// A user to add.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewUser {
    /// What the user signs in as, in any case.
    pub(crate) username: String,
    /// The full name.
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    /// A developer's, if nothing is said.
    pub(crate) roles: Option<Vec<Role>>,
    /// A guest of the organisation.
    pub(crate) external: Option<bool>,
    /// A random one if there is none.
    pub(crate) password: Option<Secret>,
    /// Messages in thirty days; no limit of its own if nothing is said.
    pub(crate) message_limit: Option<u32>,
}

/// A user just added.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct AddedUser {
    pub(crate) user: User,
    /// The random one, shown once; `null` if it was given.
    pub(crate) password: Option<Secret>,
}

/// What to change about a user; what is absent stays.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserChange {
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    /// All of them, instead of those that there are.
    pub(crate) roles: Option<Vec<Role>>,
    pub(crate) external: Option<bool>,
    /// Ends sign-ins and tokens and, while it lasts, keys.
    pub(crate) disabled: Option<bool>,
    /// A whole number from 0; `null` takes it away.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub(crate) message_limit: Option<Option<u32>>,
}

/// A password: to set, or the random one that was set.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Password {
    /// Asked: a random one if there is none. Answered: the random one, shown once; `null` if it was given.
    pub(crate) password: Option<Secret>,
}

/// Whoever is known: those who sign in here, services, and those of other issuers.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = admin::User)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) email: String,
    /// `person`, `service` or `foreign`.
    pub(crate) kind: String,
    /// Who vouches for one that is foreign.
    pub(crate) issuer: Option<String>,
    pub(crate) roles: Vec<Role>,
    pub(crate) external: bool,
    pub(crate) disabled_at: Option<String>,
    /// Messages in thirty days; `null` without a limit of its own.
    pub(crate) message_limit: Option<u32>,
    /// Those of the last thirty days that count.
    pub(crate) messages_used: u64,
}

impl User {
    pub(crate) fn new(profile: Profile, allowance: Allowance) -> Self {
        let (kind, issuer) = match profile.kind {
            Kind::Person => ("person", None),
            Kind::Service => ("service", None),
            Kind::Foreign { issuer, subject: _ } => ("foreign", Some(issuer)),
        };
        let Roles { admin, developer } = profile.roles;
        let roles = [(admin, Role::Admin), (developer, Role::Developer)];
        Self {
            id: profile.account.to_string(),
            username: profile.username,
            name: profile.name,
            email: profile.email,
            kind: kind.to_owned(),
            issuer,
            roles: roles.into_iter().filter(|(has, _)| *has).map(|(_, role)| role).collect(),
            external: profile.is_external,
            disabled_at: profile.disabled_at.map(|time| time.to_string()),
            message_limit: allowance.limit,
            messages_used: allowance.used,
        }
    }
}

/// A service client to make.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewClient {
    /// The client id.
    pub(crate) id: String,
    /// The grant `client_credentials`; `true` if nothing is said.
    pub(crate) service_account: Option<bool>,
    /// The grant `password`.
    pub(crate) password_grant: Option<bool>,
    /// Standard token exchange.
    pub(crate) token_exchange: Option<bool>,
    /// Token exchange into any account that is no administrator's.
    pub(crate) may_impersonate: Option<bool>,
}

/// What to change about a client; what is absent stays.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientChange {
    pub(crate) service_account: Option<bool>,
    pub(crate) password_grant: Option<bool>,
    pub(crate) token_exchange: Option<bool>,
    pub(crate) may_impersonate: Option<bool>,
    /// Shuts it out of the token endpoint.
    pub(crate) disabled: Option<bool>,
}

/// A client's secret just made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ClientSecret {
    pub(crate) id: String,
    /// Shown once.
    pub(crate) secret: Secret,
}

impl From<IssuedSecret> for ClientSecret {
    fn from(issued: IssuedSecret) -> Self {
        Self { id: issued.client, secret: issued.secret.into() }
    }
}

/// A client of the built-in issuer.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Client {
    pub(crate) id: String,
    /// Has no secret.
    pub(crate) public: bool,
    /// The id of its service account.
    pub(crate) account: Option<String>,
    pub(crate) service_account: bool,
    pub(crate) password_grant: bool,
    pub(crate) token_exchange: bool,
    pub(crate) may_impersonate: bool,
    pub(crate) created_at: String,
    pub(crate) disabled_at: Option<String>,
}

impl From<StoredClient> for Client {
    fn from(client: StoredClient) -> Self {
        Self {
            id: client.id,
            public: client.secret_hash.is_none(),
            account: client.account.map(|account| account.to_string()),
            service_account: client.rights.service_account,
            password_grant: client.rights.password_grant,
            token_exchange: client.rights.token_exchange,
            may_impersonate: client.rights.may_impersonate,
            created_at: client.created_at.to_string(),
            disabled_at: client.disabled_at.map(|time| time.to_string()),
        }
    }
}

/// A project to make.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct NewProject {
    pub(crate) name: String,
}

/// A project with members.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Project {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) created_at: String,
}

impl From<StoredProject> for Project {
    fn from(project: StoredProject) -> Self {
        let created_at = project.created_at.to_string();
        Self { id: project.id, name: project.name, created_at }
    }
}

/// What a member may do.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Membership {
    /// May change the project; `false` if nothing is said.
    pub(crate) admin: Option<bool>,
}

/// Who is in a project.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Member {
    /// The account's id.
    pub(crate) id: String,
    /// The account's name.
    pub(crate) name: String,
    pub(crate) admin: bool,
    /// Only as long as the claims of its tokens say so.
    pub(crate) by_claim: bool,
}

impl From<StoredMember> for Member {
    fn from(member: StoredMember) -> Self {
        Self {
            id: member.account.to_string(),
            name: member.account_name,
            admin: member.is_admin,
            by_claim: member.by_claim,
        }
    }
}

/// What a key is good for, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String)]
pub(crate) struct ScopeName(pub(crate) Scope);

impl FromStr for ScopeName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let names = || Scope::ALL.map(Scope::name).join(", ");
        Scope::from_name(name).map(Self).ok_or_else(|| format!("no such scope; there are {}", names()))
    }
}

impl TryFrom<String> for ScopeName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<ScopeName> for String {
    fn from(scope: ScopeName) -> Self {
        scope.0.name().to_owned()
    }
}

/// A key to make.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewKey {
    /// Whose it is, by name.
    pub(crate) account: String,
    /// What its owner calls it.
    pub(crate) label: String,
    /// What it is good for: `chat`, `documents`, `assistants`, `admin`; all but `admin` if nothing is said.
    pub(crate) scopes: Option<Vec<ScopeName>>,
    /// When it ends by itself, as RFC 3339 has it.
    #[schema(value_type = Option<String>)]
    pub(crate) expires_at: Option<Timestamp>,
    /// Messages in thirty days; no limit but the account's if nothing is said.
    pub(crate) message_limit: Option<u32>,
}

impl NewKey {
    pub(crate) fn rights(&self) -> KeyRights {
        let listed = |scopes: &Vec<ScopeName>| scopes.iter().map(|scope| scope.0).collect();
        KeyRights {
            scopes: self.scopes.as_ref().map_or(Scopes::EVERYDAY, listed),
            expires_at: self.expires_at,
            message_limit: self.message_limit,
        }
    }
}

/// What to change about a key; what is absent stays.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyChange {
    /// A whole number from 0; `null` takes it away.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub(crate) message_limit: Option<Option<u32>>,
}

/// A key just made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct IssuedKey {
    pub(crate) id: String,
    /// Shown once.
    pub(crate) key: Secret,
    pub(crate) account: String,
    pub(crate) label: String,
}

/// A key without the key.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) label: String,
    pub(crate) scopes: Vec<ScopeName>,
    pub(crate) created_at: String,
    #[schema(value_type = Option<String>)]
    pub(crate) expires_at: Option<Timestamp>,
    /// To the minute.
    pub(crate) last_used_at: Option<String>,
    pub(crate) revoked_at: Option<String>,
    /// Messages in thirty days; `null` without a limit but the account's.
    pub(crate) message_limit: Option<u32>,
    /// Those of the last thirty days that count.
    pub(crate) messages_used: u64,
}

impl From<StoredKey> for Key {
    fn from(key: StoredKey) -> Self {
        Self {
            id: key.id,
            account: key.account,
            label: key.label,
            scopes: key.scopes.iter().map(ScopeName).collect(),
            created_at: key.created_at.to_string(),
            expires_at: key.expires_at,
            last_used_at: key.last_used_at.map(|time| time.to_string()),
            revoked_at: key.revoked_at.map(|time| time.to_string()),
            message_limit: key.allowance.limit,
            messages_used: key.allowance.used,
        }
    }
}

/// How to reach the running server.
#[derive(Serialize, Deserialize)]
pub(crate) struct Reach {
    pub(crate) address: String,
    pub(crate) token: Secret,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_for_developers_shows_no_secret() {
        let secret = || Secret::from(SecretString::from("correct horse"));
        let bodies = [
            format!("{:?}", Password { password: Some(secret()) }),
            format!("{:?}", ClientSecret { id: "robot".to_owned(), secret: secret() }),
        ];
        assert!(bodies.iter().all(|body| !body.contains("horse")), "{bodies:?}");
        assert_eq!(serde_json::to_string(&secret()).expect("JSON"), "\"correct horse\"");
    }
}
