//! Where a list of messages that a client sent belongs in the conversation that is stored: a pure function.
//!
//! Clients of list-shaped APIs send the whole conversation each time, or its last part. What is stored already is not
//! stored again; the first difference starts a branch; nothing stored is ever removed or overwritten.

use crate::provider::Role;
use crate::store::{PathMessage, Place};
use crate::turn::{ListedMessage, Side};

/// The outcome of matching: the new rest of the list, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placement {
    /// What the first new message follows.
    pub(crate) place: Place,
    /// How many messages at the start of the list are stored already.
    pub(crate) known: usize,
}

/// Matches `list` with the selected `path` (oldest first) by id, else by role and text. It attaches where its beginning
/// is the path's beginning, or where it agrees with the path up to the path's end; the longest agreement wins.
pub(crate) fn place(path: &[PathMessage], list: &[ListedMessage]) -> Placement {
    // An answer that has no text is not in any client's list.
    let visible: Vec<usize> =
        (0..path.len()).filter(|&at| path[at].role == Role::User || !path[at].silent).collect();
    let agreement = |start: usize| {
        visible[start..].iter().zip(list).take_while(|(at, item)| same(path, &path[**at], item)).count()
    };
    let attaches =
        |start: usize, length: usize| length > 0 && (start == 0 || start + length == visible.len());
    let best = (0..visible.len())
        .map(|start| (start, agreement(start)))
        .filter(|&(start, length)| attaches(start, length))
        .max_by_key(|&(start, length)| (length, std::cmp::Reverse(start)));
    let Some((start, known)) = best else {
        return Placement { place: Place::Root, known: 0 };
    };
    let mut last = visible[start + known - 1];
    let skipped_answer = path.get(last + 1).filter(|next| next.silent && next.at.side == Side::Answer);
    if known < list.len() && skipped_answer.is_some() {
        last += 1;
    }
    Placement { place: Place::After(path[last].at), known }
}

/// An id decides if the path has it with that role: then the text must agree, or a branch begins. Else role and text do.
fn same(path: &[PathMessage], stored: &PathMessage, item: &ListedMessage) -> bool {
    let said = stored.role == item.role && stored.content == item.content;
    let known = |id: &str| path.iter().any(|message| message.id == id && message.role == item.role);
    match item.id.as_deref() {
        Some(id) if known(id) => said && stored.id == id,
        Some(_) | None => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::ids::TurnId;
    use crate::turn::MessageRef;

    /// `"u:hi"` is a user's message with text `hi`; `"u:hi#7"` has the id 7; `"a:"` an answer without text.
    fn item(text: &str) -> ListedMessage {
        let (role, rest) = text.split_once(':').expect("role:text");
        let role = if role == "u" { Role::User } else { Role::Assistant };
        let (content, id) =
            rest.split_once('#').map_or((rest, None), |(content, id)| (content, Some(id.into())));
        ListedMessage { id, role, content: content.into() }
    }

    fn path(messages: &[&str]) -> Vec<PathMessage> {
        messages
            .iter()
            .map(|text| {
                let ListedMessage { id, role, content } = item(text);
                let side = if role == Role::User { Side::Question } else { Side::Answer };
                let at = MessageRef { turn: TurnId::new(&SystemClock), side };
                PathMessage { at, id: id.unwrap_or_default(), role, silent: content.is_empty(), content }
            })
            .collect()
    }

    #[track_caller]
    fn check(stored: &[&str], sent: &[&str], known: usize, after: Option<usize>) {
        let stored = path(stored);
        let sent: Vec<_> = sent.iter().map(|text| item(text)).collect();
        let place = after.map_or(Place::Root, |index| Place::After(stored[index].at));
        assert_eq!(super::place(&stored, &sent), Placement { place, known });
    }

    #[test]
    fn the_first_list_begins_the_conversation() {
        check(&[], &["u:a"], 0, None);
        check(&[], &["u:a", "a:b", "u:c"], 0, None);
    }

    #[test]
    fn a_list_that_continues_the_path_adds_only_its_end() {
        check(&["u:a", "a:b"], &["u:a", "a:b", "u:c"], 2, Some(1));
    }

    #[test]
    fn the_end_of_the_path_attaches_where_it_matches() {
        check(&["u:a", "a:b", "u:c", "a:d"], &["u:c", "a:d", "u:e"], 2, Some(3));
    }

    #[test]
    fn the_first_difference_starts_a_branch() {
        check(&["u:a", "a:b", "u:c", "a:d"], &["u:a", "a:b", "u:other"], 2, Some(1));
        check(&["u:a", "a:b"], &["u:a", "a:edited", "u:c"], 1, Some(0));
        check(&["u:a", "a:b"], &["u:z", "a:b", "u:c"], 0, None);
    }

    #[test]
    fn a_list_that_is_wholly_stored_answers_its_last_question_again() {
        check(&["u:a", "a:b"], &["u:a"], 1, Some(0));
        check(&["u:a", "a:b", "u:c", "a:d"], &["u:a", "a:b", "u:c"], 3, Some(2));
    }

    #[test]
    fn the_longest_agreement_wins() {
        check(&["u:a", "a:b", "u:a", "a:b"], &["u:a", "a:b", "u:a", "a:b", "u:c"], 4, Some(3));
        check(&["u:a", "a:b", "u:a", "a:b"], &["u:a", "a:b", "u:c"], 2, Some(1));
    }

    #[test]
    fn an_id_of_the_session_decides() {
        check(&["u:a#1", "a:b#2"], &["u:a#1", "a:b#2", "u:c"], 2, Some(1));
        check(&["u:a#1", "a:b#2"], &["u:changed#1", "u:c"], 0, None);
        check(&["u:same#1", "a:b#2", "u:same#3", "a:d#4"], &["u:same#3", "a:d#4", "u:e"], 2, Some(3));
        check(&["u:a#1", "a:b#2"], &["u:a#77", "a:b#78", "u:c#79"], 2, Some(1));
    }

    #[test]
    fn an_answer_without_text_is_stepped_over() {
        check(&["u:a", "a:"], &["u:a", "u:b"], 1, Some(1));
        check(&["u:a", "a:"], &["u:a"], 1, Some(0));
    }
}
