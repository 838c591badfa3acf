//! What a sandbox is to do: strings that end with a NUL byte, so that any language can read it with a few lines.
//!
//! ```text
//! job    = name NUL argv0 NUL count-of-arguments NUL count-of-variables NUL (argument NUL)* (K=V NUL)* body
//! packet = flags:u8 piece-of-job       flags: 1 when another packet follows, 2 and 4 see `When`, 8 and 16 `Origin`, 32 and 64
//!                                      `Buffering`
//! ```
//!
//! The counts are decimal digits; the body goes on to the end and may hold any byte.

use zeroboot_isolation::world::HOME;

use super::CHANNEL_FRAME;

/// One run: what the template's author's code gets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Job {
    /// Arguments, without what the program is called.
    pub arguments: Vec<Vec<u8>>,
    /// Variables beyond the standard ones, as `KEY=VALUE`.
    pub environment: Vec<Vec<u8>>,
    /// A name for messages: a script's file name, or a function's.
    pub name: Vec<u8>,
    /// What the program is called, as the first of a process's arguments says it. Most often the name; where code came
    /// from nowhere that has a name, messages and programs expect different things.
    pub argv0: Vec<u8>,
    /// The code, or the request of a function.
    pub body: Vec<u8>,
    /// Where a script comes from.
    pub origin: Origin,
    /// How its standard output is buffered.
    pub buffering: Buffering,
}

/// Where a script comes from. For templates that know of it: Python ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// From no file: the code of a command line, or of standard input.
    #[default]
    Code,
    /// From a file that the sandbox writes first, under the job's name.
    Written,
    /// From a file that the sandbox sees under the job's name.
    Shown,
    /// The job's name is a module's; there is no code.
    Module,
}

/// How a script's standard output is buffered. For templates that know of it: Python ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Buffering {
    /// As the interpreter does where it is no terminal.
    #[default]
    Blocks,
    /// For a terminal at the other end.
    Lines,
    /// Not at all, as standard error.
    Nothing,
}

impl From<Origin> for u8 {
    fn from(origin: Origin) -> Self {
        origin as Self
    }
}

impl From<Buffering> for u8 {
    fn from(buffering: Buffering) -> Self {
        buffering as Self
    }
}

const ORIGIN_SHIFT: u8 = 3;
const BUFFERING_SHIFT: u8 = 5;

fn origin_of(flags: u8) -> Origin {
    [Origin::Code, Origin::Written, Origin::Shown, Origin::Module][usize::from(flags >> ORIGIN_SHIFT & 3)]
}

fn buffering_of(flags: u8) -> Result<Buffering, JobError> {
    let all = [Buffering::Blocks, Buffering::Lines, Buffering::Nothing];
    all.get(usize::from(flags >> BUFFERING_SHIFT & 3)).copied().ok_or(JobError::Malformed)
}

/// When a job is to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// After [`HostWord::GO`](super::HostWord::GO), in a packet of its own: the seal is not read yet.
    AfterGo,
    /// At once: the seal was read before the job came.
    AtOnce,
    /// Before the job, which comes later: the template's author's own code, for a parked sandbox to have the memory that it
    /// will need. For templates that know of it: Python ones.
    Ahead,
}

impl When {
    fn of(flags: u8) -> Self {
        let all = [Self::AtOnce, Self::Ahead];
        all.into_iter().find(|when| flags & when.flag() != 0).unwrap_or(Self::AfterGo)
    }

    fn flag(self) -> u8 {
        match self {
            Self::AfterGo => 0,
            Self::AtOnce => 2,
            Self::Ahead => 4,
        }
    }
}

/// In the flags of a packet: another one follows.
const MORE: u8 = 1;

/// A job that cannot be read or sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// A name, an argument or a variable holds a NUL byte, which ends a string in every process.
    #[error("a NUL byte in the {0}")]
    Nul(&'static str),
    /// The bytes are not a job.
    #[error("the job is not well formed")]
    Malformed,
}

impl Job {
    /// A [written](Origin::Written) script with the path that it is written to as its name. It is called as its author calls it, where
    /// that is a path to it as well.
    #[must_use]
    pub fn placed(mut self) -> Self {
        if self.origin == Origin::Written {
            let file = self.name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            let place = [HOME.as_bytes(), b"/", file].concat();
            if self.argv0 == self.name && self.name.contains(&b'/') {
                self.argv0.clone_from(&place);
            }
            self.name = place;
        }
        self
    }

    /// The packets to send.
    ///
    /// # Errors
    /// [`JobError::Nul`].
    pub fn packets(&self, when: When) -> Result<Vec<Vec<u8>>, JobError> {
        let counts = [&self.arguments, &self.environment].map(|list| list.len().to_string().into_bytes());
        let names = [("name", &self.name), ("argv0", &self.argv0)].into_iter();
        let arguments = self.arguments.iter().map(|argument| ("arguments", argument));
        let environment = self.environment.iter().map(|variable| ("environment", variable));
        let counts = counts.iter().map(|count| ("counts", count));

        let mut bytes = Vec::with_capacity(self.body.len() + 256);
        for (what, string) in names.chain(counts).chain(arguments).chain(environment) {
            if string.contains(&0) {
                return Err(JobError::Nul(what));
            }
            bytes.extend_from_slice(string);
            bytes.push(0);
        }
        bytes.extend_from_slice(&self.body);
        let pieces = bytes.chunks(CHANNEL_FRAME - 1);
        let last = pieces.len().saturating_sub(1);
        let packet = |(index, piece): (usize, &[u8])| {
            let options = u8::from(self.origin) << ORIGIN_SHIFT | u8::from(self.buffering) << BUFFERING_SHIFT;
            let mut packet = vec![when.flag() | options | if index < last { MORE } else { 0 }];
            packet.extend_from_slice(piece);
            packet
        };
        Ok(pieces.enumerate().map(packet).collect())
    }
}

/// Puts a job together again, packet by packet.
#[derive(Debug, Default)]
pub struct JobReader {
    bytes: Vec<u8>,
}

impl JobReader {
    /// Takes one packet; the job and when to run it, once the last one is there.
    ///
    /// # Errors
    /// [`JobError::Malformed`].
    pub fn take(&mut self, packet: &[u8]) -> Result<Option<(Job, When)>, JobError> {
        let (flags, piece) = packet.split_first().ok_or(JobError::Malformed)?;
        self.bytes.extend_from_slice(piece);
        if flags & MORE != 0 {
            return Ok(None);
        }
        let mut rest = self.bytes.as_slice();
        let (name, argv0) = (string(&mut rest)?, string(&mut rest)?);
        let (arguments, environment) = (count(&mut rest)?, count(&mut rest)?);
        let mut strings = |count| (0..count).map(|_| string(&mut rest)).collect::<Result<_, _>>();
        let (arguments, environment) = (strings(arguments)?, strings(environment)?);
        let (origin, buffering) = (origin_of(*flags), buffering_of(*flags)?);
        let job = Job { arguments, environment, name, argv0, body: rest.to_vec(), origin, buffering };
        Ok(Some((job, When::of(*flags))))
    }
}

/// Up to the next NUL byte.
fn string(rest: &mut &[u8]) -> Result<Vec<u8>, JobError> {
    let end = rest.iter().position(|byte| *byte == 0).ok_or(JobError::Malformed)?;
    let (head, tail) = rest.split_at(end);
    *rest = &tail[1..];
    Ok(head.to_vec())
}

fn count(rest: &mut &[u8]) -> Result<usize, JobError> {
    let digits = string(rest)?;
    str::from_utf8(&digits).ok().and_then(|digits| digits.parse().ok()).ok_or(JobError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_of_several_packets_comes_back_whole() {
        let job = Job {
            arguments: vec![b"a".to_vec(), Vec::new()],
            environment: vec![b"K=V".to_vec()],
            name: b"<stdin>".to_vec(),
            argv0: b"-".to_vec(),
            body: (0..200_000_u32).flat_map(u32::to_le_bytes).collect(),
            origin: Origin::Module,
            buffering: Buffering::Lines,
        };
        let packets = job.packets(When::AtOnce).expect("encodes");
        assert!(packets.len() > 2);
        let mut reader = JobReader::default();
        let mut whole = None;
        for packet in &packets {
            assert!(whole.is_none());
            whole = reader.take(packet).expect("decodes");
        }
        assert_eq!(whole, Some((job, When::AtOnce)));
    }

    #[test]
    fn a_written_script_has_a_place() {
        for (name, argv0) in
            [("a.py", "a.py"), ("b/a.py", "/home/sandbox/a.py"), ("/b/a.py", "/home/sandbox/a.py")]
        {
            let name = name.as_bytes().to_vec();
            let job = Job { argv0: name.clone(), name, origin: Origin::Written, ..Job::default() }.placed();
            assert_eq!(
                (job.name.as_slice(), job.argv0.as_slice()),
                (&b"/home/sandbox/a.py"[..], argv0.as_bytes())
            );
        }
    }

    #[test]
    fn a_job_that_ends_early_is_refused() {
        let job = Job { arguments: vec![b"x".to_vec()], ..Job::default() };
        let packets = job.packets(When::AfterGo).expect("encodes");
        let cut = &packets[0][..packets[0].len() - 1];
        assert_eq!(JobReader::default().take(cut), Err(JobError::Malformed));
    }

    #[test]
    fn a_nul_byte_is_for_the_body_alone() {
        let body = Job { body: b"a\0b".to_vec(), ..Job::default() };
        let packets = body.packets(When::AfterGo).expect("encodes");
        assert_eq!(JobReader::default().take(&packets[0]), Ok(Some((body, When::AfterGo))));
        let argument = Job { arguments: vec![b"a\0b".to_vec()], ..Job::default() };
        assert_eq!(argument.packets(When::AfterGo), Err(JobError::Nul("arguments")));
    }
}
