//! The warden's program: see `zeroboot_runtime::warden`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

// The smallest template that there is: by it a host finds out what it can enforce.
zeroboot_runtime::function! {
    name: "probe",
    warm_up: || (),
    answer: |(): &(), (): ()| (),
}

fn main() -> ExitCode {
    zeroboot_runtime::function::init();
    zeroboot_runtime::warden::run()
}
