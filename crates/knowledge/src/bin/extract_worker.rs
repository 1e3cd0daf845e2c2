//! The child process of extraction by itself, so that the tests of this crate have one without building the server.

use std::process::ExitCode;

fn main() -> ExitCode {
    knowledge::extract::worker::main()
}
