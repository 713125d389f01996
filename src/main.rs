//! Starts Scanpost: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    scanpost::cli::run(std::env::args_os())
}
