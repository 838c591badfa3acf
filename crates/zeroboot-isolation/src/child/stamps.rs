//! When the steps of the hardening ended.

use super::Step;

/// Nanoseconds of `CLOCK_MONOTONIC`, which is the same clock in every process of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct MonotonicNanos(pub u64);

impl MonotonicNanos {
    /// The time now. See `clock_gettime(2)`.
    ///
    /// # After fork
    /// One system call or less: allowed in the child.
    pub fn now() -> Self {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: needed since the standard library's `Instant` hides its number. `time` is valid for writing; the call
        // cannot fail, as the clock always exists.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
        Self(time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs())
    }
}

/// What became of the session keyring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keyring {
    /// The sandbox has one of its own.
    Own,
    /// It still has the template's, which is empty and which the filter keeps it from using: the kernel has no
    /// keyrings, or the user's key quota is spent.
    Templates,
}

/// When groups of steps ended, and what was tolerated: plain data of fixed size, so that a child can fill it without
/// allocating and send it as bytes.
///
/// A time of zero says that the group was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Stamps {
    begun: MonotonicNanos,
    ended: [MonotonicNanos; Self::MARKS.len()],
    own_keyring: u64,
    landlock: u64,
}

impl Stamps {
    /// The steps after which the time is taken.
    pub const MARKS: [Step; 5] =
        [Step::JoinNamespaces, Step::Limits, Step::Dumpable, Step::CloseOthers, Step::ReadBack];

    /// The length of [`to_bytes`](Self::to_bytes).
    pub const LENGTH: usize = size_of::<Self>();

    /// When [`Prepared::apply`](super::Prepared::apply) was entered.
    pub fn begun(&self) -> MonotonicNanos {
        self.begun
    }

    /// The marks, each with the time when its step ended.
    pub fn ended(&self) -> impl Iterator<Item = (Step, MonotonicNanos)> {
        Self::MARKS.into_iter().zip(self.ended)
    }

    /// What became of the session keyring.
    pub fn keyring(&self) -> Keyring {
        if self.own_keyring == 1 { Keyring::Own } else { Keyring::Templates }
    }

    /// Which version of Landlock's rules holds; `None`: none.
    pub fn landlock(&self) -> Option<u32> {
        u32::try_from(self.landlock).ok().filter(|abi| *abi > 0)
    }

    /// Native-endian bytes. Does not allocate.
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        let words = [self.begun.0]
            .into_iter()
            .chain(self.ended.map(|at| at.0))
            .chain([self.own_keyring, self.landlock]);
        for (place, word) in bytes.chunks_exact_mut(size_of::<u64>()).zip(words) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    /// The reverse of [`to_bytes`](Self::to_bytes). Any bytes are accepted: they may come from a hostile sender,
    /// and say no more than that sender's word.
    pub fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Self {
        let mut words =
            bytes.as_chunks::<{ size_of::<u64>() }>().0.iter().map(|word| u64::from_ne_bytes(*word));
        let mut next = || words.next().unwrap_or_default();
        Self {
            begun: MonotonicNanos(next()),
            ended: std::array::from_fn(|_| MonotonicNanos(next())),
            own_keyring: next(),
            landlock: next(),
        }
    }

    pub(super) fn begin(&mut self) {
        *self = Self { begun: MonotonicNanos::now(), ..Self::default() };
    }

    pub(super) fn mark(&mut self, step: Step) {
        for (mark, at) in Self::MARKS.iter().zip(&mut self.ended) {
            if *mark == step {
                *at = MonotonicNanos::now();
            }
        }
    }

    pub(super) fn set_keyring(&mut self, keyring: Keyring) {
        self.own_keyring = u64::from(keyring == Keyring::Own);
    }

    pub(super) fn set_landlock(&mut self, abi: Option<u32>) {
        self.landlock = abi.unwrap_or_default().into();
    }
}
