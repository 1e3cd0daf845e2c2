//! Nobody signs in to a store that stores nothing.

use async_trait::async_trait;
use chat::ids::AccountId;
use chat::store::StoreError;
use identity::store::{
    AccountStore, Added, AppliedClaims, ForeignSignIn, IssuerStore, Login, Member, Membership, NewSignIn,
    NewSigningKey, NewUser, Profile, ServiceClient, StoredClient, StoredProject, StoredSignIn,
    StoredSigningKey, UserChange,
};
use jiff::Timestamp;
use secrecy::SecretString;

use super::NoStore;

#[async_trait]
impl AccountStore for NoStore {
    async fn add_user(&self, _: NewUser) -> Result<Added, StoreError> {
        Ok(Added::Missing)
    }

    async fn profiles(&self) -> Result<Vec<Profile>, StoreError> {
        Ok(Vec::new())
    }

    async fn profile(&self, _: AccountId) -> Result<Option<Profile>, StoreError> {
        Ok(None)
    }

    async fn profile_by_username(&self, _: &str) -> Result<Option<Profile>, StoreError> {
        Ok(None)
    }

    async fn profile_by_email(&self, _: &str) -> Result<Option<Profile>, StoreError> {
        Ok(None)
    }

    async fn login(&self, _: &str) -> Result<Option<Login>, StoreError> {
        Ok(None)
    }

    async fn change_user(&self, _: AccountId, _: UserChange, _: Timestamp) -> Result<Added, StoreError> {
        Ok(Added::Missing)
    }

    async fn set_password(&self, _: AccountId, _: SecretString, _: Timestamp) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn delete_user(&self, _: AccountId, _: Timestamp) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn foreign(
        &self,
        _: &str,
        _: &str,
    ) -> Result<Option<(Profile, Option<AppliedClaims>)>, StoreError> {
        Ok(None)
    }

    async fn sign_in_foreign(&self, sign_in: ForeignSignIn) -> Result<AccountId, StoreError> {
        Ok(sign_in.account)
    }

    async fn ensure_project(&self, id: &str, _: &str, _: Timestamp) -> Result<String, StoreError> {
        Ok(id.to_owned())
    }

    async fn ensure_personal_project(
        &self,
        id: &str,
        _: AccountId,
        _: &str,
        _: Timestamp,
    ) -> Result<String, StoreError> {
        Ok(id.to_owned())
    }

    async fn projects(&self) -> Result<Vec<StoredProject>, StoreError> {
        Ok(Vec::new())
    }

    async fn projects_of(&self, _: AccountId) -> Result<Vec<Membership>, StoreError> {
        Ok(Vec::new())
    }

    async fn members(&self, _: &str) -> Result<Option<Vec<Member>>, StoreError> {
        Ok(None)
    }

    async fn set_member(&self, _: &str, _: AccountId, _: bool) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn remove_member(&self, _: &str, _: AccountId) -> Result<bool, StoreError> {
        Ok(false)
    }
}

#[async_trait]
impl IssuerStore for NoStore {
    async fn add_client(&self, _: StoredClient) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn clients(&self) -> Result<Vec<StoredClient>, StoreError> {
        Ok(Vec::new())
    }

    async fn client(&self, _: &str) -> Result<Option<StoredClient>, StoreError> {
        Ok(None)
    }

    async fn set_client_secret(&self, _: &str, _: [u8; 32]) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn set_client_rights(&self, _: &str, _: ServiceClient) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn disable_client(&self, _: &str, _: Option<Timestamp>) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn delete_client(&self, _: &str, _: Timestamp) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn add_sign_in(&self, _: NewSignIn) -> Result<(), StoreError> {
        Ok(())
    }

    async fn sign_in(&self, _: &str, _: Timestamp) -> Result<Option<StoredSignIn>, StoreError> {
        Ok(None)
    }

    async fn end_sign_in(&self, _: &str, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn signing_keys(&self) -> Result<Vec<StoredSigningKey>, StoreError> {
        Ok(Vec::new())
    }

    async fn add_signing_key(&self, _: NewSigningKey) -> Result<(), StoreError> {
        Ok(())
    }
}
