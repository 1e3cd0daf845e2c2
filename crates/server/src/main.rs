//! The binary `latimer`: reads the command line and hands over; or reads a file, as its own child process.

use std::process::ExitCode;

fn main() -> ExitCode {
    if knowledge::extract::worker::is_asked_for() {
        return knowledge::extract::worker::main();
    }
    server::cli::main()
}
