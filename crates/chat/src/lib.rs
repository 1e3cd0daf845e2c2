//! The core of Latimer: turns, conversations and the rules that hold for every dialect; no HTTP, no SQL, no vendor.

pub mod clock;
pub mod ids;
pub mod provider;
