//! The name leads to the old content or to the new, whenever the child is killed.

use std::hash::{BuildHasher, RandomState};
use std::io::{Write, stderr};
use std::os::fd::AsFd;

use libtest_mimic::Trial;
use nix::sys::signal::Signal;
use zeroboot_fork::snapshot::{Replaced, SnapshotError, SnapshotWriter};
use zeroboot_fork::{pidfd_open, pidfd_signal};

use super::Place;
use crate::common::{Verdict, trial};

pub(super) fn trials() -> Vec<Trial> {
    vec![trial("snapshot: killed at any moment, the file is the old one or the new one, whole", killed)]
}

const SIZE: usize = 1 << 20;
const CHUNK: usize = 64 << 10;
const ROUNDS: u64 = 300;

/// How often the child is looked at, at most, between its last byte and its death: some milliseconds.
const LOOKS: u64 = 20_000;

/// Numbers from a seed (a xorshift generator).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// The seed, which `ZEROBOOT_SEED` sets, repeats what is waited for, but not what the machine does meanwhile.
fn killed() -> Verdict {
    let seed = std::env::var("ZEROBOOT_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(0) | 1);
    writeln!(stderr(), "ZEROBOOT_SEED={seed}").expect("standard error");
    let mut random = Random(seed);
    let place = Place::with(&content(0));
    let mut current = 0;
    let (mut old, mut new) = (0, 0);
    for generation in 1..=ROUNDS {
        let mut snapshot = place.start(|out| serialise(out, generation));
        let child = pidfd_open(snapshot.pid()).expect("the child, not collected yet");
        let mut is_running = || snapshot.try_wait().is_ok_and(|saved| saved.is_none());
        // Half of the rounds go for what comes after the last byte.
        if random.below(2) == 0 {
            let threshold = random.below(SIZE as u64);
            while is_running() && length(&place) < threshold {}
        } else {
            while is_running() && length(&place) < SIZE as u64 {}
            for _ in 0..random.below(LOOKS) {
                is_running();
            }
        }
        // It may have ended by itself.
        let _ = pidfd_signal(child.as_fd(), Signal::SIGKILL);
        let replaced = match snapshot.wait() {
            Ok(_) => Replaced::Yes,
            Err(SnapshotError::Ended { replaced, .. }) => replaced,
            Err(other) => panic!("{other}"),
        };
        if replaced == Replaced::Yes {
            current = generation;
            new += 1;
        } else {
            old += 1;
        }
        assert!(place.content() == content(current), "round {generation}: {replaced:?}, but not so");
        assert_eq!(place.files(), ["state"], "round {generation}");
    }
    writeln!(stderr(), "{old} old, {new} new").expect("standard error");
    assert!(old > 0, "none was killed in time");
    place.assert_tidy();
    Ok(())
}

/// Of the temporary file.
fn length(place: &Place) -> u64 {
    std::fs::metadata(place.path().join(".state.snapshot")).map_or(SIZE as u64, |file| file.len())
}

fn serialise(out: &mut SnapshotWriter<'_>, generation: u64) -> std::io::Result<()> {
    for chunk in content(generation).chunks(CHUNK) {
        out.write_all(chunk)?;
        out.flush()?;
    }
    Ok(())
}

/// Each word says which content it belongs to, and where it stands.
fn content(generation: u64) -> Vec<u8> {
    let words = (0..(SIZE / 8) as u64).map(|index| (generation << 32) + index);
    words.flat_map(u64::to_ne_bytes).collect()
}
