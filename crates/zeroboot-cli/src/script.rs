//! What `zeroboot run` runs: a file, code or a module, and where it lies in the sandbox.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use zeroboot::{CollectLimits, MemoryAccount, Request};

use crate::arguments::{RunOptions, view};
use crate::failure::Failure;

/// Settings that an interpreter takes when it starts, and never again.
const TOO_LATE: [&str; 10] = [
    "PYTHONHASHSEED",
    "PYTHONHOME",
    "PYTHONMALLOC",
    "PYTHONOPTIMIZE",
    "PYTHONUTF8",
    "PYTHONDEVMODE",
    "PYTHONPROFILEIMPORTTIME",
    "PYTHONNOUSERSITE",
    "PYTHONPLATLIBDIR",
    "PYTHONDEBUG",
];

/// What is run.
pub(crate) struct Script {
    program: Program,
    arguments: Vec<OsString>,
}

enum Program {
    Code(Vec<u8>),
    /// From this command's standard input.
    Input(Vec<u8>),
    /// A file of the host, which the sandbox does not see.
    File {
        name: OsString,
        code: Vec<u8>,
    },
    /// A file that the sandbox sees at this place.
    Shown {
        place: PathBuf,
        code: Vec<u8>,
    },
    Module(OsString),
}

impl Script {
    pub(crate) fn read(options: &RunOptions) -> Result<Self, Failure> {
        if let Some((code, arguments)) = options.code.split_first() {
            let program = Program::Code(code.as_bytes().to_vec());
            return Ok(Self { program, arguments: [arguments, &options.script].concat() });
        }
        if let Some((module, arguments)) = options.module.split_first() {
            let program = Program::Module(module.clone());
            return Ok(Self { program, arguments: [arguments, &options.script].concat() });
        }
        let Some((file, arguments)) = options.script.split_first() else {
            return Err(Failure::new("there is nothing to run", "give a script, or code with -c"));
        };
        let program = if file == "-" {
            let mut code = Vec::new();
            std::io::stdin()
                .read_to_end(&mut code)
                .map_err(|error| Failure::stream("cannot read the script from standard input", &error))?;
            Program::Input(code)
        } else {
            let code = fs::read(Path::new(file)).map_err(|error| {
                let cause = format!("cannot read the script {}: {error}", Path::new(file).display());
                Failure::new(cause, "check the path; or give the code itself with -c")
            })?;
            match place(Path::new(file), options) {
                Some(place) => Program::Shown { place, code },
                None => Program::File { name: file.clone(), code },
            }
        };
        Ok(Self { program, arguments: arguments.to_vec() })
    }

    /// Whether standard input is the script's.
    pub(crate) fn reads_input(&self) -> bool {
        !matches!(self.program, Program::Input(_))
    }

    /// For the sandbox with this number, counted from 1.
    pub(crate) fn request(&self, options: &RunOptions, number: u32) -> Request {
        let request = match &self.program {
            Program::Code(code) => Request::code(code.clone()),
            Program::Input(code) => Request::script("<stdin>", code.clone()).argv0("-"),
            Program::File { name, code } => Request::script(name, code.clone()),
            Program::Shown { place, code } => Request::shown_script(place, code.clone()),
            Program::Module(name) => Request::module(name),
        };
        let mut request = request
            .timeout(options.timeout)
            .grace(options.grace.unwrap_or_default())
            .output_limit(options.output)
            .memory_account(account(options));
        if options.unbuffered {
            request = request.unbuffered();
        }
        if let Some(directory) = &options.out {
            let directory = match options.count {
                1 => directory.clone(),
                _ => directory.join(number.to_string()),
            };
            request = request.collect_into(directory, CollectLimits::default());
        }
        for argument in &self.arguments {
            request = request.argument(argument);
        }
        for (name, value) in &options.env {
            request = request.environment(name, value);
        }
        request
    }
}

/// Where the sandbox sees a file of the host: the innermost view that it lies in.
fn place(file: &Path, options: &RunOptions) -> Option<PathBuf> {
    let file = fs::canonicalize(file).ok()?;
    let places = options.ro.iter().filter_map(|text| {
        let (shown, at) = view(text);
        let below = file.strip_prefix(fs::canonicalize(shown).ok()?).ok()?.to_owned();
        let at = std::path::absolute(at.unwrap_or(shown)).ok()?;
        let place = if below.as_os_str().is_empty() { at } else { at.join(&below) };
        Some((below.components().count(), place))
    });
    places.min_by_key(|(depth, _)| *depth).map(|(_, place)| place)
}

/// A single sandbox's map is kept; of many it is made where it is asked for.
fn account(options: &RunOptions) -> MemoryAccount {
    if options.count == 1 || options.map.is_some() { MemoryAccount::Map } else { MemoryAccount::Sums }
}

/// A line for each variable that Python reads when it starts, since that was before the sandbox.
pub(crate) fn warn_of_settings(variables: &[(String, String)]) -> Vec<String> {
    let late = variables.iter().filter(|(name, _)| TOO_LATE.contains(&name.as_str()));
    late.map(|(name, _)| {
        format!(
            "warning: {name} has no effect in the script, since the interpreter has started; programs that it starts \
             see it (for the interpreter: --warm-env)"
        )
    })
    .collect()
}
