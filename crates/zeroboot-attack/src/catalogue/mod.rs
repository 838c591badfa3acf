//! The attacks: an explicit table for each group, and the programs, which are part of this crate's text.
//!
//! Data only. Never here: running anything.

mod after_fork;
mod channels;
mod descriptors;
mod files;
mod kernel;
mod names;
mod network;
mod privileges;
mod processes;
mod resources;
mod supervisor;
mod terminal;

use names::UnknownName;
pub use names::{Group, Layer, Risk};

/// A word that names no layer, group or risk.
pub type NameError = UnknownName;

/// How an attack is run, and how it is known to have failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Manner {
    /// In one sandbox; its last line is the verdict.
    Alone,
    /// As [`Alone`](Self::Alone); a sandbox that ends it before it speaks has held.
    Ending,
    /// In two sandboxes at once.
    Pair,
    /// In two sandboxes of two commands: the second starts while the first holds what it has taken. It gets through where
    /// the second does not even speak.
    Beside,
    /// As [`Ending`](Self::Ending); the command has to end as well, by itself and soon.
    Returning,
}

/// One attack.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// What it is aimed at.
    pub group: Group,
    /// Its name, unique in its group.
    pub name: &'static str,
    /// The protections, each of which would stop it alone.
    pub layers: &'static [Layer],
    /// What its success damages.
    pub risk: Risk,
    /// How it is run.
    pub manner: Manner,
    /// The program, without the prelude.
    pub source: &'static str,
}

impl Attack {
    /// What it does, in a sentence: the first line of its program.
    pub fn does(&self) -> &'static str {
        self.source.lines().next().unwrap_or_default().trim_start_matches("# ")
    }

    /// Group and name.
    pub fn path(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }
}

/// An entry; the program's place follows from group and name.
macro_rules! attack {
    ($group:ident $directory:literal $name:literal [$($layer:ident),+] $risk:ident) => {
        attack!($group $directory $name [$($layer),+] $risk Alone)
    };
    ($group:ident $directory:literal $name:literal [$($layer:ident),+] $risk:ident $manner:ident) => {
        $crate::catalogue::Attack {
            group: $crate::catalogue::Group::$group,
            name: $name,
            layers: &[$($crate::catalogue::Layer::$layer),+],
            risk: $crate::catalogue::Risk::$risk,
            manner: $crate::catalogue::Manner::$manner,
            source: include_str!(concat!("../../attacks/", $directory, "/", $name, ".py")),
        }
    };
}
use attack;

/// All attacks, group by group.
pub fn all() -> impl Iterator<Item = &'static Attack> {
    let groups = [
        files::ATTACKS,
        processes::ATTACKS,
        privileges::ATTACKS,
        kernel::ATTACKS,
        network::ATTACKS,
        channels::ATTACKS,
        resources::ATTACKS,
        terminal::ATTACKS,
        descriptors::ATTACKS,
        after_fork::ATTACKS,
        supervisor::ATTACKS,
    ];
    groups.into_iter().flatten()
}
