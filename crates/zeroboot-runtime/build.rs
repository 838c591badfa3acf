//! Builds what runs outside the host program (the library that a template loads, the warden) and tells the sources
//! where they are, so that `host::embedded` can carry them inside the host program.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Variables of the outer build that must not reach the nested one: it has features and flags of its own.
const OUTER: [&str; 6] = [
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CLIPPY_ARGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_HOST").is_none() {
        return;
    }
    let crates = Path::new(&variable("CARGO_MANIFEST_DIR")).join("..");
    let template = crates.join("zeroboot-template");
    for name in ["zeroboot-fork", "zeroboot-isolation", "zeroboot-runtime", "zeroboot-template"] {
        println!("cargo::rerun-if-changed={}", crates.join(name).join("src").display());
        println!("cargo::rerun-if-changed={}", crates.join(name).join("Cargo.toml").display());
    }
    println!("cargo::rerun-if-changed={}", template.join("python").display());

    let target = PathBuf::from(variable("OUT_DIR")).join("embedded");
    let mut build = Command::new(variable("CARGO"));
    build
        .args(["build", "--package", "zeroboot-template", "--profile", "template", "--manifest-path"])
        .arg(template.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .args(["--target", &variable("TARGET")]);
    for name in OUTER {
        build.env_remove(name);
    }
    // This build's features: the nested build script would take them for its own.
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_FEATURE_")) {
        build.env_remove(name);
    }
    let status =
        build.status().unwrap_or_else(|error| panic!("cannot start cargo for the embedded parts: {error}"));
    assert!(status.success(), "building the embedded parts failed: {status}");

    let built = target.join(variable("TARGET")).join("template");
    for (name, path) in [
        ("LIBRARY", built.join("libzeroboot_template.so")),
        ("WARDEN", built.join("zeroboot-warden")),
        ("PYTHON", template.join("python/template.py")),
    ] {
        println!("cargo::rustc-env=ZEROBOOT_EMBEDDED_{name}={}", path.display());
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name} for build scripts"))
}
