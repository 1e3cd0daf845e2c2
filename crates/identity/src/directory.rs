//! Administration of who can sign in and of what they belong to: users, service clients, projects and members.
//!
//! Whoever calls this is an administrator, or the server's own start; only [`Directory::profile`] and
//! [`Directory::projects_of`] are for everybody, about themselves.

use std::collections::HashMap;
use std::sync::Arc;

use chat::Principal;
use chat::clock::Clock;
use chat::ids::{AccountId, public_id, random_base62};
use chat::store::StoreError;
use secrecy::{ExposeSecret as _, SecretString};

use crate::fault::Fault;
use crate::issuer::{SERVICE_PREFIX, secret_hash};
use crate::passwords::Passwords;
use crate::store::{
    AccountStore, Added, Allowance, IssuerStore, Kind, Member, Membership, NewUser, Profile, ProjectKind,
    Roles, ServiceClient, StoredClient, StoredProject, UserChange,
};

const MAX_NAME: usize = 100;
const MAX_EMAIL: usize = 254;
const MIN_PASSWORD: usize = 8;
const MAX_PASSWORD: usize = 1024;
/// 43 characters of base 62 are 256 bits.
const SECRET_LENGTH: usize = 43;
/// The account of the anonymous caller and of the command line, which nobody signs in to.
const LOCAL_ACCOUNT: &str = "local";

/// Why it could not be done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DirectoryError {
    /// A field is wrong.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Somebody or something else has it.
    #[error("{0} is taken")]
    Taken(&'static str),
    /// It is not there.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The name is that of several, whose ids these are.
    #[error("there are several projects of this name; name one by its id: {}", .0.join(", "))]
    Ambiguous(Vec<String>),
    /// Our fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<StoreError> for DirectoryError {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}

/// A person to add.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// What the person signs in as, in any case; no blanks. May be an e-mail address.
    pub username: String,
    /// The full name; may be empty.
    pub name: String,
    /// May be empty.
    pub email: String,
    /// A guest of the organisation.
    pub is_external: bool,
    /// What the person may do.
    pub roles: Roles,
}

/// A client's secret just made: the only moment it can be seen.
#[derive(Debug, Clone)]
pub struct IssuedSecret {
    /// The client's id.
    pub client: String,
    /// The secret.
    pub secret: SecretString,
}

/// A password that nobody has to think of: 131 random bits.
pub fn generated_password() -> SecretString {
    random_base62(22).into()
}

/// Users, service clients, projects. Cheap to clone.
#[derive(Clone)]
pub struct Directory {
    accounts: Arc<dyn AccountStore>,
    issuer: Arc<dyn IssuerStore>,
    clock: Arc<dyn Clock>,
    passwords: Passwords,
}

impl Directory {
    pub(crate) fn new(
        accounts: Arc<dyn AccountStore>,
        issuer: Arc<dyn IssuerStore>,
        clock: Arc<dyn Clock>,
        passwords: Passwords,
    ) -> Self {
        Self { accounts, issuer, clock, passwords }
    }

    /// Adds a person who signs in by this password, with a personal project.
    pub async fn add_user(&self, user: User, password: &SecretString) -> Result<AccountId, DirectoryError> {
        check_username(&user.username)?;
        check_text("name", &user.name, MAX_NAME)?;
        check_email(&user.email)?;
        let password = self.hash(password).await?;
        let new = NewUser {
            account: AccountId::new(self.clock.as_ref()),
            username: user.username.to_lowercase(),
            name: user.name,
            email: user.email,
            is_external: user.is_external,
            roles: user.roles,
            password,
            now: self.clock.now(),
        };
        added(self.accounts.add_user(new).await?)
    }

    /// Everybody, services and those of other issuers too, by name.
    pub async fn users(&self) -> Result<Vec<Profile>, DirectoryError> {
        Ok(self.accounts.profiles().await?)
    }

    /// The one of this name or id.
    pub async fn user(&self, name_or_id: &str) -> Result<Profile, DirectoryError> {
        let found = match crate::issuer::account_of(name_or_id) {
            Some(account) => self.accounts.profile(account).await?,
            None => self.accounts.profile_by_username(name_or_id).await?,
        };
        found.ok_or(DirectoryError::NotFound("user"))
    }

    /// Changes a person or a service. Disabling ends sign-ins, tokens and, while it lasts, keys.
    pub async fn change_user(&self, account: AccountId, change: UserChange) -> Result<(), DirectoryError> {
        check_text("name", change.name.as_deref().unwrap_or_default(), MAX_NAME)?;
        check_email(change.email.as_deref().unwrap_or_default())?;
        added(self.accounts.change_user(account, change, self.clock.now()).await?).map(drop)
    }

    /// Sets how many messages an account may send in thirty days; `None`: no limit of its own.
    pub async fn limit_user(&self, account: AccountId, limit: Option<u32>) -> Result<(), DirectoryError> {
        found("user", self.accounts.limit_account(account, limit).await?)
    }

    /// The limit of messages of everybody, or of this account alone, and how far it is used.
    pub async fn allowances(
        &self,
        only: Option<AccountId>,
    ) -> Result<HashMap<AccountId, Allowance>, DirectoryError> {
        Ok(self.accounts.allowances(only, self.clock.now()).await?)
    }

    /// Sets a password, which ends sign-ins and tokens.
    pub async fn set_password(
        &self,
        account: AccountId,
        password: &SecretString,
    ) -> Result<(), DirectoryError> {
        let password = self.hash(password).await?;
        found("user", self.accounts.set_password(account, password, self.clock.now()).await?)
    }

    /// Deletes somebody: sign-ins, tokens and keys end, the name is free. What was said stays, out of reach.
    pub async fn delete_user(&self, account: AccountId) -> Result<(), DirectoryError> {
        let profile = self.accounts.profile(account).await?;
        if profile.is_some_and(|profile| profile.kind == Kind::Service) {
            return Err(DirectoryError::Invalid {
                field: "user",
                problem: "belongs to a client; delete that",
            });
        }
        found("user", self.accounts.delete_user(account, self.clock.now()).await?)
    }

    /// Makes a client with a secret and a service account.
    pub async fn add_client(&self, id: &str, rights: ServiceClient) -> Result<IssuedSecret, DirectoryError> {
        check_client(id)?;
        let secret = SecretString::from(random_base62(SECRET_LENGTH));
        let client = StoredClient {
            id: id.to_owned(),
            account: Some(AccountId::new(self.clock.as_ref())),
            secret_hash: Some(secret_hash(&secret)),
            rights,
            created_at: self.clock.now(),
            disabled_at: None,
        };
        if !self.issuer.add_client(client).await? {
            return Err(DirectoryError::Taken("client id"));
        }
        Ok(IssuedSecret { client: id.to_owned(), secret })
    }

    /// The client of this id.
    pub async fn client(&self, id: &str) -> Result<StoredClient, DirectoryError> {
        self.issuer.client(id).await?.ok_or(DirectoryError::NotFound("client"))
    }

    /// All clients, by id.
    pub async fn clients(&self) -> Result<Vec<StoredClient>, DirectoryError> {
        Ok(self.issuer.clients().await?)
    }

    /// Gives a client a new secret; the old one ends at once.
    pub async fn rotate_client(&self, id: &str) -> Result<IssuedSecret, DirectoryError> {
        let secret = SecretString::from(random_base62(SECRET_LENGTH));
        found("client with a secret", self.issuer.set_client_secret(id, secret_hash(&secret)).await?)?;
        Ok(IssuedSecret { client: id.to_owned(), secret })
    }

    /// Changes what a client may do.
    pub async fn set_client_rights(&self, id: &str, rights: ServiceClient) -> Result<(), DirectoryError> {
        found("client", self.issuer.set_client_rights(id, rights).await?)
    }

    /// Shuts a client out of the token endpoint, or lets it in again.
    pub async fn disable_client(&self, id: &str, disabled: bool) -> Result<(), DirectoryError> {
        let at = disabled.then(|| self.clock.now());
        found("client", self.issuer.disable_client(id, at).await?)
    }

    /// Deletes a client with its service account.
    pub async fn delete_client(&self, id: &str) -> Result<(), DirectoryError> {
        found("client", self.issuer.delete_client(id, self.clock.now()).await?)
    }

    /// The project with members of this name; made if there is none.
    pub async fn ensure_project(&self, name: &str) -> Result<String, DirectoryError> {
        check_text("name", name, MAX_NAME)?;
        // A comma parts the names in a claim.
        if name.trim().is_empty() || name.trim() != name || name.contains(',') {
            let problem = "must not be empty, begin or end with a blank, or have a comma";
            return Err(DirectoryError::Invalid { field: "name", problem });
        }
        Ok(self.accounts.ensure_project(&public_id("proj_"), name, self.clock.now()).await?)
    }

    /// All projects with members, by name.
    pub async fn projects(&self) -> Result<Vec<StoredProject>, DirectoryError> {
        Ok(self.accounts.projects().await?)
    }

    /// The project with members of this id or else of this name.
    pub async fn project(&self, id_or_name: &str) -> Result<StoredProject, DirectoryError> {
        let mut projects = self.accounts.projects().await?;
        let place = projects.iter().position(|project| project.id == id_or_name);
        let place = place.or_else(|| projects.iter().position(|project| project.name == id_or_name));
        place.map(|place| projects.swap_remove(place)).ok_or(DirectoryError::NotFound("project"))
    }

    /// Who is in a project.
    pub async fn members(&self, project: &str) -> Result<Vec<Member>, DirectoryError> {
        self.accounts.members(project).await?.ok_or(DirectoryError::NotFound("project"))
    }

    /// Adds a member, or changes whether it is an administrator of the project.
    pub async fn set_member(
        &self,
        project: &str,
        account: AccountId,
        is_admin: bool,
    ) -> Result<(), DirectoryError> {
        found("project or account", self.accounts.set_member(project, account, is_admin).await?)
    }

    /// Takes a membership back; one that claims give comes and goes with them.
    pub async fn remove_member(&self, project: &str, account: AccountId) -> Result<(), DirectoryError> {
        found("member", self.accounts.remove_member(project, account).await?)
    }

    /// Who the caller is; `None` for an account that only keys belong to.
    pub async fn profile(&self, principal: &Principal) -> Result<Option<Profile>, Fault> {
        Ok(self.accounts.profile(principal.account()).await?)
    }

    /// The caller's projects, the personal one first; it is made if there is none yet.
    pub async fn projects_of(&self, principal: &Principal) -> Result<Vec<Membership>, Fault> {
        let account = principal.account();
        let projects = self.accounts.projects_of(account).await?;
        if projects.first().is_some_and(|project| project.kind == ProjectKind::Personal) {
            return Ok(projects);
        }
        let profile = self.accounts.profile(account).await?;
        let name = profile.map_or_else(|| "personal".to_owned(), |profile| profile.username);
        let id = public_id("proj_");
        self.accounts.ensure_personal_project(&id, account, &name, self.clock.now()).await?;
        Ok(self.accounts.projects_of(account).await?)
    }

    /// The id of the caller's project of this name; without a name, of the personal one. Of two with one name the personal
    /// one counts. An administrator may name any project with members.
    pub async fn project_of(
        &self,
        principal: &Principal,
        name: Option<&str>,
    ) -> Result<Option<String>, Fault> {
        let of_name = |project: &&Membership| name.is_none_or(|name| project.name == name);
        let own = self.projects_of(principal).await?;
        if let Some(project) = own.iter().find(of_name) {
            return Ok(Some(project.project.clone()));
        }
        if !principal.is_admin() {
            return Ok(None);
        }
        let all = self.accounts.projects().await?;
        Ok(all.into_iter().find(|project| Some(project.name.as_str()) == name).map(|project| project.id))
    }

    /// The id of the project that the caller means: by its id, by its name among the caller's own, or among those that
    /// the caller is in; administrators mean all, the command line also all that have members. `None` if there is none, or none that the caller may know of.
    pub async fn named_project(
        &self,
        principal: &Principal,
        id_or_name: &str,
    ) -> Result<Option<String>, DirectoryError> {
        let mine = self.projects_of(principal).await?;
        let by_id = mine.iter().find(|project| project.project == id_or_name);
        // Own ones come first.
        let found = by_id.or_else(|| mine.iter().find(|project| project.name == id_or_name));
        if let Some(project) = found {
            return Ok(Some(project.project.clone()));
        }
        if principal.is_command_line() && !principal.is_admin() {
            let found = self.project(id_or_name).await;
            return if let Err(DirectoryError::NotFound(_)) = found { Ok(None) } else { Ok(Some(found?.id)) };
        }
        if !principal.is_admin() {
            return Ok(None);
        }
        let mut all = self.accounts.projects_called(id_or_name).await?;
        if let Some(place) = all.iter().position(|id| id == id_or_name) {
            return Ok(Some(all.swap_remove(place)));
        }
        if all.len() > 1 { Err(DirectoryError::Ambiguous(all)) } else { Ok(all.pop()) }
    }

    /// As [`Directory::named_project`]; a name of nothing becomes a project of the caller's own.
    pub async fn project_to_write(
        &self,
        principal: &Principal,
        id_or_name: &str,
    ) -> Result<String, DirectoryError> {
        if let Some(project) = self.named_project(principal, id_or_name).await? {
            return Ok(project);
        }
        check_text("projectId", id_or_name, MAX_NAME)?;
        if id_or_name.trim().is_empty() {
            return Err(DirectoryError::Invalid { field: "projectId", problem: "must not be empty" });
        }
        let (id, now) = (public_id("proj_"), self.clock.now());
        Ok(self.accounts.ensure_own_project(&id, principal.account(), id_or_name, now).await?)
    }

    pub(crate) async fn has_people(&self) -> Result<bool, Fault> {
        Ok(self.accounts.profiles().await?.iter().any(|profile| profile.kind == Kind::Person))
    }

    pub(crate) async fn ensure_public_client(&self, id: &str, rights: ServiceClient) -> Result<(), Fault> {
        if self.issuer.client(id).await?.is_none() {
            let created_at = self.clock.now();
            let client = StoredClient {
                id: id.to_owned(),
                account: None,
                secret_hash: None,
                rights,
                created_at,
                disabled_at: None,
            };
            self.issuer.add_client(client).await?;
        }
        Ok(())
    }

    async fn hash(&self, password: &SecretString) -> Result<SecretString, DirectoryError> {
        let length = password.expose_secret().len();
        if !(MIN_PASSWORD..=MAX_PASSWORD).contains(&length) {
            let problem = "must have 8 to 1024 bytes";
            return Err(DirectoryError::Invalid { field: "password", problem });
        }
        Ok(self.passwords.hash(password.clone()).await?)
    }
}

fn added(added: Added) -> Result<AccountId, DirectoryError> {
    match added {
        Added::Account(account) => Ok(account),
        Added::NameTaken => Err(DirectoryError::Taken("username")),
        Added::EmailTaken => Err(DirectoryError::Taken("email")),
        Added::Missing => Err(DirectoryError::NotFound("user")),
    }
}

fn found(what: &'static str, found: bool) -> Result<(), DirectoryError> {
    found.then_some(()).ok_or(DirectoryError::NotFound(what))
}

fn check_text(field: &'static str, text: &str, limit: usize) -> Result<(), DirectoryError> {
    let is_good = text.chars().count() <= limit && !text.chars().any(char::is_control);
    let problem = "is too long, or has a control character";
    is_good.then_some(()).ok_or(DirectoryError::Invalid { field, problem })
}

fn check_username(name: &str) -> Result<(), DirectoryError> {
    check_text("username", name, MAX_NAME)?;
    let is_plain = !name.is_empty() && !name.chars().any(|char| char.is_whitespace() || char == '|');
    // A name that reads as an account's id would be looked up as one.
    let is_id = crate::issuer::account_of(name).is_some();
    let lower = name.to_lowercase();
    let is_ours = lower == LOCAL_ACCOUNT || lower.starts_with(SERVICE_PREFIX);
    let problem =
        "must have no blank and no `|`, and be neither an id nor a name that the server uses itself";
    let is_good = is_plain && !is_id && !is_ours;
    is_good.then_some(()).ok_or(DirectoryError::Invalid { field: "username", problem })
}

fn check_email(email: &str) -> Result<(), DirectoryError> {
    check_text("email", email, MAX_EMAIL)?;
    let is_address = || {
        let parts = email.split_once('@');
        parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
            && !email.contains(char::is_whitespace)
    };
    let problem = "is no e-mail address";
    (email.is_empty() || is_address())
        .then_some(())
        .ok_or(DirectoryError::Invalid { field: "email", problem })
}

fn check_client(id: &str) -> Result<(), DirectoryError> {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    let is_good = (1..=64).contains(&id.len()) && id.chars().all(is_plain);
    let problem = "must be 1 to 64 letters, digits, `-`, `_` or `.`";
    is_good.then_some(()).ok_or(DirectoryError::Invalid { field: "id", problem })
}
