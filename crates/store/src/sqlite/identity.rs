//! The ports of identity on SQLite: writes go through the one writer as a [`Change`], reads beside it.

use std::collections::HashMap;

use async_trait::async_trait;
use chat::ids::AccountId;
use chat::store::StoreError;
use identity::store::{
    AccountStore, Added, Allowance, AppliedClaims, ForeignSignIn, IssuerStore, KeyOwner, KeyStore, Login,
    Member, Membership, NewKey, NewSignIn, NewSigningKey, NewUser, Profile, ServiceClient, StoredClient,
    StoredKey, StoredProject, StoredSignIn, StoredSigningKey, StoredTicket, TicketStore, UserChange,
};
use jiff::Timestamp;
use secrecy::SecretString;
use sqlx::SqliteConnection;

use super::writer::Operation;
use super::{SqliteStore, store_error};

mod accounts;
mod issuer;
mod keys;
mod projects;
mod tickets;

/// One write, whole.
pub(super) enum Change {
    EnsureAccount(AccountId, String, Timestamp),
    AddKey(NewKey),
    RevokeKey(String, Timestamp),
    LimitKey(String, Option<u32>),
    NoteKeyUse(String, Timestamp),
    AddUser(NewUser),
    UpdateUser(AccountId, UserChange, Timestamp),
    LimitAccount(AccountId, Option<u32>),
    SetPassword(AccountId, SecretString, Timestamp),
    DeleteUser(AccountId, Timestamp),
    SignInForeign(ForeignSignIn),
    EnsureProject { id: String, name: String, now: Timestamp },
    EnsurePersonalProject { id: String, account: AccountId, name: String, now: Timestamp },
    EnsureOwnProject { id: String, account: AccountId, name: String, now: Timestamp },
    SetMember { project: String, account: AccountId, is_admin: bool },
    RemoveMember { project: String, account: AccountId },
    AddClient(StoredClient),
    SetClientSecret(String, [u8; 32]),
    SetClientRights(String, ServiceClient),
    DisableClient(String, Option<Timestamp>),
    DeleteClient(String, Timestamp),
    AddSignIn(NewSignIn),
    EndSignIn(String, Timestamp),
    AddSigningKey(NewSigningKey),
    AddTicket([u8; 32], StoredTicket),
    DeliverTicket([u8; 32], Timestamp),
}

/// What a [`Change`] came to.
#[derive(Debug)]
pub(super) enum Changed {
    Done,
    Found(bool),
    Added(Added),
    Account(AccountId),
    Project(String),
}

pub(super) async fn apply(db: &mut SqliteConnection, change: &Change) -> sqlx::Result<Changed> {
    Ok(match change {
        Change::EnsureAccount(id, name, now) => {
            Changed::Account(accounts::ensure_account(db, *id, name, *now).await?)
        }
        Change::AddKey(key) => {
            keys::add_key(db, key).await?;
            Changed::Done
        }
        Change::RevokeKey(id, now) => Changed::Found(keys::revoke_key(db, id, *now).await?),
        Change::LimitKey(id, limit) => Changed::Found(keys::limit_key(db, id, *limit).await?),
        Change::NoteKeyUse(id, now) => {
            keys::note_use(db, id, *now).await?;
            Changed::Done
        }
        Change::AddUser(user) => Changed::Added(accounts::add_user(db, user).await?),
        Change::UpdateUser(account, change, now) => {
            Changed::Added(accounts::change_user(db, *account, change, *now).await?)
        }
        Change::LimitAccount(account, limit) => {
            Changed::Found(accounts::limit_account(db, *account, *limit).await?)
        }
        Change::SetPassword(account, password, now) => {
            Changed::Found(accounts::set_password(db, *account, password, *now).await?)
        }
        Change::DeleteUser(account, now) => Changed::Found(accounts::delete_user(db, *account, *now).await?),
        Change::SignInForeign(sign_in) => Changed::Account(accounts::sign_in_foreign(db, sign_in).await?),
        Change::EnsureProject { id, name, now } => {
            Changed::Project(projects::ensure_project(db, id, name, *now).await?)
        }
        Change::EnsurePersonalProject { id, account, name, now } => {
            Changed::Project(projects::ensure_personal(db, id, *account, name, *now).await?)
        }
        Change::EnsureOwnProject { id, account, name, now } => {
            Changed::Project(projects::ensure_own(db, id, *account, name, *now).await?)
        }
        Change::SetMember { project, account, is_admin } => {
            Changed::Found(projects::set_member(db, project, *account, *is_admin).await?)
        }
        Change::RemoveMember { project, account } => {
            Changed::Found(projects::remove_member(db, project, *account).await?)
        }
        Change::AddClient(client) => Changed::Found(issuer::add_client(db, client).await?),
        Change::SetClientSecret(id, hash) => Changed::Found(issuer::set_client_secret(db, id, hash).await?),
        Change::SetClientRights(id, rights) => {
            Changed::Found(issuer::set_client_rights(db, id, rights).await?)
        }
        Change::DisableClient(id, at) => Changed::Found(issuer::disable_client(db, id, *at).await?),
        Change::DeleteClient(id, now) => Changed::Found(issuer::delete_client(db, id, *now).await?),
        Change::AddSignIn(sign_in) => {
            issuer::add_sign_in(db, sign_in).await?;
            Changed::Done
        }
        Change::EndSignIn(id, now) => {
            issuer::end_sign_in(db, id, *now).await?;
            Changed::Done
        }
        Change::AddSigningKey(key) => {
            issuer::add_signing_key(db, key).await?;
            Changed::Done
        }
        Change::AddTicket(hash, ticket) => {
            tickets::add(db, hash, ticket).await?;
            Changed::Done
        }
        Change::DeliverTicket(hash, now) => {
            tickets::deliver(db, hash, *now).await?;
            Changed::Done
        }
    })
}

impl Changed {
    fn found(self) -> Result<bool, StoreError> {
        if let Self::Found(found) = self { Ok(found) } else { Err(self.unexpected()) }
    }

    fn added(self) -> Result<Added, StoreError> {
        if let Self::Added(added) = self { Ok(added) } else { Err(self.unexpected()) }
    }

    fn account(self) -> Result<AccountId, StoreError> {
        if let Self::Account(account) = self { Ok(account) } else { Err(self.unexpected()) }
    }

    fn project(self) -> Result<String, StoreError> {
        if let Self::Project(project) = self { Ok(project) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> StoreError {
        StoreError::Failed(format!("an outcome of another kind: {self:?}"))
    }
}

impl SqliteStore {
    async fn change(&self, change: Change) -> Result<Changed, StoreError> {
        self.writer.ask(|reply| Operation::Identity(Box::new(change), reply)).await?
    }
}

fn read<T>(result: sqlx::Result<T>) -> Result<T, StoreError> {
    result.map_err(|error| store_error(&error))
}

#[async_trait]
impl KeyStore for SqliteStore {
    async fn ensure_account(
        &self,
        id: AccountId,
        name: &str,
        now: Timestamp,
    ) -> Result<AccountId, StoreError> {
        self.change(Change::EnsureAccount(id, name.to_owned(), now)).await?.account()
    }

    async fn add_key(&self, key: NewKey) -> Result<(), StoreError> {
        self.change(Change::AddKey(key)).await.map(drop)
    }

    async fn keys(&self, now: Timestamp) -> Result<Vec<StoredKey>, StoreError> {
        read(keys::keys(&self.readers, now).await)
    }

    async fn limit_key(&self, id: &str, limit: Option<u32>) -> Result<bool, StoreError> {
        self.change(Change::LimitKey(id.to_owned(), limit)).await?.found()
    }

    async fn revoke_key(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.change(Change::RevokeKey(id.to_owned(), now)).await?.found()
    }

    async fn key_owner(&self, hash: [u8; 32]) -> Result<Option<KeyOwner>, StoreError> {
        read(keys::key_owner(&self.readers, hash).await)
    }

    fn note_key_use(&self, key: &str, now: Timestamp) {
        let change = Box::new(Change::NoteKeyUse(key.to_owned(), now));
        self.writer.hint(|reply| Operation::Identity(change, reply));
    }
}

#[async_trait]
impl TicketStore for SqliteStore {
    async fn add_ticket(&self, hash: [u8; 32], ticket: StoredTicket) -> Result<(), StoreError> {
        self.change(Change::AddTicket(hash, ticket)).await.map(drop)
    }

    async fn ticket(&self, hash: [u8; 32]) -> Result<Option<StoredTicket>, StoreError> {
        read(tickets::get(&self.readers, hash).await)
    }

    async fn deliver_ticket(&self, hash: [u8; 32], now: Timestamp) -> Result<(), StoreError> {
        self.change(Change::DeliverTicket(hash, now)).await.map(drop)
    }
}

#[async_trait]
impl AccountStore for SqliteStore {
    async fn add_user(&self, user: NewUser) -> Result<Added, StoreError> {
        self.change(Change::AddUser(user)).await?.added()
    }

    async fn profiles(&self) -> Result<Vec<Profile>, StoreError> {
        read(accounts::profiles(&self.readers).await)
    }

    async fn profile(&self, account: AccountId) -> Result<Option<Profile>, StoreError> {
        read(accounts::profile(&self.readers, account).await)
    }

    async fn profile_by_username(&self, username: &str) -> Result<Option<Profile>, StoreError> {
        read(accounts::profile_by_username(&self.readers, username).await)
    }

    async fn profile_by_email(&self, email: &str) -> Result<Option<Profile>, StoreError> {
        read(accounts::profile_by_email(&self.readers, email).await)
    }

    async fn login(&self, username_or_email: &str) -> Result<Option<Login>, StoreError> {
        read(accounts::login(&self.readers, username_or_email).await)
    }

    async fn change_user(
        &self,
        account: AccountId,
        change: UserChange,
        now: Timestamp,
    ) -> Result<Added, StoreError> {
        self.change(Change::UpdateUser(account, change, now)).await?.added()
    }

    async fn limit_account(&self, account: AccountId, limit: Option<u32>) -> Result<bool, StoreError> {
        self.change(Change::LimitAccount(account, limit)).await?.found()
    }

    async fn allowances(
        &self,
        only: Option<AccountId>,
        now: Timestamp,
    ) -> Result<HashMap<AccountId, Allowance>, StoreError> {
        read(accounts::allowances(&self.readers, only, now).await)
    }

    async fn set_password(
        &self,
        account: AccountId,
        password: SecretString,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change(Change::SetPassword(account, password, now)).await?.found()
    }

    async fn delete_user(&self, account: AccountId, now: Timestamp) -> Result<bool, StoreError> {
        self.change(Change::DeleteUser(account, now)).await?.found()
    }

    async fn foreign(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<(Profile, Option<AppliedClaims>)>, StoreError> {
        read(accounts::foreign(&self.readers, issuer, subject).await)
    }

    async fn sign_in_foreign(&self, sign_in: ForeignSignIn) -> Result<AccountId, StoreError> {
        self.change(Change::SignInForeign(sign_in)).await?.account()
    }

    async fn ensure_project(&self, id: &str, name: &str, now: Timestamp) -> Result<String, StoreError> {
        let change = Change::EnsureProject { id: id.to_owned(), name: name.to_owned(), now };
        self.change(change).await?.project()
    }

    async fn ensure_personal_project(
        &self,
        id: &str,
        account: AccountId,
        name: &str,
        now: Timestamp,
    ) -> Result<String, StoreError> {
        let (id, name) = (id.to_owned(), name.to_owned());
        self.change(Change::EnsurePersonalProject { id, account, name, now }).await?.project()
    }

    async fn ensure_own_project(
        &self,
        id: &str,
        account: AccountId,
        name: &str,
        now: Timestamp,
    ) -> Result<String, StoreError> {
        let (id, name) = (id.to_owned(), name.to_owned());
        self.change(Change::EnsureOwnProject { id, account, name, now }).await?.project()
    }

    async fn projects_called(&self, id_or_name: &str) -> Result<Vec<String>, StoreError> {
        read(projects::projects_called(&self.readers, id_or_name).await)
    }

    async fn projects(&self) -> Result<Vec<StoredProject>, StoreError> {
        read(projects::projects(&self.readers).await)
    }

    async fn projects_of(&self, account: AccountId) -> Result<Vec<Membership>, StoreError> {
        read(projects::projects_of(&self.readers, account).await)
    }

    async fn members(&self, project: &str) -> Result<Option<Vec<Member>>, StoreError> {
        read(projects::members(&self.readers, project).await)
    }

    async fn set_member(
        &self,
        project: &str,
        account: AccountId,
        is_admin: bool,
    ) -> Result<bool, StoreError> {
        let project = project.to_owned();
        self.change(Change::SetMember { project, account, is_admin }).await?.found()
    }

    async fn remove_member(&self, project: &str, account: AccountId) -> Result<bool, StoreError> {
        let project = project.to_owned();
        self.change(Change::RemoveMember { project, account }).await?.found()
    }
}

#[async_trait]
impl IssuerStore for SqliteStore {
    async fn add_client(&self, client: StoredClient) -> Result<bool, StoreError> {
        self.change(Change::AddClient(client)).await?.found()
    }

    async fn clients(&self) -> Result<Vec<StoredClient>, StoreError> {
        read(issuer::clients(&self.readers).await)
    }

    async fn client(&self, id: &str) -> Result<Option<StoredClient>, StoreError> {
        read(issuer::client(&self.readers, id).await)
    }

    async fn set_client_secret(&self, id: &str, hash: [u8; 32]) -> Result<bool, StoreError> {
        self.change(Change::SetClientSecret(id.to_owned(), hash)).await?.found()
    }

    async fn set_client_rights(&self, id: &str, rights: ServiceClient) -> Result<bool, StoreError> {
        self.change(Change::SetClientRights(id.to_owned(), rights)).await?.found()
    }

    async fn disable_client(&self, id: &str, disabled_at: Option<Timestamp>) -> Result<bool, StoreError> {
        self.change(Change::DisableClient(id.to_owned(), disabled_at)).await?.found()
    }

    async fn delete_client(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.change(Change::DeleteClient(id.to_owned(), now)).await?.found()
    }

    async fn add_sign_in(&self, sign_in: NewSignIn) -> Result<(), StoreError> {
        self.change(Change::AddSignIn(sign_in)).await.map(drop)
    }

    async fn sign_in(&self, id: &str, now: Timestamp) -> Result<Option<StoredSignIn>, StoreError> {
        read(issuer::sign_in(&self.readers, id, now).await)
    }

    async fn end_sign_in(&self, id: &str, now: Timestamp) -> Result<(), StoreError> {
        self.change(Change::EndSignIn(id.to_owned(), now)).await.map(drop)
    }

    async fn signing_keys(&self) -> Result<Vec<StoredSigningKey>, StoreError> {
        read(issuer::signing_keys(&self.readers).await)
    }

    async fn add_signing_key(&self, key: NewSigningKey) -> Result<(), StoreError> {
        self.change(Change::AddSigningKey(key)).await.map(drop)
    }
}
