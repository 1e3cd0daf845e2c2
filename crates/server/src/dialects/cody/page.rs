//! The query of a list: its page, and what is included in each item.

use chat::conversations::{Listed, Page};

use super::wire::{Many, Meta, Pagination};

const PER_PAGE: u32 = 50;
const MAX_PER_PAGE: u32 = 100;

/// The parameters of a request. Unknown ones are ignored, and a wrong page is the first.
pub(super) struct Query(Vec<(String, String)>);

/// A page as the client counts them, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pages {
    number: u32,
    per_page: u32,
}

impl Query {
    pub(super) fn parse(query: Option<&str>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// The parameter's text, unless it is empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(parameter, _)| parameter == name);
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// Whether `includes` names this, in a list with commas or in a parameter of its own.
    pub(super) fn includes(&self, what: &str) -> bool {
        let parameters = self.0.iter().filter(|(name, _)| name == "includes" || name == "includes[]");
        parameters.flat_map(|(_, list)| list.split(',')).any(|item| item.trim() == what)
    }

    pub(super) fn pages(&self) -> Pages {
        let number = |name| self.text(name).and_then(|text| text.parse::<u32>().ok());
        let per_page = number("per_page").unwrap_or(PER_PAGE).clamp(1, MAX_PER_PAGE);
        Pages { number: number("page").unwrap_or(1).max(1), per_page }
    }
}

impl Pages {
    pub(super) fn page(self) -> Page {
        Page { offset: (self.number - 1).saturating_mul(self.per_page), limit: self.per_page }
    }

    pub(super) fn answer<T, U>(self, listed: Listed<T>, to_wire: impl FnMut(T) -> U) -> Many<U> {
        let total_pages = u32::try_from(listed.total.div_ceil(u64::from(self.per_page))).unwrap_or(u32::MAX);
        let pagination = Pagination {
            count: listed.items.len(),
            total: listed.total,
            per_page: self.per_page,
            current_page: self.number,
            // An empty list is one page.
            total_pages: total_pages.max(1),
            next_page: (self.number < total_pages).then(|| self.number + 1),
            previous_page: (self.number > 1).then(|| self.number - 1),
        };
        Many { data: listed.items.into_iter().map(to_wire).collect(), meta: Meta { pagination } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_page_is_the_first() {
        for (query, number, per_page) in [
            (None, 1, 50),
            (Some("page=3&per_page=10"), 3, 10),
            (Some("page=0&per_page=0"), 1, 1),
            (Some("page=-1&per_page=1000"), 1, 100),
            (Some("page=two&per_page="), 1, 50),
        ] {
            assert_eq!(Query::parse(query).pages(), Pages { number, per_page }, "{query:?}");
        }
    }

    #[test]
    fn pages_lead_to_each_other() {
        let numbers = |query: &str, items: usize, total| {
            let listed = Listed { items: vec![(); items], total };
            let Pagination { total_pages, next_page, previous_page, .. } =
                Query::parse(Some(query)).pages().answer(listed, |item| item).meta.pagination;
            (total_pages, next_page, previous_page)
        };
        assert_eq!(numbers("", 0, 0), (1, None, None));
        assert_eq!(numbers("", 50, 53), (2, Some(2), None));
        assert_eq!(numbers("page=2", 3, 53), (2, None, Some(1)));
        assert_eq!(numbers("page=9", 0, 53), (2, None, Some(8)));
    }

    #[test]
    fn includes_come_in_several_forms() {
        for query in [
            "includes=sources,usage",
            "includes=usage&includes=sources",
            "includes[]=sources&includes[]=usage",
        ] {
            let query = Query::parse(Some(query));
            assert!(query.includes("sources") && query.includes("usage") && !query.includes("document_ids"));
        }
        assert!(!Query::parse(Some("includes=source")).includes("sources"));
    }
}
