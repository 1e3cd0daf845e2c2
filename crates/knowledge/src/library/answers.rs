//! What the documents of some projects have for a message of a chat.

use chat::store::StoreError;

use super::{Library, Passage, Query, Shared};
use crate::answer::{Answer, Read, Wanted};
use crate::question::{Reading, readings};

/// Passages of one project at most.
const MOST_PASSAGES: usize = 12;
/// A message that the documents do not answer, and that is as near to one of these, is no question of theirs.
const TALK: &[&str] = &[
    "Hello, how are you?",
    "Thank you, you are very helpful.",
    "Goodbye, see you tomorrow.",
    "What can you do for me?",
    "Go on.",
    "That is not what I asked.",
    "What did I ask you before?",
    "Say that in one sentence.",
    "Make it shorter and simpler.",
    "Explain that again in other words.",
    "Summarize what you said so far.",
    "Write that as a list.",
    "Rewrite your last answer in a more formal tone.",
    "Translate your answer.",
];
const ALIKE: f32 = 0.42;

impl Library {
    /// What documents have for a message, after what was asked `before` it, the oldest first. Passages have at most `budget` bytes, but for the first.
    pub async fn answer(
        &self,
        projects: &[String],
        message: &str,
        before: &[String],
        budget: usize,
    ) -> Result<Answer, StoreError> {
        let readings = readings(message, before);
        let has_documents = self.has_documents(projects).await?;
        if readings.is_empty() || !has_documents {
            return Ok(Answer::None);
        }
        for reading in readings {
            if let Some(found) = self.read(projects, reading, budget).await? {
                return Ok(found);
            }
        }
        let is_talk = self.shared.is_talk(message).await;
        Ok(if is_talk { Answer::None } else { Answer::Silence })
    }

    async fn has_documents(&self, projects: &[String]) -> Result<bool, StoreError> {
        for project in projects {
            if !self.shared.index(project).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What answers a message in one reading; nothing if nothing does.
    async fn read(
        &self,
        projects: &[String],
        reading: Reading,
        budget: usize,
    ) -> Result<Option<Answer>, StoreError> {
        let passages = self.found(projects, &reading.search, budget).await?;
        let Some((project, _)) = passages.first() else { return Ok(None) };
        let words = self.shared.index(project).await?.weighed(&reading.question);
        let read = Read::of(passages.iter().map(|(_, passage)| passage), &words);
        let mut texts = vec![reading.question];
        texts.extend(read.texts());
        let vectors = self.shared.calibrated_vectors(texts).await;
        let vectors = vectors.as_ref().and_then(|vectors| vectors.split_first());
        let vectors = vectors.map(|(question, sentences)| (question.as_slice(), sentences));
        let verdict = read.verdict(Wanted { words: &words, vectors });
        let verdict = verdict.filter(|verdict| verdict.evidence > 0.0);
        let passages = passages.into_iter().map(|(_, passage)| passage).collect();
        Ok(verdict.map(|verdict| Answer::Found { passages, extract: verdict.extract }))
    }

    /// The best passages of all projects, each with its project.
    async fn found(
        &self,
        projects: &[String],
        text: &str,
        budget: usize,
    ) -> Result<Vec<(String, Passage)>, StoreError> {
        let mut found = Vec::new();
        for project in projects {
            let query = Query { text, limit: MOST_PASSAGES, types: &[], budget };
            let passages = self.search(project, query).await?;
            found.extend(passages.into_iter().map(|passage| (project.clone(), passage)));
        }
        found.sort_by(|(_, one), (_, other)| other.rank.score.total_cmp(&one.rank.score));
        let mut left = budget;
        let mut is_first = true;
        found.retain(|(_, passage)| {
            let length = passage.stored.text.len();
            let fits = is_first || length <= left;
            is_first = false;
            left = if fits { left.saturating_sub(length) } else { left };
            fits
        });
        Ok(found)
    }
}

impl Shared {
    /// The vectors by which it is judged what is a question and what answers it; none of a model whose nearness says
    /// nothing of that.
    async fn calibrated_vectors(&self, texts: Vec<String>) -> Option<Vec<Vec<f32>>> {
        let is_calibrated = self.embedder.as_ref().is_some_and(|embedder| embedder.is_calibrated());
        if is_calibrated { self.vectors(texts).await } else { None }
    }

    /// Whether a message is much like what is said to a model about the conversation.
    async fn is_talk(&self, message: &str) -> bool {
        let texts = [message].into_iter().chain(TALK.iter().copied());
        let vectors = self.calibrated_vectors(texts.map(str::to_owned).collect()).await;
        let Some(vectors) = vectors else { return false };
        let Some((message, talk)) = vectors.split_first() else { return false };
        let nearness =
            |other: &Vec<f32>| message.iter().zip(other).map(|(one, other)| one * other).sum::<f32>();
        talk.iter().map(nearness).any(|nearness| nearness >= ALIKE)
    }
}
