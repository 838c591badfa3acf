//! The thread that keeps a pool full: parks, replaces what has died, rotates the template.
//!
//! It works when nothing has been claimed for a while, or for a moment when fewer than half are left, so that what was
//! claimed has the processors for itself until it has answered. It asks for one sandbox at a time: whoever asks on demand
//! waits for one fork at most. Never here: anything that a claim waits for.

use std::mem;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tracing::{debug, debug_span, warn};

use super::stock::{Parked, PoolCounters, Shelf};
use super::watch::Watch;
use crate::host::error::SpawnError;
use crate::host::generation::Generation;
use crate::host::live::Kill;
use crate::host::sandbox::{First, Sandbox};
use crate::host::template::Template;
use crate::host::wear::{Rotation, Watcher};
use crate::words;

/// How long nothing must have been claimed until a sandbox is parked.
const QUIET: Duration = Duration::from_millis(2);

/// The same when few are left: a claim has its answer by then.
const SHORT_QUIET: Duration = Duration::from_micros(500);

/// How long it is left alone after a failure; twice as long after the next one, up to the limit.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long a sandbox may take until it is parked, its own code included.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the threads of a pool share.
#[derive(Debug)]
pub(in crate::host) struct Shared {
    pub(in crate::host) size: usize,
    pub(super) shelf: Shelf,
    pub(super) watch: Watch,
}

impl Shared {
    /// What was done so far, and how it is.
    pub(in crate::host) fn counters(&self) -> PoolCounters {
        let stock = self.shelf.lock();
        PoolCounters { parked: stock.parked.len(), ..stock.counters.clone() }
    }

    /// How long nothing must have been claimed until one is parked, when there are so many.
    pub(super) fn quiet(&self, parked: usize) -> Duration {
        if parked * 2 < self.size { SHORT_QUIET } else { QUIET }
    }
}

impl Watcher for Shared {
    fn crashed(&self) {
        self.watch.alarm_after(Duration::ZERO);
    }
}

/// Parks sandboxes until the pool is closed.
#[derive(Debug)]
pub(super) struct Keeper {
    shared: Arc<Shared>,
    template: Template,
    first: First,
    rotation: Rotation,
    /// The generation whose crashes are told.
    watched: Weak<Generation>,
    next: u64,
    pause: Option<Pause>,
}

/// After a failure.
#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Instant,
    length: Duration,
}

/// What there is to do.
enum Step {
    Close,
    Rotate,
    Park,
    /// For a claim to be answered.
    LetPass(Duration),
    /// For something to happen, or this time.
    Wait(Option<Duration>),
}

impl Keeper {
    pub(super) fn new(shared: Arc<Shared>, template: Template, first: First, rotation: Rotation) -> Self {
        Self { shared, template, first, rotation, watched: Weak::new(), next: 0, pause: None }
    }

    pub(super) fn keep(mut self) {
        loop {
            let result = match self.next_step() {
                Step::Close => return self.close(),
                Step::Rotate => self.rotate(),
                Step::Park => self.park().map_err(|error| words::of(&error)),
                Step::LetPass(time) => {
                    // A claim may just have set it to a little later: then it comes again.
                    self.shared.watch.alarm_after(time);
                    self.wait(None)
                }
                Step::Wait(time) => self.wait(time),
            };
            if let Err(cause) = result {
                self.failed(cause);
            }
        }
    }

    fn next_step(&mut self) -> Step {
        let generation = self.template.current();
        if !Weak::ptr_eq(&self.watched, &Arc::downgrade(&generation)) {
            // Before its crashes are counted below: none is missed.
            let shared: Weak<Shared> = Arc::downgrade(&self.shared);
            generation.wear().watched_by(shared);
            self.watched = Arc::downgrade(&generation);
        }
        let stock = self.shared.shelf.lock();
        if stock.closing {
            return Step::Close;
        }
        let now = Instant::now();
        if let Some(pause) = self.pause.filter(|pause| pause.until > now) {
            return Step::Wait(Some(pause.until - now));
        }
        let serves = self.rotation.left(generation.wear());
        if serves == Some(Duration::ZERO) {
            return Step::Rotate;
        }
        if stock.of(&generation) >= self.shared.size {
            return Step::Wait(serves);
        }
        let quiet = self.shared.quiet(stock.parked.len());
        match stock.last_claim.map(|at| quiet.saturating_sub(now.saturating_duration_since(at))) {
            None | Some(Duration::ZERO) => Step::Park,
            Some(left) => Step::LetPass(left),
        }
    }

    /// Parks one sandbox, and lets go of one that an older generation has made.
    pub(super) fn park(&mut self) -> Result<(), SpawnError> {
        let _span = debug_span!("park").entered();
        let begun = Instant::now();
        let sandbox = self.template.park(self.first.clone(), PATIENCE)?;
        sandbox.wait_in_pool();
        let parked = Parked { number: self.next, sandbox };
        self.next += 1;
        self.shared.watch.add(&parked).map_err(SpawnError::Watch)?;
        let generation = self.template.current();
        let mut stock = self.shared.shelf.lock();
        stock.parked.push_back(parked);
        stock.counters.refills += 1;
        stock.counters.refill_time += begun.elapsed();
        stock.counters.trouble = None;
        let older = stock.take_older(&generation);
        drop(stock);
        self.pause = None;
        self.shared.shelf.tell();
        drop(older);
        Ok(())
    }

    /// The next generation is built while the last one serves.
    fn rotate(&mut self) -> Result<(), String> {
        let _span = debug_span!("rotate").entered();
        self.template.rotate().map_err(|error| error.cause())?;
        let mut stock = self.shared.shelf.lock();
        stock.counters.rotations += 1;
        stock.counters.trouble = None;
        drop(stock);
        self.pause = None;
        self.shared.shelf.tell();
        Ok(())
    }

    fn wait(&mut self, time: Option<Duration>) -> Result<(), String> {
        let ended = self.shared.watch.wait(time).map_err(|errno| words::of(&SpawnError::Watch(errno)))?;
        for number in ended {
            let mut stock = self.shared.shelf.lock();
            let dead = stock.take(number);
            stock.counters.died += u64::from(dead.is_some());
            drop(stock);
            if dead.is_some() {
                debug!(number, "a parked sandbox has ended");
                self.shared.shelf.tell();
            }
        }
        Ok(())
    }

    fn failed(&mut self, cause: String) {
        if self.pause.is_none() {
            warn!(cause, "the pool cannot be filled; sandboxes are made on demand");
        }
        let length = self.pause.map_or(FIRST_PAUSE, |pause| (pause.length * 2).min(LONGEST_PAUSE));
        self.pause = Some(Pause { until: Instant::now() + length, length });
        let mut stock = self.shared.shelf.lock();
        stock.counters.failures += 1;
        stock.counters.trouble = Some(cause);
        drop(stock);
        self.shared.shelf.tell();
    }

    /// Ends what is parked, and waits until it is gone.
    fn close(self) {
        let parked = mem::take(&mut self.shared.shelf.lock().parked);
        let mut sandboxes: Vec<Sandbox> = parked.into_iter().map(|parked| parked.sandbox).collect();
        sandboxes.iter_mut().for_each(|sandbox| sandbox.live.kill(Kill::AtOnce));
        for sandbox in &mut sandboxes {
            if let Err(error) = sandbox.await_end(PATIENCE) {
                warn!(error = words::of(&error), "a parked sandbox may not be gone yet");
            }
        }
    }
}
