//! HTML pages: what a reader sees of them, from a tokenizer alone, so that depth costs neither stack nor memory.

use std::cell::RefCell;

use encoding_rs::Encoding;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::{RawKind, Rawtext, Rcdata, ScriptData};
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use super::error::ExtractError;
use super::limits::Limits;
use super::writer::Writer;
use super::{Extracted, Kind};

/// How much is tokenized before a look at the limits.
const PIECE: usize = 64 * 1_024;

/// What stands in a heading to be clicked on and not to be read.
const ANCHORS: [&str; 4] = ["\u{a7}", "\u{b6}", "#", "\u{1f517}"];

/// Where a page says its encoding, if it does.
const DECLARED_WITHIN: usize = 1_024;

/// Reads a page. Where it marks its main part only that is read, and menus never are, unless nothing else is there.
pub(super) fn extract(page: &str, limits: &Limits) -> Result<Extracted, ExtractError> {
    match read(page, limits, Scope::Main) {
        Err(ExtractError::NoText) => {}
        read => return read,
    }
    match read(page, limits, Scope::WithoutMenus) {
        Err(ExtractError::NoText) => read(page, limits, Scope::Everything),
        read => read,
    }
}

/// The encoding that the page's `meta` names.
pub(super) fn declared_encoding(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(DECLARED_WITHIN)]).to_ascii_lowercase();
    let (_, rest) = head.split_once("charset=")?;
    let rest = rest.trim_start_matches(['"', '\'', ' ']);
    let end =
        rest.find(|char: char| !char.is_ascii_alphanumeric() && !"-_:.".contains(char)).unwrap_or(rest.len());
    Encoding::for_label(&rest.as_bytes()[..end])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Main,
    WithoutMenus,
    Everything,
}

fn read(page: &str, limits: &Limits, scope: Scope) -> Result<Extracted, ExtractError> {
    let state = State::new(limits, scope);
    let sink = Reader { state: RefCell::new(state) };
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let queue = BufferQueue::default();
    let mut rest = page;
    while !rest.is_empty() && tokenizer.sink.state.borrow().failure.is_none() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE.min(rest.len())));
        rest = after;
        queue.push_back(StrTendril::from(piece));
        // A script's end pauses the tokenizer; nothing of a script is run here, so it goes on.
        while !queue.is_empty() {
            let _ = tokenizer.feed(&queue);
        }
    }
    tokenizer.end();
    let state = tokenizer.sink.state.into_inner();
    match state.failure {
        Some(failure) => Err(failure),
        None => state.writer.finish(Kind::Prose),
    }
}

struct Reader<'a> {
    state: RefCell<State<'a>>,
}

struct State<'a> {
    writer: Writer<'a>,
    scope: Scope,
    /// The element that is passed over, and how many of its name are open.
    skipped: Option<(String, usize)>,
    title: Option<String>,
    main: usize,
    pre: usize,
    head_rows: usize,
    /// Cells of the row that name something, and those that don't.
    cells: (usize, usize),
    failure: Option<ExtractError>,
}

impl TokenSink for Reader<'_> {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut state = self.state.borrow_mut();
        if state.failure.is_some() {
            return TokenSinkResult::Continue;
        }
        let (outcome, next) = match token {
            Token::CharacterTokens(text) => (state.text(&text), None),
            Token::TagToken(tag) => (state.tag(&tag), raw_text(&tag)),
            Token::DoctypeToken(_)
            | Token::CommentToken(_)
            | Token::NullCharacterToken
            | Token::EOFToken
            | Token::ParseError(_) => (Ok(()), None),
        };
        state.failure = outcome.err();
        next.map_or(TokenSinkResult::Continue, TokenSinkResult::RawData)
    }
}

/// Elements whose content is no markup.
fn raw_text(tag: &Tag) -> Option<RawKind> {
    if tag.kind == TagKind::EndTag {
        return None;
    }
    match &*tag.name {
        "script" => Some(ScriptData),
        "style" | "iframe" | "noembed" | "noframes" | "xmp" => Some(Rawtext),
        "title" | "textarea" => Some(Rcdata),
        _ => None,
    }
}

impl<'a> State<'a> {
    fn new(limits: &'a Limits, scope: Scope) -> Self {
        Self {
            writer: Writer::new(limits),
            scope,
            skipped: None,
            title: None,
            main: 0,
            pre: 0,
            head_rows: 0,
            cells: (0, 0),
            failure: None,
        }
    }

    fn text(&mut self, text: &str) -> Result<(), ExtractError> {
        if let Some(title) = &mut self.title {
            if title.len() < PIECE {
                title.push_str(text);
            }
            return Ok(());
        }
        if self.skipped.is_some() || (self.scope == Scope::Main && self.main == 0) {
            return Ok(());
        }
        if self.writer.is_in_heading() && ANCHORS.contains(&text.trim()) {
            return Ok(());
        }
        if self.pre > 0 { self.writer.verbatim(text) } else { self.writer.text(text) }
    }

    fn tag(&mut self, tag: &Tag) -> Result<(), ExtractError> {
        let name = &*tag.name;
        let is_start = tag.kind == TagKind::StartTag;
        if self.pass_over(tag, name, is_start) {
            return Ok(());
        }
        match name {
            "title" => self.title_tag(is_start),
            "main" | "article" => {
                self.main = step(self.main, is_start);
                self.writer.block();
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" if is_start => {
                self.writer.end_heading()?;
                self.writer.start_heading(name.as_bytes()[1] - b'0');
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.writer.end_heading()?,
            "pre" => {
                self.pre = step(self.pre, is_start);
                self.writer.block();
            }
            "br" | "li" | "dt" | "dd" | "option" | "summary" => self.writer.line(),
            "p" | "div" | "section" | "header" | "footer" | "aside" | "nav" | "ul" | "ol" | "dl"
            | "blockquote" | "figure" | "figcaption" | "address" | "fieldset" | "form" | "details" | "hr"
            | "body" | "caption" | "center" | "hgroup" | "dialog" => self.writer.block(),
            "img" | "input" | "label" => self.writer.space(),
            _ => self.table_tag(name, is_start)?,
        }
        Ok(())
    }

    fn table_tag(&mut self, name: &str, is_start: bool) -> Result<(), ExtractError> {
        match (name, is_start) {
            ("table", true) => self.writer.start_table(),
            ("table", false) => {
                self.end_row()?;
                self.writer.end_table()
            }
            ("thead", _) => {
                self.head_rows = step(self.head_rows, is_start);
                Ok(())
            }
            ("tr", true) => {
                self.end_row()?;
                self.writer.start_row(self.head_rows > 0)
            }
            ("tr", false) => self.end_row(),
            ("th", true) => {
                self.cells.0 += 1;
                self.writer.start_cell()
            }
            ("td", true) => {
                self.cells.1 += 1;
                self.writer.start_cell()
            }
            _ => Ok(()),
        }
    }

    fn end_row(&mut self) -> Result<(), ExtractError> {
        let (names, values) = std::mem::take(&mut self.cells);
        if names > 0 && values == 0 {
            self.writer.row_is_header();
        }
        self.writer.end_row()
    }

    fn title_tag(&mut self, is_start: bool) {
        if is_start {
            self.title = Some(String::new());
        } else if let Some(title) = self.title.take() {
            self.writer.title(&title);
        }
    }

    /// Whether the tag lies in what is not read, or begins or ends it.
    fn pass_over(&mut self, tag: &Tag, name: &str, is_start: bool) -> bool {
        if let Some((skipped, depth)) = &mut self.skipped {
            if skipped == name {
                *depth = step(*depth, is_start);
                if *depth == 0 {
                    self.skipped = None;
                }
            }
            return true;
        }
        let is_open = is_start && !tag.self_closing && !is_void(name);
        if is_open && self.is_unread(tag, name) {
            self.skipped = Some((name.to_owned(), 1));
            return true;
        }
        false
    }

    fn is_unread(&self, tag: &Tag, name: &str) -> bool {
        let never = matches!(
            name,
            "script"
                | "style"
                | "noscript"
                | "template"
                | "svg"
                | "math"
                | "iframe"
                | "object"
                | "noembed"
                | "noframes"
                | "canvas"
                | "audio"
                | "video"
                | "textarea"
                | "button"
                | "select"
        );
        let is_menu = matches!(name, "nav" | "footer" | "aside");
        let has = |attribute: &str, value: Option<&str>| {
            tag.attrs.iter().any(|given| {
                &*given.name.local == attribute
                    && value.is_none_or(|value| given.value.eq_ignore_ascii_case(value))
            })
        };
        let is_hidden =
            || has("hidden", None) || has("aria-hidden", Some("true")) || has("role", Some("navigation"));
        never || (self.scope != Scope::Everything && (is_menu || is_hidden()))
    }
}

fn step(depth: usize, is_start: bool) -> usize {
    if is_start { depth + 1 } else { depth.saturating_sub(1) }
}

fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "source"
            | "track"
            | "wbr"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(page: &str) -> String {
        extract(page, &Limits::default()).unwrap().text
    }

    #[test]
    fn a_reader_sees_text_headings_and_tables_but_no_scripts_and_menus() {
        let page = "<!DOCTYPE html><html><head><title>Pears &amp; plums</title><style>p{}</style></head><body>\
            <nav><a>Home</a></nav><h1><a href='#f'>#</a>Fruit\n <em>trees</em><button>Copy</button></h1><p>A pear<br>is sweet.</p>\
            <script>var a = '<p>no</p>';</script><ul><li>one<li>two</ul>\
            <table><tr><th>fruit</th><th>price</th></tr><tr><td>pear</td><td>3 &euro;</td></tr><tr><td>plum<td><p>4</p><p>or 5</p></table>\
            <pre>let a =\n    1;</pre><p>End";
        let page = extract(page, &Limits::default()).unwrap();
        assert_eq!(
            page.text,
            "Fruit trees\n\nA pear\nis sweet.\n\none\ntwo\n\nfruit | price\npear | 3 €\nplum | 4 or 5\n\nlet a =\n    1;\n\nEnd"
        );
        assert_eq!(page.title.as_deref(), Some("Pears & plums"));
        let shown = |range: &std::ops::Range<usize>| &page.text[range.clone()];
        assert_eq!(shown(&page.headings[0].span), "Fruit trees");
        assert_eq!(page.tables[0].header.as_ref().map(shown), Some("fruit | price"));
        assert_eq!(
            page.tables[0].rows.iter().map(shown).collect::<Vec<_>>(),
            ["pear | 3 €", "plum | 4 or 5"]
        );
    }

    #[test]
    fn where_a_page_marks_its_main_part_the_rest_is_left_out() {
        assert_eq!(text("<div>Shop menu</div><main><p>The text.</p></main><div>Imprint</div>"), "The text.");
    }

    #[test]
    fn a_menu_is_read_where_nothing_else_is_there() {
        assert_eq!(text("<nav><a>Home</a></nav>"), "Home");
        assert_eq!(text("<nav><p>never closed"), "never closed");
    }

    #[test]
    fn a_page_of_a_hundred_thousand_levels_is_read() {
        let page = format!("{}deep{}", "<div>".repeat(100_000), "</div>".repeat(100_000));
        assert_eq!(text(&page), "deep");
        let tables = "<table><tr><td>".repeat(50_000);
        assert_eq!(text(&format!("{tables}deep")), "deep");
    }

    #[test]
    fn the_declared_encoding_is_found() {
        let name = |page: &str| declared_encoding(page.as_bytes()).map(Encoding::name);
        assert_eq!(name("<meta charset=\"koi8-r\">"), Some("KOI8-R"));
        assert_eq!(name("<meta content='text/html; charset=iso-8859-2'>"), Some("ISO-8859-2"));
        assert_eq!(name("<p>none"), None);
    }
}
