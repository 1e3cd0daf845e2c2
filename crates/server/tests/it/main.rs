//! The server's tests over real HTTP, each in the words of what a client sees.

mod administration;
mod answers;
mod assistants_with_knowledge;
mod auth;
mod bad_input;
mod bad_parameters;
mod cli;
mod cli_administration;
mod cli_knowledge;
mod codemie;
mod codemie_assistants;
mod codemie_conversations;
mod codemie_page;
mod cody;
mod cody_crash;
mod cody_streams;
mod cors;
mod edge;
#[cfg(feature = "embedded-llm")]
mod embedded;
mod embedding;
#[path = "../../../knowledge/tests/it/files.rs"]
#[expect(dead_code, reason = "the tests of the crate that reads files need more of them")]
mod files;
#[cfg(unix)]
mod first_start;
mod harness;
#[cfg(target_os = "linux")]
mod hostile_uploads;
mod knowledge;
mod limits;
mod models;
mod ownership;
mod program;
mod public_address;
mod rate_limit;
mod reading_files;
mod revocation;
mod rights;
mod secrets;
mod seed;
mod shutdown;
mod sign_in;
mod streams;
mod tasks;
mod token_attacks;
mod uploads;
mod uploads_crash;
mod usage;
