//! The crate as its users see it, with the real child process.

mod files;
mod formats;
mod hostile;
mod reading;
