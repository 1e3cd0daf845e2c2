//! People and services, and those whom other issuers vouch for.

use std::time::Duration;

use chat::clock::Clock as _;
use chat::ids::AccountId;
use identity::store::{
    Added, AppliedClaims, ForeignSignIn, Kind, Membership, NewKey, NewSignIn, NewUser, Profile, Roles,
    UserChange,
};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use super::StoreUnderTest;
use crate::clock::ManualClock;

fn person(clock: &ManualClock, username: &str) -> NewUser {
    NewUser {
        account: AccountId::new(clock),
        username: username.to_owned(),
        name: format!("{username} the first"),
        email: format!("{username}@example.com"),
        is_external: false,
        roles: Roles { admin: false, developer: true },
        password: format!("hash of {username}'s").into(),
        now: clock.now(),
    }
}

async fn add(store: &dyn StoreUnderTest, user: NewUser) -> AccountId {
    match store.accounts().add_user(user).await.expect("a user is added") {
        Added::Account(account) => account,
        refused @ (Added::NameTaken | Added::EmailTaken | Added::Missing) => panic!("{refused:?}"),
    }
}

async fn profile(store: &dyn StoreUnderTest, account: AccountId) -> Option<Profile> {
    store.accounts().profile(account).await.expect("profiles can be read")
}

async fn login(store: &dyn StoreUnderTest, name: &str) -> Option<(AccountId, String)> {
    let login = store.accounts().login(name).await.expect("logins can be read");
    login.map(|login| (login.account, login.password.expose_secret().to_owned()))
}

async fn projects(store: &dyn StoreUnderTest, account: AccountId) -> Vec<(String, bool)> {
    let projects = store.accounts().projects_of(account).await.expect("projects can be read");
    projects.into_iter().map(|Membership { name, is_admin, .. }| (name, is_admin)).collect()
}

fn foreign(clock: &ManualClock, subject: &str, projects: &[(&str, bool)]) -> ForeignSignIn {
    ForeignSignIn {
        account: AccountId::new(clock),
        account_name: format!("https://elsewhere|{subject}"),
        issuer: "https://elsewhere".to_owned(),
        subject: subject.to_owned(),
        username: "ada".to_owned(),
        name: "Ada of elsewhere".to_owned(),
        email: "ada@example.com".to_owned(),
        picture: Some("https://elsewhere/ada.png".to_owned()),
        is_external: true,
        roles: Roles { admin: false, developer: true },
        knowledge_bases: vec!["manuals".to_owned(), "minutes, of meetings".to_owned()],
        projects: projects.iter().map(|(name, is_admin)| ((*name).to_owned(), *is_admin)).collect(),
        claims: AppliedClaims { hash: [7; 32], issued_at: clock.now() },
        now: clock.now(),
    }
}

/// A person is read back by account, name and address, in any case, and has a personal project.
pub async fn a_person_is_read_back(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let ada = add(store, person(&clock, "ada")).await;
    let bob = add(store, NewUser { email: String::new(), ..person(&clock, "bob") }).await;
    let expected = Profile {
        account: ada,
        kind: Kind::Person,
        username: "ada".to_owned(),
        name: "ada the first".to_owned(),
        email: "ada@example.com".to_owned(),
        picture: None,
        is_external: false,
        roles: Roles { admin: false, developer: true },
        knowledge_bases: Vec::new(),
        tokens_from: clock.now(),
        disabled_at: None,
    };
    let accounts = store.accounts();
    assert_eq!(profile(store, ada).await, Some(expected.clone()));
    assert_eq!(accounts.profile_by_username("ADA").await.expect("it can be read"), Some(expected.clone()));
    assert_eq!(accounts.profile_by_email("Ada@Example.com").await.expect("it can be read"), Some(expected));
    for nobody in ["", "da@example.com", "%", "_da@example.com"] {
        assert_eq!(accounts.profile_by_email(nobody).await.expect("it can be read"), None, "{nobody}");
    }
    let all = accounts.profiles().await.expect("profiles can be read");
    assert_eq!(all.iter().map(|profile| profile.account).collect::<Vec<_>>(), [ada, bob]);
    assert_eq!(projects(store, ada).await, [("ada".to_owned(), true)]);
}

/// Neither a name nor an address is given twice, whatever the case.
pub async fn names_and_addresses_are_unique(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    add(store, person(&clock, "ada")).await;
    let bob = add(store, person(&clock, "bob")).await;
    let try_add = async |user: NewUser| store.accounts().add_user(user).await.expect("it is answered");
    let no_email = |username: &str| NewUser { email: String::new(), ..person(&clock, username) };
    assert_eq!(try_add(no_email("ada")).await, Added::NameTaken);
    assert_eq!(try_add(no_email("ADA")).await, Added::NameTaken);
    let taken = NewUser { email: "ADA@example.com".to_owned(), ..person(&clock, "eve") };
    assert_eq!(try_add(taken).await, Added::EmailTaken);

    let change = async |email: &str| {
        let change = UserChange { email: Some(email.to_owned()), ..UserChange::default() };
        store.accounts().change_user(bob, change, clock.now()).await.expect("it is answered")
    };
    assert_eq!(change("Ada@example.com").await, Added::EmailTaken);
    assert_eq!(change("BOB@example.com").await, Added::Account(bob));
}

/// An account that only keys belonged to becomes that of the person with its name.
pub async fn an_account_of_keys_becomes_a_persons(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let made = store.keys().ensure_account(AccountId::new(&clock), "ada", clock.now()).await;
    let account = made.expect("an account is made");
    assert_eq!(profile(store, account).await, None);
    assert_eq!(add(store, person(&clock, "ada")).await, account);
}

/// A login is found by name or address; another's address that is one's name leads to oneself.
pub async fn a_login_is_found_by_name_or_address(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let ada = add(store, person(&clock, "ada")).await;
    let named = NewUser { email: String::new(), ..person(&clock, "ada@example.com") };
    let other = add(store, named).await;
    let hash = "hash of ada's".to_owned();
    assert_eq!(login(store, "Ada").await, Some((ada, hash)));
    assert_eq!(login(store, "ada@example.com").await.map(|(account, _)| account), Some(other));
    assert_eq!(login(store, "").await, None);
    let foreign = store.accounts().sign_in_foreign(foreign(&clock, "eve", &[])).await.expect("it is stored");
    assert_eq!(login(store, "https://elsewhere|eve").await, None, "{foreign} has no password here");
}

/// What a change does not name stays.
pub async fn a_change_leaves_the_rest(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let ada = add(store, person(&clock, "ada")).await;
    let before = profile(store, ada).await.expect("it is there");
    clock.advance(Duration::from_secs(1));
    let change = async |change: UserChange| {
        let changed = store.accounts().change_user(ada, change, clock.now()).await;
        assert_eq!(changed.expect("it is changed"), Added::Account(ada));
        profile(store, ada).await.expect("it is there")
    };
    let roles = Roles { admin: true, developer: false };
    let after = change(UserChange { roles: Some(roles), ..UserChange::default() }).await;
    assert_eq!(after, Profile { roles, ..before.clone() });
    let after = change(UserChange { name: Some("Ada".to_owned()), ..UserChange::default() }).await;
    assert_eq!(after, Profile { roles, name: "Ada".to_owned(), ..before });

    let disabled = change(UserChange { disabled: Some(true), ..UserChange::default() }).await;
    assert_eq!((disabled.disabled_at, disabled.tokens_from), (Some(clock.now()), clock.now()));
    let enabled = change(UserChange { disabled: Some(false), ..UserChange::default() }).await;
    assert_eq!((enabled.disabled_at, enabled.tokens_from), (None, clock.now()));

    let nobody =
        store.accounts().change_user(AccountId::new(&clock), UserChange::default(), clock.now()).await;
    assert_eq!(nobody.expect("it is answered"), Added::Missing);
}

/// A new password ends sign-ins and tokens; only persons have one.
pub async fn a_new_password_ends_sign_ins(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let ada = add(store, person(&clock, "ada")).await;
    sign_in(store, &clock, ada, "one").await;
    clock.advance(Duration::from_secs(1));
    let set = async |account| {
        store.accounts().set_password(account, "new hash".into(), clock.now()).await.expect("it is answered")
    };
    assert!(set(ada).await);
    assert_eq!(login(store, "ada").await, Some((ada, "new hash".to_owned())));
    assert_eq!(store.issuer().sign_in("one", clock.now()).await.expect("it can be read"), None);
    assert_eq!(profile(store, ada).await.expect("it is there").tokens_from, clock.now());
    let foreign = store.accounts().sign_in_foreign(foreign(&clock, "eve", &[])).await.expect("it is stored");
    assert!(!set(foreign).await);
}

async fn sign_in(store: &dyn StoreUnderTest, clock: &ManualClock, account: AccountId, id: &str) {
    let now = clock.now();
    let expires_at = now + jiff::SignedDuration::from_hours(1);
    let new = NewSignIn { id: id.to_owned(), account, client: "sdk".to_owned(), expires_at, now };
    store.issuer().add_sign_in(new).await.expect("it is stored");
}

/// Whoever is deleted is gone with keys, memberships and sign-ins, and the next one of the name begins anew.
pub async fn a_deleted_name_is_free_and_inherits_nothing(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let (ada, bob) = (add(store, person(&clock, "ada")).await, add(store, person(&clock, "bob")).await);
    for (account, number) in [(ada, 1), (bob, 2)] {
        let key = NewKey {
            id: format!("key_{number}"),
            account,
            label: String::new(),
            scopes: chat::Scopes::EVERYDAY,
            hash: [number; 32],
            created_at: clock.now(),
            expires_at: None,
            message_limit: None,
        };
        store.keys().add_key(key).await.expect("the key is stored");
    }
    sign_in(store, &clock, ada, "one").await;
    let project = store.accounts().ensure_project("proj_1", "demo", clock.now()).await.expect("it is made");
    assert!(store.accounts().set_member(&project, ada, true).await.expect("it is stored"));

    assert!(store.accounts().delete_user(ada, clock.now()).await.expect("it is deleted"));
    assert!(!store.accounts().delete_user(ada, clock.now()).await.expect("it is answered"));
    assert_eq!(profile(store, ada).await, None);
    let owner = async |hash| store.keys().key_owner(hash).await.expect("keys can be read");
    assert_eq!(owner([1; 32]).await, None);
    assert_eq!(owner([2; 32]).await.map(|owner| owner.account), Some(bob));
    assert_eq!(store.issuer().sign_in("one", clock.now()).await.expect("it can be read"), None);
    let members = store.accounts().members(&project).await.expect("they can be read");
    assert_eq!(members, Some(Vec::new()));
    assert_ne!(add(store, person(&clock, "ada")).await, ada);
}

/// What claims say is read back, and what they say later replaces it; the account stays.
pub async fn a_foreign_account_follows_its_claims(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let own = add(store, person(&clock, "ada")).await;
    let first = foreign(&clock, "ada", &[("demo", false), ("hr", true)]);
    let account = store.accounts().sign_in_foreign(first.clone()).await.expect("it is stored");
    assert_ne!(account, own, "the same name and address are nobody's");
    let expected = Profile {
        account,
        kind: Kind::Foreign { issuer: first.issuer.clone(), subject: first.subject.clone() },
        username: "ada".to_owned(),
        name: "Ada of elsewhere".to_owned(),
        email: "ada@example.com".to_owned(),
        picture: Some("https://elsewhere/ada.png".to_owned()),
        is_external: true,
        roles: Roles { admin: false, developer: true },
        knowledge_bases: vec!["manuals".to_owned(), "minutes, of meetings".to_owned()],
        tokens_from: Timestamp::UNIX_EPOCH,
        disabled_at: None,
    };
    let read = async |issuer: &str, subject: &str| {
        store.accounts().foreign(issuer, subject).await.expect("it can be read")
    };
    assert_eq!(read("https://elsewhere", "ada").await, Some((expected.clone(), Some(first.claims))));
    assert_eq!(read("https://elsewhere", "bob").await, None);
    assert_eq!(read("https://other", "ada").await, None);
    let named = |names: &[(&str, bool)]| -> Vec<_> {
        names.iter().map(|(name, is_admin)| ((*name).to_owned(), *is_admin)).collect()
    };
    assert_eq!(projects(store, account).await, named(&[("ada", true), ("demo", false), ("hr", true)]));

    clock.advance(Duration::from_secs(1));
    let second = ForeignSignIn {
        username: "countess".to_owned(),
        picture: None,
        ..foreign(&clock, "ada", &[("demo", true)])
    };
    assert_eq!(store.accounts().sign_in_foreign(second.clone()).await.expect("it is stored"), account);
    let expected = Profile { username: "countess".to_owned(), picture: None, ..expected };
    assert_eq!(read("https://elsewhere", "ada").await, Some((expected, Some(second.claims))));
    assert_eq!(projects(store, account).await, named(&[("countess", true), ("demo", true)]));
}

/// A foreign account that is disabled stays so, whatever claims say.
pub async fn claims_do_not_enable_an_account(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let account = store.accounts().sign_in_foreign(foreign(&clock, "ada", &[])).await.expect("it is stored");
    let change = UserChange { disabled: Some(true), ..UserChange::default() };
    store.accounts().change_user(account, change, clock.now()).await.expect("it is changed");
    store.accounts().sign_in_foreign(foreign(&clock, "ada", &[])).await.expect("it is stored");
    assert_eq!(profile(store, account).await.expect("it is there").disabled_at, Some(clock.now()));
}
