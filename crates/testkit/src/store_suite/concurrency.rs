//! Many callers at once: each operation happens once, in one order.

use std::collections::HashSet;

use chat::store::{OpenError, OpenTurn, Opened};
use futures::future::join_all;

use super::{Scene, StoreUnderTest};

/// With a limit of twenty, fifty parallel messages give twenty turns.
pub async fn accepts_exactly_the_limit_in_parallel(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.limit(Some(20)).await;
    let names: Vec<_> = (0..50).map(|number| format!("turn-{number}")).collect();
    let opens = names.iter().map(|name| {
        let conversation_name = format!("sess_{name}");
        scene.try_open(OpenTurn { conversation_name, ..scene.ask(name, "a") })
    });

    let outcomes = join_all(opens).await;
    let accepted = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Opened::New(_)))).count();
    let refused =
        outcomes.iter().filter(|outcome| matches!(outcome, Err(OpenError::QuotaExceeded { .. }))).count();
    assert_eq!((accepted, refused), (20, 30));
}

/// With a limit of twelve for one of two keys and of twenty for their account, fifty parallel messages give both.
pub async fn accepts_exactly_both_limits_in_parallel(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    scene.limit(Some(20)).await;
    let (narrow, wide) = (scene.key(1, Some(12)).await, scene.key(2, None).await);
    let names: Vec<_> = (0..50).map(|number| format!("turn-{number}")).collect();
    let opens = async |key: &str, names: &[String]| {
        let asks = names.iter().map(|name| {
            let conversation_name = format!("sess_{name}");
            scene.try_open(OpenTurn { conversation_name, ..scene.ask_by(key, name) })
        });
        join_all(asks).await.iter().filter(|outcome| matches!(outcome, Ok(Opened::New(_)))).count()
    };

    assert_eq!(opens(&narrow, &names[..25]).await, 12);
    assert_eq!(opens(&wide, &names[25..]).await, 8);
}

/// Parallel messages of one conversation all land, each once, each after an earlier one.
pub async fn opens_each_of_many_in_parallel_once(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let names: Vec<_> = (0..64).map(|number| format!("turn-{number}")).collect();
    let opened = join_all(names.iter().map(|name| scene.open(scene.ask(name, name)))).await;

    let conversations: HashSet<_> = opened.iter().map(|new| new.head.conversation).collect();
    assert_eq!(conversations.len(), 1);
    let parents: HashSet<_> = opened.iter().map(|new| new.follows.map(|at| at.turn)).collect();
    assert_eq!(parents.len(), 64, "nobody follows the same answer");
    let turns: HashSet<_> = opened.iter().map(|new| Some(new.head.turn)).chain([None]).collect();
    assert!(parents.is_subset(&turns), "everybody follows one of them, or nothing");

    let on_path: Vec<_> = scene.history().await.into_iter().filter_map(|message| message.turn).collect();
    let mut once: Vec<_> = on_path.chunks(2).map(|pair| pair[0].clone()).collect();
    once.sort_unstable();
    let mut expected = names;
    expected.sort_unstable();
    assert_eq!(once, expected);
}

/// Of the same request twenty times at once, one opens the turn and the others are told of it.
pub async fn repeats_in_parallel_open_one_turn(store: &dyn StoreUnderTest) {
    let scene = Scene::new(store).await;
    let open = scene.ask("one", "a");
    let outcomes =
        join_all((0..20).map(|_| {
            scene.try_open(OpenTurn { turn: chat::ids::TurnId::new(&scene.clock), ..open.clone() })
        }))
        .await;
    let opened = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Opened::New(_)))).count();
    let repeats = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Ok(Opened::Repeat { name }) if name == "one"))
        .count();
    assert_eq!((opened, repeats), (1, 19));
    assert_eq!(scene.history().await.len(), 2);
}
