//! The office's program. Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    fieldsync_server::cli::run()
}
