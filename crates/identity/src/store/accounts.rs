//! The port to people, services and projects.

use std::collections::HashMap;

use async_trait::async_trait;
use chat::ids::AccountId;
use chat::store::StoreError;
use jiff::Timestamp;
use secrecy::SecretString;

/// Where an account comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Somebody who signs in here, with a password.
    Person,
    /// A service client's own account.
    Service,
    /// Somebody whom another issuer vouches for.
    Foreign {
        /// The issuer, as its tokens name it.
        issuer: String,
        /// The issuer's name for the account.
        subject: String,
    },
}

/// What somebody may be beyond being there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles {
    /// May do everything.
    pub admin: bool,
    /// May work in projects.
    pub developer: bool,
}

/// Who an account is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The account.
    pub account: AccountId,
    /// Where it comes from.
    pub kind: Kind,
    /// What it signs in as. Unique, in any case, among those who sign in here.
    pub username: String,
    /// The full name; may be empty.
    pub name: String,
    /// May be empty. Unique, in any case, among those who sign in here.
    pub email: String,
    /// Where a picture is.
    pub picture: Option<String>,
    /// A guest of the organisation.
    pub is_external: bool,
    /// What it may do.
    pub roles: Roles,
    /// Names of knowledge bases, as claims gave them.
    pub knowledge_bases: Vec<String>,
    /// Tokens that were issued before count no more.
    pub tokens_from: Timestamp,
    /// When it was disabled, if it is.
    pub disabled_at: Option<Timestamp>,
}

/// A limit of messages in `chat::store::QUOTA_WINDOW`, and how far it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    /// How many messages may be sent; `None`: none of its own.
    pub limit: Option<u32>,
    /// How many were sent and count.
    pub used: u64,
}

/// A person to add.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The account, if there is none of this name yet.
    pub account: AccountId,
    /// What the person signs in as, and the account's name.
    pub username: String,
    /// The full name; may be empty.
    pub name: String,
    /// May be empty.
    pub email: String,
    /// A guest of the organisation.
    pub is_external: bool,
    /// What the person may do.
    pub roles: Roles,
    /// The password's argon2id hash.
    pub password: SecretString,
    /// Now.
    pub now: Timestamp,
}

/// What became of somebody to add or to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is there.
    Account(AccountId),
    /// Somebody has the name.
    NameTaken,
    /// Somebody has the e-mail address.
    EmailTaken,
    /// There is nobody to change.
    Missing,
}

/// What to change about a person or a service; `None` leaves it as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserChange {
    /// The full name.
    pub name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether it is a guest.
    pub is_external: Option<bool>,
    /// What it may do.
    pub roles: Option<Roles>,
    /// Whether it is shut out.
    pub disabled: Option<bool>,
}

/// What a password is checked against.
#[derive(Debug, Clone)]
pub struct Login {
    /// Whose.
    pub account: AccountId,
    /// The password's argon2id hash.
    pub password: SecretString,
}

/// What the claims of a foreign issuer say, to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignSignIn {
    /// The account's id, if it is new.
    pub account: AccountId,
    /// The account's name, if it is new.
    pub account_name: String,
    /// The issuer.
    pub issuer: String,
    /// The issuer's name for the account.
    pub subject: String,
    /// The user's name there.
    pub username: String,
    /// The full name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
    /// Where a picture is.
    pub picture: Option<String>,
    /// A guest of the organisation.
    pub is_external: bool,
    /// What it may do.
    pub roles: Roles,
    /// Names of knowledge bases.
    pub knowledge_bases: Vec<String>,
    /// Its projects by name, and whether it administers them: they replace what earlier claims said.
    pub projects: Vec<(String, bool)>,
    /// SHA-256 of all that, and when the token that says it was issued.
    pub claims: AppliedClaims,
    /// Now.
    pub now: Timestamp,
}

/// Which claims were applied last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppliedClaims {
    /// SHA-256 of what they say.
    pub hash: [u8; 32],
    /// When their token was issued.
    pub issued_at: Timestamp,
}

/// A project with members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredProject {
    /// Its id, such as `proj_…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Whose a project is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProjectKind {
    /// The account's own, there from the beginning, which nobody else can be in.
    Personal,
    /// Another one of the account's own, which nobody else can be in either.
    Own,
    /// One with members.
    Shared,
}

/// An account's part in a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The project's id.
    pub project: String,
    /// The project's name.
    pub name: String,
    /// Whose it is.
    pub kind: ProjectKind,
    /// May change the project.
    pub is_admin: bool,
}

/// A project's member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The account.
    pub account: AccountId,
    /// The account's name.
    pub account_name: String,
    /// May change the project.
    pub is_admin: bool,
    /// By the claims of a token alone: gone when they no longer say so.
    pub by_claim: bool,
}

/// Everything durable about people, services and projects.
#[async_trait]
pub trait AccountStore: Send + Sync + 'static {
    /// Adds a person with a personal project. An account of the name that nobody signs in to becomes the person's.
    async fn add_user(&self, user: NewUser) -> Result<Added, StoreError>;

    /// Everybody, in the order of their names; services too.
    async fn profiles(&self) -> Result<Vec<Profile>, StoreError>;

    /// Who the account is. `None` for one that only keys belong to.
    async fn profile(&self, account: AccountId) -> Result<Option<Profile>, StoreError>;

    /// The one, among those who sign in here, with this name in any case.
    async fn profile_by_username(&self, username: &str) -> Result<Option<Profile>, StoreError>;

    /// The one, among those who sign in here, with this very e-mail address in any case.
    async fn profile_by_email(&self, email: &str) -> Result<Option<Profile>, StoreError>;

    /// The person whose name this is, or else whose e-mail address.
    async fn login(&self, username_or_email: &str) -> Result<Option<Login>, StoreError>;

    /// Changes a profile. Disabling ends its sign-ins and tokens.
    async fn change_user(
        &self,
        account: AccountId,
        change: UserChange,
        now: Timestamp,
    ) -> Result<Added, StoreError>;

    /// Sets how many messages an account may send in `chat::store::QUOTA_WINDOW`; `None`: no limit of its own. False if there
    /// is no such account.
    async fn limit_account(&self, account: AccountId, limit: Option<u32>) -> Result<bool, StoreError>;

    /// The limit of every account, or of this one alone, and how many messages count on it now.
    async fn allowances(
        &self,
        only: Option<AccountId>,
        now: Timestamp,
    ) -> Result<HashMap<AccountId, Allowance>, StoreError>;

    /// Sets a person's password, a hash; ends its sign-ins and tokens. False if there is no such person.
    async fn set_password(
        &self,
        account: AccountId,
        password: SecretString,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Deletes a profile and its memberships, revokes its keys, ends its sign-ins and frees its name. What it has said
    /// stays, out of reach. False if there is no such profile.
    async fn delete_user(&self, account: AccountId, now: Timestamp) -> Result<bool, StoreError>;

    /// The account that an issuer vouches for, and which claims were applied last.
    async fn foreign(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<(Profile, Option<AppliedClaims>)>, StoreError>;

    /// Makes or updates the account that an issuer vouches for, its personal project and its memberships.
    async fn sign_in_foreign(&self, sign_in: ForeignSignIn) -> Result<AccountId, StoreError>;

    /// The id of the project with members of this name; made under `id` if there is none.
    async fn ensure_project(&self, id: &str, name: &str, now: Timestamp) -> Result<String, StoreError>;

    /// The id of the account's personal project, named as told; made under `id` if there is none.
    async fn ensure_personal_project(
        &self,
        id: &str,
        account: AccountId,
        name: &str,
        now: Timestamp,
    ) -> Result<String, StoreError>;

    /// The id of the account's own project of this name, the personal one included; made under `id` if there is none.
    async fn ensure_own_project(
        &self,
        id: &str,
        account: AccountId,
        name: &str,
        now: Timestamp,
    ) -> Result<String, StoreError>;

    /// The ids of all projects of this id or name, whosever they are, oldest first.
    async fn projects_called(&self, id_or_name: &str) -> Result<Vec<String>, StoreError>;

    /// All projects with members, by name.
    async fn projects(&self) -> Result<Vec<StoredProject>, StoreError>;

    /// The account's projects: the personal one, the others of its own, those that it is a member of; each by name.
    async fn projects_of(&self, account: AccountId) -> Result<Vec<Membership>, StoreError>;

    /// A project's members, by name; `None` if there is no project with members of this id.
    async fn members(&self, project: &str) -> Result<Option<Vec<Member>>, StoreError>;

    /// Adds a member, or changes whether it is an administrator. False if there is no such project or account.
    async fn set_member(&self, project: &str, account: AccountId, is_admin: bool)
    -> Result<bool, StoreError>;

    /// Takes back what [`AccountStore::set_member`] gave; what claims say stays. False if there was nothing.
    async fn remove_member(&self, project: &str, account: AccountId) -> Result<bool, StoreError>;
}
