//! What a project's name means to whom: one's own come first, a foreign one is none, administrators mean all.

use chat::{Principal, Scope, Scopes, SignIn};
use identity::DirectoryError;

use crate::house::House;

struct Street {
    house: House,
    ada: Principal,
    bob: Principal,
    root: Principal,
}

impl Street {
    async fn new() -> Self {
        let house = House::new().await;
        let everyday = |account| Principal::signed_in(account, SignIn::Token, Scopes::EVERYDAY);
        let (ada, bob) = (everyday(house.user("ada").await), everyday(house.user("bob").await));
        let root = house.user("root").await;
        let root = Principal::signed_in(root, SignIn::Token, Scopes::EVERYDAY.with(Scope::Admin));
        Self { house, ada, bob, root }
    }

    async fn meant(&self, principal: &Principal, name: &str) -> Option<String> {
        self.house.identity.directory.named_project(principal, name).await.unwrap()
    }

    async fn write(&self, principal: &Principal, name: &str) -> String {
        self.house.identity.directory.project_to_write(principal, name).await.unwrap()
    }
}

#[tokio::test]
async fn a_name_found_nowhere_becomes_a_project_of_ones_own_when_it_is_written_to() {
    let street = Street::new().await;
    assert_eq!(street.meant(&street.ada, "my-project").await, None, "asking makes nothing");
    let adas = street.write(&street.ada, "my-project").await;
    let bobs = street.write(&street.bob, "my-project").await;
    assert_ne!(adas, bobs);
    assert_eq!(street.write(&street.ada, "my-project").await, adas);
    assert_eq!(street.meant(&street.ada, &adas).await.as_ref(), Some(&adas), "by its id, too");
    assert_eq!(street.meant(&street.bob, &adas).await, None, "another's id is none");
    assert_eq!(street.meant(&street.bob, "my-project").await, Some(bobs));
}

#[tokio::test]
async fn ones_own_comes_before_one_that_others_let_one_into() {
    let street = Street::new().await;
    let directory = &street.house.identity.directory;
    let shared = directory.ensure_project("demo").await.unwrap();
    directory.set_member(&shared, street.ada.account(), false).await.unwrap();
    assert_eq!(street.write(&street.ada, "demo").await, shared, "a member writes into it");
    let bobs = street.write(&street.bob, "demo").await;
    assert_ne!(bobs, shared, "who is not in it has another");
    directory.set_member(&shared, street.bob.account(), true).await.unwrap();
    assert_eq!(street.meant(&street.bob, "demo").await, Some(bobs), "nobody slips one under a name of mine");
    assert_eq!(street.meant(&street.bob, &shared).await, Some(shared));
}

#[tokio::test]
async fn an_administrator_means_any_and_is_asked_which_of_several() {
    let street = Street::new().await;
    let adas = street.write(&street.ada, "notes").await;
    assert_eq!(street.meant(&street.root, "notes").await.as_ref(), Some(&adas));
    let bobs = street.write(&street.bob, "notes").await;
    let refused = street.house.identity.directory.named_project(&street.root, "notes").await.unwrap_err();
    assert!(
        matches!(&refused, DirectoryError::Ambiguous(ids) if ids.contains(&adas) && ids.contains(&bobs)),
        "{refused}"
    );
    assert_eq!(street.meant(&street.root, &bobs).await, Some(bobs));
    assert_eq!(street.meant(&street.root, "nothing").await, None);
}

#[tokio::test]
async fn names_are_checked_before_they_are_projects() {
    let street = Street::new().await;
    for wrong in ["", "  ", "a\nb", "a\0b", &"x".repeat(101)] {
        let refused = street.house.identity.directory.project_to_write(&street.ada, wrong).await;
        assert!(
            matches!(refused, Err(DirectoryError::Invalid { field: "projectId", .. })),
            "{wrong:?}: {refused:?}"
        );
    }
}
