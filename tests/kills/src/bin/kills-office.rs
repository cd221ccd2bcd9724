//! The office's program, built beside the tests that kill it.

use std::process::ExitCode;

fn main() -> ExitCode {
    fieldsync_server::cli::run()
}
