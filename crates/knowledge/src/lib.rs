//! Documents in, cited passages out; usable without the server.
//!
//! A file is read into text with its structure ([`extract`]) and cut into chunks ([`chunk`]), which are found by their
//! words and by their meaning ([`search`]). A [`library::Library`] does both over whatever keeps the documents ([`store`]).
//! Files that are many or large come in as tasks, which outlive the process ([`work`]).
//! Which messages are questions of documents at all is told by [`question`], what documents say to one by [`answer`], and
//! what an answer rests on afterwards by [`cite`].
//!
//! ```
//! use std::sync::Arc;
//!
//! use chat::clock::SystemClock;
//! use knowledge::extract::{Extracted, Kind};
//! use knowledge::library::{Library, Query};
//! use knowledge::store::MemoryStore;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let library = Library::new(Arc::new(MemoryStore::default()), None, Arc::new(SystemClock));
//! let text = "The ferry leaves at nine.".to_owned();
//! let document =
//!     Extracted { text, kind: Kind::Prose, title: None, pages: vec![], headings: vec![], tables: vec![] };
//! library.ingest("proj_harbour", "ferry.txt", document).await?;
//!
//! let query = Query { text: "When does the ferry leave?", limit: 5, types: &[], budget: 8_000 };
//! let passages = library.search("proj_harbour", query).await?;
//! assert_eq!(passages[0].stored.text, "The ferry leaves at nine.");
//! # Ok::<(), chat::store::StoreError>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod answer;
pub mod chunk;
pub mod cite;
pub mod embed;
pub mod extract;
pub mod library;
pub mod question;
pub mod search;
pub mod store;
pub mod work;

mod sentences;
