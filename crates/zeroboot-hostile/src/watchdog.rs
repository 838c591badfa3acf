//! What looks at the clock while runs are under way: a call that does not return cannot report itself.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How often it looks.
const PERIOD: Duration = Duration::from_millis(100);

/// What is under way, by what it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watchdog {
    awaited: Arc<Mutex<BTreeMap<u64, Instant>>>,
}

/// Something that is under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Awaited<'a> {
    watchdog: &'a Watchdog,
    key: u64,
}

impl Watchdog {
    /// Starts its thread, which calls `late` with what has not come back in time, and ends the process.
    pub(crate) fn start(late: impl Fn(u64) + Send + 'static) -> std::io::Result<Self> {
        let watchdog = Self::default();
        let awaited = Arc::clone(&watchdog.awaited);
        thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            loop {
                thread::sleep(PERIOD);
                let now = Instant::now();
                let overdue = {
                    let awaited = awaited.lock().unwrap_or_else(PoisonError::into_inner);
                    awaited.iter().find(|(_, until)| **until < now).map(|(key, _)| *key)
                };
                if let Some(key) = overdue {
                    late(key);
                    std::process::exit(1);
                }
            }
        })?;
        Ok(watchdog)
    }

    pub(crate) fn expect(&self, key: u64, within: Duration) -> Awaited<'_> {
        let until = Instant::now() + within;
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).insert(key, until);
        Awaited { watchdog: self, key }
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        let mut awaited = self.watchdog.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        awaited.remove(&self.key);
    }
}

/// Where each thread of this process is: its name, and the number and arguments of the system call in which it waits.
pub(crate) fn threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    tasks
        .map(|task| {
            let read = |file| fs::read_to_string(task.path().join(file)).unwrap_or_default();
            format!("{}: {} {}", read("comm").trim(), read("wchan").trim(), read("syscall").trim())
        })
        .collect()
}
