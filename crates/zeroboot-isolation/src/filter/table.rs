//! The words that the filter's table is written in.

use nix::errno::Errno;

use crate::child::OwnUser;
use crate::sockets::Sockets;

/// One system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// As in `libc`.
    pub(super) symbol: &'static str,
    /// Its number on the architecture that this was compiled for.
    pub number: libc::c_long,
}

impl Call {
    /// Its name, as in its man page.
    pub fn name(&self) -> &'static str {
        self.symbol.strip_prefix("SYS_").unwrap_or(self.symbol)
    }
}

/// System calls that exist in a sandbox for one reason.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// What they are.
    pub title: &'static str,
    /// Why they exist in a sandbox.
    pub why: &'static str,
    /// The calls.
    pub entries: &'static [Entry],
}

/// A system call that exists in a sandbox.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Which.
    pub call: Call,
    /// The arguments with which it passes; `None`: with any.
    pub arguments: Option<&'static Arguments>,
    /// Who needs it.
    pub needed_by: Need,
}

/// Who needs a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Ordinary programs: the test `every_entry_is_needed` sees one make the call.
    Everyday,
    /// Programs that not every machine has, a C library, or the hardening itself.
    These(&'static str),
}

/// The arguments with which a call passes, and what it answers otherwise. The rules are tried one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Arguments {
    /// What is left out, and why.
    pub why: &'static str,
    /// The call passes where one of these rules holds.
    pub pass: &'static [Rule],
    /// Where one of these holds, nothing happens, and the call answers success: for what may be ignored.
    pub ignored: &'static [Rule],
    /// What the call answers where none holds.
    pub otherwise: Errno,
}

/// A set of arguments.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Where the rule counts. Elsewhere it never holds.
    pub under: Under,
    /// All of these have to hold.
    pub conditions: &'static [Condition],
}

/// What a rule depends on besides the arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Under {
    /// Nothing.
    Any,
    /// The sockets that sandboxes make: one of these.
    Sockets(&'static [Sockets]),
    /// Whether each sandbox has a user of its own.
    User(OwnUser),
}

/// A condition on one argument, which is named by its place from 0.
///
/// All but pointers are compared by their low 32 bits, as the kernel reads them: high bits must not hide a value.
#[derive(Debug, Clone, Copy)]
pub enum Condition {
    /// It is one of these values.
    OneOf(u8, &'static [u32]),
    /// Its bits below the mask are one of these values.
    Masked(u8, u32, &'static [u32]),
    /// It is not greater than this.
    AtMost(u8, u32),
    /// A pointer, or a number of 64 bits, that is zero.
    Null(u8),
}

impl Condition {
    /// No bit but these is set.
    pub const fn within(place: u8, bits: u32) -> Self {
        Self::Masked(place, !bits, &[0])
    }
}

/// System calls that are known and refused.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    /// What they are.
    pub title: &'static str,
    /// Why they are refused.
    pub why: &'static str,
    /// What they answer.
    pub answer: Errno,
    /// The calls.
    pub calls: &'static [Call],
}

macro_rules! call {
    ($symbol:ident) => {
        $crate::filter::table::Call { symbol: stringify!($symbol), number: libc::$symbol }
    };
}

/// A title and a reason; then calls: `SYS_name`, with the name of its [`Arguments`] in brackets if they decide, and after a
/// colon who needs it where that is not every day's programs.
macro_rules! group {
    ($title:literal, $why:literal, $($symbol:ident $([$arguments:ident])? $(: $programs:literal)?),* $(,)?) => {
        $crate::filter::table::Group {
            title: $title,
            why: $why,
            entries: &[$(group!(@entry $symbol $([$arguments])? $(: $programs)?)),*],
        }
    };
    (@entry $symbol:ident) => { group!(@make $symbol, None, Everyday) };
    (@entry $symbol:ident : $programs:literal) => { group!(@make $symbol, None, These($programs)) };
    (@entry $symbol:ident [$arguments:ident]) => { group!(@make $symbol, Some(&arguments::$arguments), Everyday) };
    (@entry $symbol:ident [$arguments:ident] : $programs:literal) => {
        group!(@make $symbol, Some(&arguments::$arguments), These($programs))
    };
    (@make $symbol:ident, $arguments:expr, $need:ident $(($programs:literal))?) => {
        $crate::filter::table::Entry {
            call: call!($symbol),
            arguments: $arguments,
            needed_by: $crate::filter::table::Need::$need $(($programs))?,
        }
    };
}

macro_rules! refusal {
    ($title:literal, $answer:ident, $why:literal, $($symbol:ident),* $(,)?) => {
        $crate::filter::table::Refusal {
            title: $title,
            why: $why,
            answer: nix::errno::Errno::$answer,
            calls: &[$(call!($symbol)),*],
        }
    };
}

pub(super) use {call, group, refusal};
