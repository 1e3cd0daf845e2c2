//! How much there is of a project, and whether it is still what was put in and cited.

use std::collections::HashSet;

use chat::conversations::Conversations;
use chat::grounding::Citation;
use chat::ids::DocumentId;
use chat::{Error, Principal, Scope};
use knowledge::library::Verified;
use knowledge::store::{FileState, Status};

use super::{Documents, check_may_read, document_of};

/// Documents, and turns with citations, that are loaded at once.
const PAGE: usize = 200;

/// How much there is of a project.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Census {
    pub(crate) documents: Status,
    /// Files that will be documents.
    pub(crate) waiting: usize,
    /// Files that could not be read.
    pub(crate) failed: usize,
}

/// What was looked at, and what of it is not as it was.
#[derive(Debug, Default)]
pub(crate) struct Verification {
    pub(crate) documents: usize,
    pub(crate) chunks: usize,
    pub(crate) citations: usize,
    pub(crate) problems: Vec<Problem>,
}

/// What is not as it was.
#[derive(Debug)]
pub(crate) enum Problem {
    /// A document's bytes are not those that were put in.
    Damaged { path: String },
    /// An answer cites bytes that are not there.
    Cited { path: String, start: usize, end: usize, why: Why },
}

/// Why cited bytes are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Damaged,
    Replaced,
    Removed,
}

impl Documents {
    /// How much there is of a project.
    pub(crate) async fn status(&self, principal: &Principal, project: &str) -> Result<Census, Error> {
        let project = self.known(principal, project).await?;
        let mut census = Census { documents: self.library.status(&project).await?, waiting: 0, failed: 0 };
        let mut after = None;
        loop {
            let page = self.work.unready(&project, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(census) };
            after = Some(last.place);
            let failed =
                page.iter().filter(|unready| matches!(unready.file.state, FileState::Failed(_))).count();
            census.failed += failed;
            census.waiting += page.len() - failed;
        }
    }

    /// Compares every document of a project, and every citation of them that the caller may know of, with what was put in.
    pub(crate) async fn verify(
        &self,
        principal: &Principal,
        project: &str,
        conversations: &Conversations,
    ) -> Result<Verification, Error> {
        let project = self.known(principal, project).await?;
        let mut found = Verification::default();
        let damaged = self.verify_documents(&project, &mut found).await?;
        let mut seen = 0;
        // Credentials for documents alone are not good for reading answers.
        while principal.may(Scope::Chat) {
            let page = conversations.citations(principal, seen, PAGE as u32).await?;
            let Some((last, _)) = page.last() else { break };
            seen = *last;
            for citation in page.into_iter().flat_map(|(_, citations)| citations) {
                self.verify_citation(&project, &damaged, citation, &mut found).await?;
            }
        }
        Ok(found)
    }

    async fn verify_documents(
        &self,
        project: &str,
        found: &mut Verification,
    ) -> Result<HashSet<DocumentId>, Error> {
        let (mut damaged, mut after) = (HashSet::new(), None);
        loop {
            let page = self.library.documents(project, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(damaged) };
            after = Some(last.id);
            for listed in page {
                found.documents += 1;
                found.chunks += listed.chunks;
                if self.library.verify(project, &listed).await? == Verified::Damaged {
                    damaged.insert(listed.id);
                    found.problems.push(Problem::Damaged { path: listed.label.path });
                }
            }
        }
    }

    async fn verify_citation(
        &self,
        project: &str,
        damaged: &HashSet<DocumentId>,
        Citation { passage, .. }: Citation,
        found: &mut Verification,
    ) -> Result<(), Error> {
        let Some(document) = document_of(&passage.document) else { return Ok(()) };
        let owner = self.library.project_of(document).await?;
        if owner.as_deref().is_some_and(|owner| owner != project) {
            return Ok(());
        }
        found.citations += 1;
        let text = self.library.text(project, document, passage.span.clone()).await?;
        let why = match owner {
            // Which project it was in, nobody knows any more.
            None => Why::Removed,
            Some(_) if text.as_deref() == Some(&passage.text) => return Ok(()),
            Some(_) if damaged.contains(&document) => Why::Damaged,
            Some(_) => Why::Replaced,
        };
        let (path, start, end) = (passage.path, passage.span.start, passage.span.end);
        found.problems.push(Problem::Cited { path, start, end, why });
        Ok(())
    }

    /// The project that the caller means, which must be there.
    async fn known(&self, principal: &Principal, project: &str) -> Result<String, Error> {
        check_may_read(principal)?;
        self.project(principal, project).await?.ok_or_else(|| Error::not_found("project"))
    }
}
