//! Credentials that are good for less than chat: nothing of it is opened to them.

use std::sync::Arc;

use chat::assistants::{AssistantChange, AssistantQuery, Assistants};
use chat::turn::Dialect;
use chat::{ErrorKind, Principal, Scope, Scopes};

use crate::house::{House, message};

#[tokio::test]
async fn a_key_without_the_chat_scope_neither_asks_nor_reads() {
    let house = House::new().await;
    house.talk(message("one", "hello"), "Hello.").await;
    let scopes = Scopes::EVERYDAY.without(Scope::Chat);
    let narrow = Principal::by_key(house.ada.account(), "key_1".to_owned(), scopes);

    let refused = [
        house.chat.ask(&narrow, message("two", "hello")).await.map(drop),
        house.chat.log(&narrow, "one").await.map(drop),
        house.chat.resume(&narrow, "one").await.map(drop),
        house.chat.cancel(&narrow, "one").await.map(drop),
        house.chat.conversation(&narrow, Dialect::Codmir, "any").await.map(drop),
    ];

    let kinds = refused.map(|result| result.unwrap_err().kind);
    assert_eq!(kinds, [ErrorKind::Forbidden; 5]);
    assert_eq!(house.prompts().len(), 1, "the model was not asked again");
}

#[tokio::test]
async fn assistants_are_read_by_two_scopes_and_changed_by_one() {
    let house = House::new().await;
    let assistants = Assistants::new(house.store.real.clone(), Arc::new(house.clock.clone())).await.unwrap();
    let of = |scope: Scope| {
        Principal::by_key(house.ada.account(), "key_1".to_owned(), [scope].into_iter().collect())
    };
    let [asker, keeper, documents] = [of(Scope::Chat), of(Scope::Assistants), of(Scope::Documents)];
    let named = || AssistantChange { name: Some("Mine".to_owned()), ..AssistantChange::default() };
    let query = || AssistantQuery { limit: 9, ..AssistantQuery::default() };
    let default = assistants.list(&asker, query()).await.unwrap().assistants.remove(0);

    assert!(assistants.get(&asker, &default.id).await.is_ok());
    assert!(assistants.get_by_slug(&keeper, &default.slug).await.is_ok());
    let refused = [
        assistants.get(&documents, &default.id).await.map(drop),
        assistants.get_by_slug(&documents, &default.slug).await.map(drop),
        assistants.list(&documents, query()).await.map(drop),
        assistants.create(&asker, "any", named()).await.map(drop),
        assistants.change(&asker, &default.id, named()).await,
        assistants.delete(&asker, &default.id).await,
    ];
    let kinds = refused.map(|result| result.unwrap_err().kind);
    assert_eq!(kinds, [ErrorKind::Forbidden; 6]);
}
