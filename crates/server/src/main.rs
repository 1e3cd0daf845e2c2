//! The binary `latimer`: reads the command line and hands over, unless it was started to read a file for another one.

use std::process::ExitCode;

use knowledge::extract::worker;

fn main() -> ExitCode {
    if worker::is_asked_for() {
        return worker::main();
    }
    server::cli::main()
}
