//! Builds the programs that measure bare forks, and tells the sources where they are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Variables for the sources, and the examples that they point to.
const PROGRAMS: [(&str, &str); 3] =
    [("ZEROBOOT_FLOOR", "floor"), ("ZEROBOOT_FORK_SIZE", "fork_size"), ("ZEROBOOT_STORM", "storm")];

/// Variables of the outer build that must not reach the nested one: it has flags of its own.
const OUTER: [&str; 6] = [
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CLIPPY_ARGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];

fn main() {
    let fork = Path::new(&variable("CARGO_MANIFEST_DIR")).join("../crates/zeroboot-fork");
    println!("cargo::rerun-if-changed=build.rs");
    for part in ["Cargo.toml", "examples", "src"] {
        println!("cargo::rerun-if-changed={}", fork.join(part).display());
    }
    let target = PathBuf::from(variable("OUT_DIR")).join("floor");
    let mut build = Command::new(variable("CARGO"));
    build
        .args(["build", "--release", "--package", "zeroboot-fork", "--manifest-path"])
        .arg(fork.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .args(["--target", &variable("TARGET")]);
    for (_, example) in PROGRAMS {
        build.args(["--example", example]);
    }
    for name in OUTER {
        build.env_remove(name);
    }
    let status = build.status().unwrap_or_else(|error| panic!("cannot start cargo for the floor: {error}"));
    assert!(status.success(), "building the floor failed: {status}");
    let examples = target.join(variable("TARGET")).join("release/examples");
    for (name, example) in PROGRAMS {
        println!("cargo::rustc-env={name}={}", examples.join(example).display());
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name} for build scripts"))
}
