//! What hostile programs consist of: each operation calls a function of `primitives/`, with arguments by chance.
//!
//! Data only. An operation says what becomes uncertain by it; of what it does not say, the checks are sure.

mod channel;
mod files;
mod limits;
mod memory;
mod processes;
mod signals;
mod sockets;
mod streams;

use crate::chance::Chance;

/// The functions, one file after the other: what a template reads as its warm-up.
pub(crate) const PRIMITIVES: &str = concat!(
    include_str!("../../primitives/base.py"),
    include_str!("../../primitives/channel.py"),
    include_str!("../../primitives/streams.py"),
    include_str!("../../primitives/processes.py"),
    include_str!("../../primitives/files.py"),
    include_str!("../../primitives/kernel.py"),
);

/// One thing that a sandbox can do.
#[derive(Debug)]
pub(crate) struct Operation {
    /// The function that does it.
    pub(crate) function: &'static str,
    /// Its arguments, as Python.
    pub(crate) arguments: fn(&mut Chance) -> String,
    pub(crate) effects: &'static [Effect],
}

/// What an operation makes uncertain about the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The first process may end, stop or wait from here on, in any way.
    Wild,
    /// It lacks means from here on: only the simplest ends are sure.
    Fragile,
    /// It may not get enough of a processor to be done in time.
    Slow,
    /// It may take so much memory that its cgroup, where it has one, is killed.
    Hungry,
    /// What comes out of its standard output is not sure.
    Output,
    /// It may write more than it may.
    Floods,
    /// The host's last word may not reach it, for which a usual end waits.
    Channel,
}

/// Operations on one kind of thing.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) operations: &'static [Operation],
}

/// All of them.
pub(crate) const GROUPS: [Group; 8] = [
    Group { operations: channel::OPERATIONS },
    Group { operations: streams::OPERATIONS },
    Group { operations: processes::OPERATIONS },
    Group { operations: files::OPERATIONS },
    Group { operations: limits::OPERATIONS },
    Group { operations: memory::OPERATIONS },
    Group { operations: signals::OPERATIONS },
    Group { operations: sockets::OPERATIONS },
];

const fn operation(
    function: &'static str,
    effects: &'static [Effect],
    arguments: fn(&mut Chance) -> String,
) -> Operation {
    Operation { function, arguments, effects }
}

/// For what takes no argument.
fn nothing(_: &mut Chance) -> String {
    String::new()
}

#[cfg(test)]
mod tests {
    use super::{GROUPS, PRIMITIVES};
    use crate::program::Program;

    #[test]
    fn every_operation_calls_a_function_that_is_there() {
        let operations = GROUPS.iter().flat_map(|group| group.operations);
        for operation in operations {
            let definition = format!("def {}(", operation.function);
            assert!(PRIMITIVES.contains(&definition), "{}", operation.function);
        }
    }

    #[test]
    fn every_function_is_called_or_helps() {
        let mut called: String = (0..5000).map(|seed| Program::of(seed).text()).collect();
        called.push_str(PRIMITIVES);
        for line in PRIMITIVES.lines() {
            let Some(name) = line.strip_prefix("def ").and_then(|rest| rest.split('(').next()) else {
                continue;
            };
            assert!(called.matches(name).count() > 1, "{name} is not used");
        }
    }
}
