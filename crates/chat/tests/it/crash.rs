//! A crash: what was saved on the way is what is left.

use chat::provider::FinishReason;
use chat::turn::{Failure, Outcome};

use crate::house::{House, message, read_text, read_to_end, resumable};

#[tokio::test]
async fn a_new_process_ends_what_the_last_one_left_open_with_the_text_that_was_saved() {
    let house = House::new().await;
    let (first, _second) = (house.model.script(), house.model.script());
    let mut stream = house.ask(resumable("with-text", "hello")).await;
    house.model.until_started(1).await;
    house.ask(resumable("without", "hello")).await;
    first.text("half an ");
    read_text(&mut stream, "half an ").await;
    house.store.saved.subscribe().wait_for(|saved| *saved > 0).await.unwrap();
    house.store.closes.shut();

    let restarted = house.restart().await;

    let interrupted = Outcome::Failed(Failure::interrupted());
    assert_eq!(house.stored_end("with-text").await, ("half an ".to_owned(), Some(interrupted.clone())));
    assert_eq!(house.stored_end("without").await, (String::new(), Some(interrupted)));
    let log = restarted.resume(&house.ada, "with-text").await.unwrap();
    assert_eq!(read_to_end(&mut log.read_from(1)).await.len(), 2, "the delta and the end");
    // For one who has seen more than was saved there is the end.
    assert_eq!(read_to_end(&mut log.read_from(log.events() - 1)).await.len(), 1);
}

#[tokio::test]
async fn what_was_written_since_is_in_the_next_checkpoint() {
    let house = House::new().await;
    let script = house.model.script();
    let mut stream = house.ask(message("one", "hello")).await;
    let mut text = String::new();
    for piece in ["one ", "two ", "three "] {
        text.push_str(piece);
        let saved = *house.store.saved.borrow();
        script.text(piece);
        read_text(&mut stream, piece).await;
        house.store.saved.subscribe().wait_for(|now| *now > saved).await.unwrap();
        assert_eq!(house.stored_end("one").await, (text.clone(), None));
    }
    script.finish();
    stream.reply().await;
    assert_eq!(house.stored_end("one").await, (text, Some(Outcome::Finished(FinishReason::Stop))));
}
