//! Credentials that are good for less than chat: nothing of it is opened to them.

use chat::turn::Dialect;
use chat::{ErrorKind, Principal, Scope, Scopes, SignIn};

use crate::house::{House, message};

#[tokio::test]
async fn a_key_without_the_chat_scope_neither_asks_nor_reads() {
    let house = House::new().await;
    house.talk(message("one", "hello"), "Hello.").await;
    let scopes = Scopes::EVERYDAY.without(Scope::Chat);
    let narrow = Principal::signed_in(house.ada.account(), SignIn::Key, scopes);

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
