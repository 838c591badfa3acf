//! Building a template: what the host tells the warden, and how the two others answer.

use std::num::NonZeroU8;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use zeroboot_isolation::cgroup::{Controller, Controllers};
use zeroboot_isolation::policy::{Bytes, Cpus, Limits, Network, Policy, Protections};
use zeroboot_isolation::world::{Bind, Content, IdMap, IdRange};

/// The longest text that a warden or template sends about a failure, in bytes.
pub const TEXT_LIMIT: usize = 8 * 1024;

/// The longest setup, in bytes: below what a socket takes in one packet by default.
pub const SETUP_LIMIT: usize = 128 * 1024;

/// What the warden is to build: the first packet it gets, as JSON.
///
/// With it come the descriptors that the template inherits: the far end of the control socket, the pipe for what its
/// warm-up prints, then `extras`, whose numbers the template finds in `ZEROBOOT_FDS` after those of control and link.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Setup {
    /// The first user id of the range that the host lends (a root host); none: it lends its own only.
    pub first_id: Option<u32>,
    /// What of the host's files is shown, the outer places first.
    pub binds: Vec<SetupBind>,
    /// The directory of the host of which the working directory is a copy-on-write view, if there is one.
    pub directory: Option<PathBuf>,
    /// The program that becomes the template.
    pub program: Program,
    /// Its arguments, without its own name.
    pub arguments: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// What a cgroup is to bound, if anything.
    pub cgroup: Option<CgroupSetup>,
    /// How many descriptors follow those of control and warm-up.
    pub extras: usize,
    /// How many shells are kept parked, for all processes of the template together.
    pub shells: usize,
    /// How many processes fork the sandboxes.
    pub template_processes: NonZeroU8,
    /// Size limit of each private file system of a sandbox, in bytes.
    pub tmp_bytes: u64,
    /// Memory that sandboxes find their machine to have, in bytes; none: about what the host has.
    pub memory_bytes: Option<u64>,
    /// The same of processors, in thousandths of one.
    pub cpus_milli: Option<u32>,
    /// How many processes and threads they find that it can have.
    pub most_processes: u64,
    /// How much each protection is wanted, as [`Protections::to_bits`] has it.
    pub protections: [u32; 2],
    /// Whether a sandbox has a loopback of its own.
    pub loopback: bool,
}

impl Setup {
    /// The user ids that the host lends; `None` where it says nonsense.
    #[must_use]
    pub fn ids(&self) -> Option<IdMap> {
        match self.first_id {
            None => Some(IdMap::Single),
            Some(first) => IdRange::starting_at(first).map(IdMap::Range),
        }
    }

    /// The limits that sandboxes find in their `/proc`.
    #[must_use]
    pub fn limits(&self) -> Limits {
        limits(self.memory_bytes, self.cpus_milli, self.most_processes)
    }
}

/// What each sandbox's cgroup bounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CgroupSetup {
    /// The controllers that would be used, as [`Controllers::to_bits`] has them.
    pub wanted: u8,
    /// Those without which there is to be no template.
    pub needed: u8,
    /// Memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processes and threads.
    pub processes: u64,
    /// CPU time, in thousandths of a processor.
    pub cpus_milli: Option<u32>,
}

impl CgroupSetup {
    /// These controllers, for the limits of a policy.
    #[must_use]
    pub fn new(wanted: Controllers, needed: Controllers, limits: &Limits) -> Self {
        Self {
            wanted: wanted.to_bits(),
            needed: needed.to_bits(),
            memory_bytes: limits.memory.map(|size| size.0),
            processes: limits.processes,
            cpus_milli: limits.cpus.map(Cpus::to_milli),
        }
    }

    /// The controllers that would be used.
    #[must_use]
    pub fn wanted(&self) -> Controllers {
        Controllers::from_bits(self.wanted)
    }

    /// The limits that are bounded.
    #[must_use]
    pub fn limits(&self) -> Limits {
        limits(self.memory_bytes, self.cpus_milli, self.processes)
    }
}

fn limits(memory_bytes: Option<u64>, cpus_milli: Option<u32>, processes: u64) -> Limits {
    let mut policy = Policy::strict().processes(processes);
    policy.limits.memory = memory_bytes.map(Bytes);
    policy.limits.cpus = cpus_milli.map(Cpus::milli);
    policy.limits
}

/// A view of a file or directory of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupBind {
    /// What is shown.
    pub source: PathBuf,
    /// Where, in the tree.
    pub place: PathBuf,
    /// Whether it holds programs and their libraries, and nothing that has to be looked for.
    pub is_programs: bool,
}

impl SetupBind {
    /// The same as the tree takes it.
    #[must_use]
    pub fn bind(&self) -> Bind {
        Bind {
            source: self.source.clone(),
            target: self.place.clone(),
            content: if self.is_programs { Content::Programs } else { Content::Any },
        }
    }
}

/// Which program becomes the template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Program {
    /// A path in the tree.
    Path(PathBuf),
    /// The first of the extras: a file of the host that is in no tree.
    FirstExtra,
}

/// What the template is told first, over the control socket, as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateSetup {
    /// Whether each sandbox takes a user id of its own.
    pub own_user: bool,
    /// Limit of open descriptors.
    pub open_files: u64,
    /// Limit of processes, where there is a user id of its own; one more than the policy's where a cgroup bounds them too.
    pub processes: u64,
    /// Limit of a file's size, in bytes.
    pub file_bytes: Option<u64>,
    /// Memory that each process may have beyond the template's, in bytes, where no cgroup bounds it.
    pub memory_bytes: Option<u64>,
    /// Whether each shell comes with a cgroup to be born in.
    pub leaves: bool,
    /// How much each protection is wanted, as [`Protections::to_bits`] has it.
    pub protections: [u32; 2],
    /// Whether a sandbox has a loopback of its own.
    pub loopback: bool,
    /// How much heap is set apart for huge pages, in bytes; none: heap is as it is.
    pub huge_heap_bytes: Option<usize>,
    /// How many processes fork the sandboxes, this one among them.
    pub template_processes: NonZeroU8,
    /// How many packets follow: those of the job that is rehearsed. None: nothing but the hardening is.
    pub rehearsal: usize,
}

impl TemplateSetup {
    /// The limits of a policy, and the length of a rehearsal in packets; no heap is set apart, and there is one process.
    #[must_use]
    pub fn new(policy: &Policy, ids: IdMap, group: Option<Controllers>, rehearsal: usize) -> Self {
        let limits = &policy.limits;
        let bounds = |controller| group.is_some_and(|group| group.has(controller));
        // The cgroup counts what it refuses, and the limit of a user does not: the cgroup is to be met first.
        let spare = u64::from(bounds(Controller::Pids));
        Self {
            own_user: ids != IdMap::Single,
            open_files: limits.open_files,
            processes: limits.processes.saturating_add(spare),
            file_bytes: limits.file_size.map(|size| size.0),
            memory_bytes: limits.memory.filter(|_| !bounds(Controller::Memory)).map(|size| size.0),
            leaves: group.is_some(),
            protections: policy.protections.to_bits(),
            loopback: policy.network == Network::Loopback,
            huge_heap_bytes: None,
            template_processes: NonZeroU8::MIN,
            rehearsal,
        }
    }

    /// The policy that they make.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let mut policy = Policy::strict().open_files(self.open_files).processes(self.processes);
        policy.limits.file_size = self.file_bytes.map(Bytes);
        policy.limits.memory = self.memory_bytes.map(Bytes);
        policy.protections = Protections::from_bits(self.protections);
        policy.network = network(self.loopback);
        policy
    }
}

/// The two networks that there are, as a message has them.
pub(crate) fn network(loopback: bool) -> Network {
    if loopback { Network::Loopback } else { Network::None }
}

/// The packet that asks a template for a sandbox; the descriptors that come with it say the rest:
/// standard input, output, error, channel and report.
pub const SPAWN_REQUEST: [u8; 5] = *b"spawn";

/// Later packets from the host to the warden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToWarden {
    /// The user ids are mapped.
    Mapped,
}

impl ToWarden {
    /// The packet.
    #[must_use]
    pub fn encode(self) -> [u8; 1] {
        match self {
            Self::Mapped => [b'm'],
        }
    }

    /// Reads a packet.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        (bytes == b"m").then_some(Self::Mapped)
    }
}

/// A cgroup that the warden has made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeGroup {
    /// Its path.
    pub path: PathBuf,
    /// Its controllers, as [`Controllers::to_bits`] has them.
    pub controllers: u8,
}

/// Why the warden could not do something that a person can do something about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithRemedy {
    /// What went wrong.
    pub cause: String,
    /// What to do about it.
    pub remedy: String,
}

/// What the warden tells the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromWarden {
    /// The namespaces exist; their ids want mapping. With it, the cgroup that was asked for, or why there is none.
    Unshared(Result<Option<MadeGroup>, String>),
    /// A cgroup is needed, and cannot be had.
    NoGroup(WithRemedy),
    /// The working directory that is asked for cannot be had.
    NoDirectory(WithRemedy),
    /// It could not do it: cause and, where there is one, remedy.
    Failed(String),
    /// The template has ended: with which status, or by which signal.
    TemplateEnded(String),
}

impl FromWarden {
    /// The packet; of the text the last [`TEXT_LIMIT`] bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            // Texts and numbers: there is nothing in them that JSON cannot hold.
            Self::Unshared(group) => tagged(b'u', &serde_json::to_string(group).unwrap_or_default()),
            Self::NoGroup(why) => tagged(b'g', &serde_json::to_string(why).unwrap_or_default()),
            Self::NoDirectory(why) => tagged(b'd', &serde_json::to_string(why).unwrap_or_default()),
            Self::Failed(text) => tagged(b'f', text),
            Self::TemplateEnded(how) => tagged(b'e', how),
        }
    }

    /// Reads a packet.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (b'u', group) => serde_json::from_slice(group).ok().map(Self::Unshared),
            (b'g', why) => serde_json::from_slice(why).ok().map(Self::NoGroup),
            (b'd', why) => serde_json::from_slice(why).ok().map(Self::NoDirectory),
            (b'f', text) => Some(Self::Failed(String::from_utf8_lossy(text).into_owned())),
            (b'e', how) => Some(Self::TemplateEnded(String::from_utf8_lossy(how).into_owned())),
            _ => None,
        }
    }
}

/// How many pages each fork of a template copies at once, since the rehearsal has written them. See
/// `zeroboot_fork::working_set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CopiedPages {
    /// So many.
    Copied(u64),
    /// None, and why.
    None(String),
}

/// Whether a template's memory was frozen. See `zeroboot_fork::freeze`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrozenMemory {
    /// It was.
    Frozen {
        /// How much is mapped from the file, in bytes.
        bytes: u64,
        /// How many mappings the template had.
        mappings_before: usize,
        /// How many it has.
        mappings_after: usize,
        /// What was moved, by address: the largest parts, as many as a packet holds.
        places: Vec<FrozenPlace>,
    },
    /// It could not be, and why. It may be in part.
    Not(String),
}

/// Memory that was frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenPlace {
    /// The first byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// What it was called before.
    pub name: String,
}

impl FrozenPlace {
    /// How much of a packet they may take, in bytes.
    pub const ROOM: usize = TEXT_LIMIT / 2;
}

/// Whether code that sandboxes execute was moved into huge pages. See
/// `zeroboot_fork::working_set::WorkingSet::move_code_to_huge_pages`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HugeCode {
    /// So many bytes; none where no library is large enough, or nothing was learned.
    Moved(u64),
    /// It could not be, and why. It may be in part.
    Not(String),
}

/// How much memory that sandboxes rewrite was made ready to be copied at one go. See `zeroboot_fork::freeze::WriteHeavy`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeavyMemory {
    /// How much, in bytes; none where nothing was declared or learned.
    pub bytes: u64,
    /// Why it is not all that it should be, if it is not.
    pub trouble: Option<String>,
}

/// Whether heap was set apart for huge pages. See `zeroboot_fork::reserve_huge_heap`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HugeHeap {
    /// So many bytes; none where that was not asked for.
    SetApart(usize),
    /// It could not be, and why.
    Not(String),
}

/// What was done to a template's memory, so that its forks are cheap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreparedMemory {
    /// Pages that each fork copies.
    pub copied: CopiedPages,
    /// Code in huge pages.
    pub code: HugeCode,
    /// Memory in a file.
    pub frozen: FrozenMemory,
    /// Memory that each sandbox copies.
    pub heavy: HeavyMemory,
    /// Memory that sandboxes allocate.
    pub heap: HugeHeap,
}

/// What a process of the template tells the host, over its control socket, before it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromTemplate {
    /// With the host's end of another control socket: there will be a twin at the other one. Of the first process only.
    Twin,
    /// Warm, audited, frozen, rehearsed, sealed: requests are welcome.
    Serving(PreparedMemory),
    /// The warm-up failed.
    WarmUp(String),
    /// The file that the user had it run has failed.
    WarmFile(String),
    /// It is not safe to fork: the findings, one a line.
    Unsafe(String),
    /// It could not be sealed or prepared.
    Seal(String),
}

impl FromTemplate {
    /// The packet; of the text the last [`TEXT_LIMIT`] bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            // Numbers and texts: there is nothing in them that JSON cannot hold.
            Self::Twin => tagged(b't', ""),
            Self::Serving(memory) => tagged(b's', &serde_json::to_string(memory).unwrap_or_default()),
            Self::WarmUp(text) => tagged(b'w', text),
            Self::WarmFile(text) => tagged(b'f', text),
            Self::Unsafe(text) => tagged(b'a', text),
            Self::Seal(text) => tagged(b'l', text),
        }
    }

    /// Reads a packet.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (tag, text) = bytes.split_first()?;
        let words = || String::from_utf8_lossy(text).into_owned();
        match tag {
            b't' => Some(Self::Twin),
            b's' => serde_json::from_slice(text).ok().map(Self::Serving),
            b'w' => Some(Self::WarmUp(words())),
            b'f' => Some(Self::WarmFile(words())),
            b'a' => Some(Self::Unsafe(words())),
            b'l' => Some(Self::Seal(words())),
            _ => None,
        }
    }
}

fn tagged(tag: u8, text: &str) -> Vec<u8> {
    let start = text.len().saturating_sub(TEXT_LIMIT);
    let mut bytes = vec![tag];
    bytes.extend_from_slice(&text.as_bytes()[start..]);
    bytes
}
