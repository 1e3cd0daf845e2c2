//! Tickets for single turns.

use std::time::Duration;

use chat::clock::Clock as _;
use identity::store::{Added, NewUser, Roles, StoredTicket, UserChange};

use super::{Scene, StoreUnderTest};

impl Scene<'_> {
    fn ticket_by(&self, key: Option<&str>) -> StoredTicket {
        StoredTicket {
            account: self.account,
            turn: "turn".to_owned(),
            key: key.map(str::to_owned),
            issued_at: self.clock.now(),
            delivered_at: None,
        }
    }

    async fn add_ticket(&self, number: u8, ticket: StoredTicket) {
        self.store.tickets().add_ticket([number; 32], ticket).await.expect("the ticket is stored");
    }

    async fn ticket(&self, number: u8) -> Option<StoredTicket> {
        self.store.tickets().ticket([number; 32]).await.expect("tickets can be read")
    }

    /// Makes the account a person's.
    async fn person(&self) {
        let user = NewUser {
            account: self.account,
            username: "ada".to_owned(),
            name: String::new(),
            email: String::new(),
            is_external: false,
            roles: Roles::default(),
            password: "hash".into(),
            now: self.clock.now(),
        };
        let added = self.store.accounts().add_user(user).await.expect("a user is added");
        assert!(matches!(added, Added::Account(_)), "{added:?}");
    }
}

/// It is found by its hash alone, for a day; the first delivery counts.
pub async fn a_ticket_is_read_back(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.key(1, None).await;
    let ticket = scene.ticket_by(Some("key_1"));
    scene.add_ticket(1, ticket.clone()).await;
    assert_eq!((scene.ticket(1).await, scene.ticket(2).await), (Some(ticket.clone()), None));

    let first = scene.clock.now();
    store.tickets().deliver_ticket([1; 32], first).await.expect("it is noted");
    scene.clock.advance(Duration::from_secs(1));
    store.tickets().deliver_ticket([1; 32], scene.clock.now()).await.expect("it is noted");
    assert_eq!(scene.ticket(1).await, Some(StoredTicket { delivered_at: Some(first), ..ticket }));

    scene.clock.advance(Duration::from_secs(24 * 60 * 60));
    scene.add_ticket(2, scene.ticket_by(None)).await;
    assert_eq!(scene.ticket(1).await, None);
    assert!(scene.ticket(2).await.is_some());
}

/// Revoking the key ends what was got by it, and nothing else.
pub async fn a_ticket_ends_with_its_key(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.key(1, None).await;
    scene.add_ticket(1, scene.ticket_by(Some("key_1"))).await;
    scene.add_ticket(2, scene.ticket_by(None)).await;
    scene.add_ticket(3, scene.ticket_by(Some("key_unknown"))).await;

    assert!(store.keys().revoke_key("key_1", scene.clock.now()).await.expect("it is revoked"));

    assert_eq!((scene.ticket(1).await, scene.ticket(3).await), (None, None));
    assert!(scene.ticket(2).await.is_some());
}

/// A ticket that was got by a token ends with the owner's sign-ins; none is good while the owner is disabled.
pub async fn a_ticket_ends_with_its_owners_sign_ins(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.person().await;
    scene.key(1, None).await;
    scene.add_ticket(1, scene.ticket_by(None)).await;
    scene.add_ticket(2, scene.ticket_by(Some("key_1"))).await;
    let disable = async |disabled| {
        let change = UserChange { disabled: Some(disabled), ..UserChange::default() };
        store.accounts().change_user(scene.account, change, scene.clock.now()).await.expect("it is changed");
    };

    disable(true).await;
    assert_eq!((scene.ticket(1).await, scene.ticket(2).await), (None, None));
    disable(false).await;
    assert_eq!((scene.ticket(1).await.is_some(), scene.ticket(2).await.is_some()), (false, true));

    scene.add_ticket(3, scene.ticket_by(None)).await;
    let password = store.accounts().set_password(scene.account, "new".into(), scene.clock.now()).await;
    assert!(password.expect("it is set"));
    assert_eq!((scene.ticket(3).await.is_some(), scene.ticket(2).await.is_some()), (false, true));

    scene.add_ticket(4, scene.ticket_by(None)).await;
    store.accounts().delete_user(scene.account, scene.clock.now()).await.expect("it is deleted");
    assert_eq!((scene.ticket(4).await, scene.ticket(2).await), (None, None));
}
