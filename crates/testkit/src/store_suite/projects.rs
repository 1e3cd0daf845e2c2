//! Projects and who is in them.

use chat::clock::Clock as _;
use chat::ids::AccountId;
use identity::store::{AppliedClaims, ForeignSignIn, Member, Membership, ProjectKind, Roles, StoredProject};

use super::StoreUnderTest;
use crate::clock::ManualClock;

async fn account(store: &dyn StoreUnderTest, clock: &ManualClock, name: &str) -> AccountId {
    let made = store.keys().ensure_account(AccountId::new(clock), name, clock.now()).await;
    made.expect("an account is made")
}

async fn project(store: &dyn StoreUnderTest, clock: &ManualClock, id: &str, name: &str) -> String {
    store.accounts().ensure_project(id, name, clock.now()).await.expect("a project is made")
}

async fn set(store: &dyn StoreUnderTest, project: &str, account: AccountId, is_admin: bool) -> bool {
    store.accounts().set_member(project, account, is_admin).await.expect("it is answered")
}

async fn projects_of(store: &dyn StoreUnderTest, account: AccountId) -> Vec<Membership> {
    store.accounts().projects_of(account).await.expect("projects can be read")
}

fn membership(project: &str, name: &str, is_personal: bool, is_admin: bool) -> Membership {
    let kind = if is_personal { ProjectKind::Personal } else { ProjectKind::Shared };
    Membership { project: project.to_owned(), name: name.to_owned(), kind, is_admin }
}

fn own(project: &str, name: &str) -> Membership {
    Membership { kind: ProjectKind::Own, ..membership(project, name, true, true) }
}

/// Each account has its own under a name, beside the personal one and those of others; asking again gives the first.
pub async fn a_name_is_a_project_of_ones_own(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let (ada, bob) = (account(store, &clock, "ada").await, account(store, &clock, "bob").await);
    let make = async |id: &str, account, name: &str| {
        store.accounts().ensure_own_project(id, account, name, clock.now()).await.expect("a project is made")
    };
    let personal = store.accounts().ensure_personal_project("proj_1", ada, "ada", clock.now()).await;
    assert_eq!(personal.expect("a project is made"), "proj_1");
    let shared = project(store, &clock, "proj_2", "my-project").await;
    assert!(set(store, &shared, ada, false).await);
    assert_eq!(make("proj_3", ada, "my-project").await, "proj_3");
    assert_eq!(make("proj_4", ada, "my-project").await, "proj_3");
    assert_eq!(make("proj_5", ada, "ada").await, "proj_1", "the personal one is one of its own");
    assert_eq!(make("proj_6", bob, "my-project").await, "proj_6");

    let adas = [
        membership("proj_1", "ada", true, true),
        own("proj_3", "my-project"),
        membership("proj_2", "my-project", false, false),
    ];
    assert_eq!(projects_of(store, ada).await, adas);
    assert_eq!(projects_of(store, bob).await, [own("proj_6", "my-project")]);
    let called =
        async |name: &str| store.accounts().projects_called(name).await.expect("projects can be read");
    assert_eq!(called("my-project").await, ["proj_2", "proj_3", "proj_6"]);
    assert_eq!(called("proj_6").await, ["proj_6"]);
    assert!(!set(store, "proj_3", bob, false).await, "it has no members");
    let renamed = store.accounts().ensure_personal_project("proj_7", ada, "my-project", clock.now()).await;
    assert_eq!(renamed.expect("a project is made"), "proj_1", "the personal one may be called as another");
}

/// Asking for a project a second time gives the first; letters' cases are told apart.
pub async fn a_project_is_made_once(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    assert_eq!(project(store, &clock, "proj_1", "demo").await, "proj_1");
    assert_eq!(project(store, &clock, "proj_2", "demo").await, "proj_1");
    assert_eq!(project(store, &clock, "proj_3", "Demo").await, "proj_3");
    let listed = |id: &str, name: &str| StoredProject {
        id: id.to_owned(),
        name: name.to_owned(),
        created_at: clock.now(),
    };
    let all = store.accounts().projects().await.expect("projects can be read");
    assert_eq!(all, [listed("proj_3", "Demo"), listed("proj_1", "demo")]);
}

/// A personal project is its owner's alone, even under a name that others use.
pub async fn a_personal_project_is_its_owners(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let (ada, bob) = (account(store, &clock, "ada").await, account(store, &clock, "bob").await);
    let shared = project(store, &clock, "proj_1", "demo").await;
    let personal = async |id: &str, account, name: &str| {
        let made = store.accounts().ensure_personal_project(id, account, name, clock.now()).await;
        made.expect("a project is made")
    };
    assert_eq!(personal("proj_2", ada, "demo").await, "proj_2");
    assert_eq!(personal("proj_3", bob, "demo").await, "proj_3");
    assert_eq!(personal("proj_4", ada, "renamed").await, "proj_2");
    assert_eq!(projects_of(store, ada).await, [membership("proj_2", "renamed", true, true)]);
    assert_eq!(projects_of(store, bob).await, [membership("proj_3", "demo", true, true)]);

    assert!(!set(store, "proj_2", bob, true).await, "it has no members");
    assert_eq!(store.accounts().members("proj_2").await.expect("it can be read"), None);
    assert_eq!(store.accounts().members(&shared).await.expect("it can be read"), Some(Vec::new()));
    assert_eq!(store.accounts().projects().await.expect("projects can be read").len(), 1);
}

/// A member sees the project until it is taken out; others don't.
pub async fn members_come_and_go(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let (ada, bob) = (account(store, &clock, "ada").await, account(store, &clock, "bob").await);
    let demo = project(store, &clock, "proj_1", "demo").await;
    assert!(set(store, &demo, ada, false).await);
    assert_eq!(projects_of(store, ada).await, [membership("proj_1", "demo", false, false)]);
    assert_eq!(projects_of(store, bob).await, []);
    assert!(set(store, &demo, ada, true).await);
    assert!(set(store, &demo, bob, false).await);
    let member = |account, name: &str, is_admin| Member {
        account,
        account_name: name.to_owned(),
        is_admin,
        by_claim: false,
    };
    let members = async || store.accounts().members(&demo).await.expect("it can be read");
    assert_eq!(members().await, Some(vec![member(ada, "ada", true), member(bob, "bob", false)]));

    let remove =
        async |account| store.accounts().remove_member(&demo, account).await.expect("it is answered");
    assert!(remove(ada).await);
    assert!(!remove(ada).await);
    assert_eq!(members().await, Some(vec![member(bob, "bob", false)]));
    assert_eq!(projects_of(store, ada).await, []);

    assert!(!set(store, "proj_9", ada, true).await);
    assert!(!set(store, &demo, AccountId::new(&clock), true).await);
    assert_eq!(store.accounts().members("proj_9").await.expect("it can be read"), None);
}

/// What an administrator gave and what claims say are apart; the greater right counts.
pub async fn claims_and_administrators_are_apart(store: &dyn StoreUnderTest) {
    let clock = ManualClock::new();
    let claim = async |projects: &[(&str, bool)]| {
        let sign_in = ForeignSignIn {
            account: AccountId::new(&clock),
            account_name: "elsewhere|ada".to_owned(),
            issuer: "elsewhere".to_owned(),
            subject: "ada".to_owned(),
            username: "ada".to_owned(),
            name: String::new(),
            email: String::new(),
            picture: None,
            is_external: false,
            roles: Roles::default(),
            knowledge_bases: Vec::new(),
            projects: projects.iter().map(|(name, is_admin)| ((*name).to_owned(), *is_admin)).collect(),
            claims: AppliedClaims { hash: [0; 32], issued_at: clock.now() },
            now: clock.now(),
        };
        store.accounts().sign_in_foreign(sign_in).await.expect("it is stored")
    };
    let ada = claim(&[("demo", false)]).await;
    let demo = project(store, &clock, "proj_1", "demo").await;
    assert_ne!(demo, "proj_1", "the claim has made it");
    let members = async || {
        let members = store.accounts().members(&demo).await.expect("it can be read").expect("it is there");
        members.into_iter().map(|member| (member.is_admin, member.by_claim)).collect::<Vec<_>>()
    };
    assert_eq!(members().await, [(false, true)]);
    assert!(!store.accounts().remove_member(&demo, ada).await.expect("it is answered"));
    assert!(set(store, &demo, ada, true).await);
    assert_eq!(members().await, [(true, false)]);
    claim(&[]).await;
    assert_eq!(members().await, [(true, false)]);
    claim(&[("demo", true)]).await;
    assert!(store.accounts().remove_member(&demo, ada).await.expect("it is taken back"));
    assert_eq!(members().await, [(true, true)]);
    claim(&[]).await;
    assert_eq!(members().await, []);
}
