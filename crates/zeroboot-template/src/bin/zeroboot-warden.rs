//! The warden's program: see `zeroboot_runtime::warden`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    zeroboot_runtime::warden::run()
}
