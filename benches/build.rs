//! Builds the program that measures the floor, and tells the sources where it is.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    for part in ["Cargo.toml", "examples/floor.rs", "src/clock.rs"] {
        println!("cargo::rerun-if-changed={}", fork.join(part).display());
    }
    let target = PathBuf::from(variable("OUT_DIR")).join("floor");
    let mut build = Command::new(variable("CARGO"));
    build
        .args(["build", "--release", "--package", "zeroboot-fork", "--example", "floor", "--manifest-path"])
        .arg(fork.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .args(["--target", &variable("TARGET")]);
    for name in OUTER {
        build.env_remove(name);
    }
    let status = build.status().unwrap_or_else(|error| panic!("cannot start cargo for the floor: {error}"));
    assert!(status.success(), "building the floor failed: {status}");
    let program = target.join(variable("TARGET")).join("release/examples/floor");
    println!("cargo::rustc-env=ZEROBOOT_FLOOR={}", program.display());
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name} for build scripts"))
}
