//! Where turns and the library meet: what documents have for a question, and what an answer rests on.

use async_trait::async_trait;
use chat::Error;
use chat::grounding::{Citation, Grounding, Grounds, Passage, Question};
use knowledge::answer::Answer;
use knowledge::cite::cite;
use knowledge::library::{self, Library};

use super::{document_id, document_of};

/// What is answered where the documents do not say.
const SILENCE: &str = "The documents of this project do not say.";
/// What a token of a passage is thought to be, in bytes: less than most have, so that the passages fit.
const BYTES_PER_TOKEN: usize = 3;

/// The library as turns see it.
#[derive(Debug)]
pub(crate) struct LibraryGrounding {
    library: Library,
}

impl LibraryGrounding {
    pub(crate) fn new(library: Library) -> Self {
        Self { library }
    }

    /// Whether the document has these very bytes in one of the projects.
    async fn says(&self, projects: &[String], passage: &Passage) -> Result<bool, Error> {
        let Some(document) = document_of(&passage.document) else { return Ok(false) };
        for project in projects {
            let text = self.library.text(project, document, passage.span.clone()).await?;
            if text.is_some_and(|text| text == passage.text) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[async_trait]
impl Grounding for LibraryGrounding {
    async fn ground(&self, question: Question) -> Result<Grounds, Error> {
        let Question { projects, text, before, budget } = question;
        let budget = usize::try_from(budget).unwrap_or(usize::MAX).saturating_mul(BYTES_PER_TOKEN);
        Ok(match self.library.answer(&projects, &text, &before, budget).await? {
            Answer::None => Grounds::None,
            Answer::Silence => Grounds::Silence(SILENCE.to_owned()),
            Answer::Found { passages, extract } => {
                let passages = passages.into_iter().map(passage).collect();
                Grounds::Passages { passages, extract }
            }
        })
    }

    async fn cite(
        &self,
        projects: &[String],
        answer: &str,
        passages: &[Passage],
    ) -> Result<Vec<Citation>, Error> {
        let texts: Vec<&str> = passages.iter().map(|passage| passage.text.as_str()).collect();
        let mut citations = Vec::new();
        for support in cite(answer, &texts) {
            let whole = &passages[support.passage];
            let start = whole.span.start + support.quote.start;
            let passage = Passage {
                id: format!("{}-{start}", whole.document),
                span: start..whole.span.start + support.quote.end,
                text: whole.text[support.quote].to_owned(),
                score: support.score,
                ..whole.clone()
            };
            let verified = self.says(projects, &passage).await?;
            let units = |text: &str| text.encode_utf16().count();
            let from = units(&answer[..support.answer.start]);
            let until = from + units(&answer[support.answer]);
            citations.push(Citation { passage, verified, answer: from..until });
        }
        Ok(citations)
    }
}

fn passage(library::Passage { stored, rank }: library::Passage) -> Passage {
    let document = document_id(stored.document);
    Passage {
        id: format!("{document}-{}", stored.chunk.span.start),
        title: stored.title.unwrap_or_else(|| stored.path.clone()),
        path: stored.path,
        page: stored.chunk.page.and_then(|page| u32::try_from(page).ok()),
        span: stored.chunk.span,
        text: stored.text,
        score: rank.score.clamp(0.0, 1.0),
        document,
    }
}
