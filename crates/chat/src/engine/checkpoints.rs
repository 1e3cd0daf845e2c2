//! Saves running turns on the way, so that a crash loses at most the last second of text.

use std::sync::Arc;

use tokio::time::MissedTickBehavior;

use super::Inner;
use crate::store::Checkpoint;
use crate::turn_log::{StopReason, TurnLog};

/// The interval is cut into so many parts, and each running turn belongs to one of them.
const PARTS: u32 = 10;
/// At most this many turns become one commit.
const TURNS_PER_COMMIT: usize = 256;

/// Runs until shutdown has ended the last turn's stream; the turns themselves commit their own end.
pub(super) async fn save_running_turns(chat: Arc<Inner>) {
    let mut ticks = tokio::time::interval(chat.settings.checkpoint_interval / PARTS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut part = 0;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = last_turn_at_shutdown(&chat) => return,
        }
        let running = chat.running.running();
        // The next tick takes the next part; a turn keeps its part, since its id never changes.
        let due: Vec<_> = running.into_iter().filter(|log| part_of(log) == part).collect();
        part = (part + 1) % PARTS;
        for log in &due {
            if log.unread_for().is_some_and(|unread| unread > chat.settings.max_duration) {
                log.stop(StopReason::Unread);
            }
        }
        for turns in due.chunks(TURNS_PER_COMMIT) {
            save(&chat, turns).await;
        }
    }
}

/// Waits until the server is stopping and no turn runs.
async fn last_turn_at_shutdown(chat: &Inner) {
    chat.tasks.closing().cancelled().await;
    loop {
        let changed = chat.running.changed();
        if chat.running.running().is_empty() {
            return;
        }
        changed.await;
    }
}

async fn save(chat: &Inner, turns: &[Arc<TurnLog>]) {
    let mut marks = Vec::new();
    let mut checkpoints = Vec::new();
    for log in turns {
        if let (Some(head), Some((transcript, mark))) = (log.head(), log.unsaved()) {
            checkpoints.push(Checkpoint { turn: head.turn, transcript });
            marks.push((log, mark));
        }
    }
    if checkpoints.is_empty() {
        return;
    }
    match chat.store.checkpoint(checkpoints).await {
        Ok(()) => marks.into_iter().for_each(|(log, mark)| log.saved(mark)),
        // The next round saves more; what counts is the commit of the end.
        Err(error) => tracing::warn!(%error, "could not save running turns"),
    }
}

fn part_of(log: &TurnLog) -> u32 {
    log.head().map_or(0, |head| u32::from(head.turn.as_bytes()[15]) % PARTS)
}
