//! How the first process of a hostile program ends: the last lines of the program, and what the kernel makes of them.

use zeroboot::Status;

use crate::chance::Chance;

/// The end of a program.
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// As Python.
    pub(crate) lines: String,
    pub(crate) fate: Fate,
    pub(crate) means: Means,
}

/// What becomes of the first process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It ends by itself, like this.
    Ends(Status),
    /// It stays until its deadline.
    Stays,
}

/// What an end needs to come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// One system call.
    Nothing,
    /// The host's last word, for which the interpreter waits, and memory for it to wind up.
    LastWord,
    /// Memory, processes, descriptors, signals as they were.
    Much,
}

/// Signals that end a process by default, SIGKILL first.
const DEADLY: [i32; 13] = [9, 1, 2, 3, 6, 10, 11, 13, 14, 15, 24, 30, 31];

impl End {
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        let code = u8::try_from(chance.between(0, 120)).unwrap_or_default();
        let exited = Fate::Ends(Status::Exited(code));
        let number = DEADLY[chance.place(DEADLY.len())];
        let signaled = Fate::Ends(Status::Signaled(number));
        let (lines, fate, means) = match chance.place(24) {
            0 | 1 => ("pass".to_owned(), Fate::Ends(Status::Exited(0)), Means::LastWord),
            2 | 3 => (format!("sys.exit({code})"), exited, Means::LastWord),
            4..=6 => (format!("os._exit({code})"), exited, Means::Nothing),
            7 => ("os.kill(os.getpid(), 9)".to_owned(), Fate::Ends(Status::Signaled(9)), Means::Nothing),
            8 | 9 => (format!("end_by_signal({number})"), signaled, Means::Much),
            10 => (format!("end_by_child({number})"), signaled, Means::Much),
            11 => ("end_by_alarm(5)".to_owned(), Fate::Ends(Status::Signaled(14)), Means::Much),
            12 => ("end_by_fault()".to_owned(), Fate::Ends(Status::Signaled(11)), Means::Much),
            13 => (format!("end_by_shell('exit {code}')"), exited, Means::Much),
            14 => ("end_by_shell('kill -9 $$')".to_owned(), Fate::Ends(Status::Signaled(9)), Means::Much),
            15 => (format!("end_by_python({code})"), exited, Means::Much),
            16 => (format!("end_by_thread({code})"), exited, Means::Much),
            17 => (format!("end_after_leader({code})"), exited, Means::Much),
            18 => (format!("end_by_shell_of_thread('exit {code}')"), exited, Means::Much),
            19 => (format!("end_after_done({code})"), exited, Means::Much),
            20 => (format!("end_while_measured({code})"), exited, Means::Much),
            21 => ("stop_self()".to_owned(), Fate::Stays, Means::Nothing),
            22 => ("spin()".to_owned(), Fate::Stays, Means::Nothing),
            _ => ("sleep_on()".to_owned(), Fate::Stays, Means::Nothing),
        };
        Self { lines, fate, means }
    }
}
