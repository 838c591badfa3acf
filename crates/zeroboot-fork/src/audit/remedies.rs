//! How to do without a thread: from its name, from the libraries that are loaded, and from the environment.

use std::fmt;

use crate::threads::Thread;

/// What keeps a thread from being there when the process forks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThreadRemedy {
    /// A library starts none when it finds this variable in the environment, which it reads when it is loaded.
    Variable {
        /// The library.
        library: &'static str,
        /// The variable's name.
        name: &'static str,
        /// Its value.
        value: &'static str,
    },
    /// A library starts it whatever is set: it is to be loaded, or used, after the fork.
    Later {
        /// The library.
        library: &'static str,
    },
    /// The code that started it can end it.
    Join,
}

impl fmt::Display for ThreadRemedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { name, value, .. } => {
                write!(f, "set {name}={value} in the template's environment")
            }
            Self::Later { library } => write!(f, "use {library} only after the fork"),
            Self::Join => {
                f.write_str("join them before the end of the warm-up, or start them after the fork")
            }
        }
    }
}

/// How a library's threads are called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    /// As the program: the library gives them no name.
    Program,
    /// By a name that begins so. The kernel keeps 15 bytes of it.
    Prefix(&'static str),
}

/// A library that starts threads.
struct Library {
    thread: Name,
    /// A part of the name of its file (of its directory's, where it ends in a slash). Empty: whatever is loaded.
    file: &'static str,
    name: &'static str,
    /// The variable by which it starts none. Without one there is none.
    variable: Option<(&'static str, &'static str)>,
}

const fn unnamed(file: &'static str, name: &'static str, variable: &'static str) -> Library {
    Library { thread: Name::Program, file, name, variable: Some((variable, "1")) }
}

const fn jemalloc(file: &'static str, name: &'static str, variable: &'static str) -> Library {
    let variable = Some((variable, "background_thread:false"));
    Library { thread: Name::Prefix("jemalloc_bg_thd"), file, name, variable }
}

const fn always(prefix: &'static str, name: &'static str) -> Library {
    Library { thread: Name::Prefix(prefix), file: "", name, variable: None }
}

/// Where a library's file is named, the line counts only when it is loaded, and then goes before those without a file.
const LIBRARIES: [Library; 22] = [
    unnamed("openblas", "OpenBLAS", "OPENBLAS_NUM_THREADS"),
    unnamed("libgomp", "OpenMP", "OMP_NUM_THREADS"),
    unnamed("libomp", "OpenMP", "OMP_NUM_THREADS"),
    unnamed("libiomp", "OpenMP", "OMP_NUM_THREADS"),
    unnamed("libmkl_", "MKL", "MKL_NUM_THREADS"),
    unnamed("libblis", "BLIS", "BLIS_NUM_THREADS"),
    unnamed("/numexpr/", "numexpr", "NUMEXPR_NUM_THREADS"),
    jemalloc("libarrow", "pyarrow", "JE_ARROW_MALLOC_CONF"),
    // Of Rust's crate tikv-jemallocator.
    jemalloc("polars", "polars", "_RJEM_MALLOC_CONF"),
    jemalloc("", "jemalloc", "MALLOC_CONF"),
    always("polars-", "polars"),
    always("rayon", "the library that uses rayon"),
    always("tokio-", "the library that uses tokio"),
    always("grpc", "gRPC"),
    always("event_engine", "gRPC"),
    always("default-executo", "gRPC"),
    always("resolver-executo", "gRPC"),
    always("tf_", "XLA (of jax or TensorFlow)"),
    always("py_xla", "XLA (of jax or TensorFlow)"),
    always("cuda", "CUDA"),
    always("pt_", "torch"),
    always("pymongo_", "pymongo"),
];

/// What is known of the process.
pub(super) struct Process<'a> {
    /// What the kernel calls it, and each of its threads without a name.
    pub(super) name: &'a str,
    /// Whether a library is loaded, by the part of its file's name.
    pub(super) loads: &'a dyn Fn(&str) -> bool,
    /// Whether it was started with this variable and value.
    pub(super) has: &'a dyn Fn(&str, &str) -> bool,
}

impl Process<'_> {
    /// What helps against these threads, each remedy once.
    pub(super) fn remedies(&self, threads: &[Thread]) -> Vec<ThreadRemedy> {
        let mut remedies = Vec::new();
        for remedy in threads.iter().flat_map(|thread| self.remedies_of(thread)) {
            if !remedies.contains(&remedy) {
                remedies.push(remedy);
            }
        }
        // Without a name a thread may well be of a library that the others have given away.
        if remedies.is_empty() { vec![ThreadRemedy::Join] } else { remedies }
    }

    fn remedies_of(&self, thread: &Thread) -> Vec<ThreadRemedy> {
        let named = |library: &&Library| match library.thread {
            Name::Program => thread.name == self.name,
            Name::Prefix(prefix) => thread.name.starts_with(prefix),
        };
        let loaded = |library: &&Library| !library.file.is_empty() && (self.loads)(library.file);
        let mut known: Vec<&Library> = LIBRARIES.iter().filter(named).filter(loaded).collect();
        if known.is_empty() {
            known = LIBRARIES.iter().filter(named).filter(|library| library.file.is_empty()).collect();
        }
        if known.is_empty() && thread.name != self.name {
            return vec![ThreadRemedy::Join];
        }
        known.into_iter().filter_map(|library| self.remedy(library)).collect()
    }

    fn remedy(&self, library: &Library) -> Option<ThreadRemedy> {
        match library.variable {
            Some((name, value)) if !(self.has)(name, value) => {
                Some(ThreadRemedy::Variable { library: library.name, name, value })
            }
            // It heeds its variable: a thread without a name is another's.
            Some(_) if library.thread == Name::Program => None,
            _ => Some(ThreadRemedy::Later { library: library.name }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VARIABLES: [(&str, &str); 2] =
        [("OPENBLAS_NUM_THREADS", "1"), ("JE_ARROW_MALLOC_CONF", "background_thread:false")];

    fn texts(threads: &[&str], loaded: &[&str], environment: &[(&str, &str)]) -> Vec<String> {
        let threads: Vec<_> =
            threads.iter().map(|name| Thread { tid: 7, name: (*name).to_owned() }).collect();
        let process = Process {
            name: "python3",
            loads: &|file| loaded.contains(&file),
            has: &|name, value| environment.contains(&(name, value)),
        };
        process.remedies(&threads).iter().map(ThreadRemedy::to_string).collect()
    }

    #[test]
    fn a_name_says_which_library() {
        for (thread, expected) in [
            ("polars-ooc-clea", "use polars only after the fork"),
            ("tokio-runtime-w", "use the library that uses tokio only after the fork"),
            ("grpc_global_tim", "use gRPC only after the fork"),
            ("jemalloc_bg_thd", "set MALLOC_CONF=background_thread:false in the template's environment"),
            ("Thread-1 (work)", "join them before the end of the warm-up, or start them after the fork"),
        ] {
            // What else is loaded has nothing to do with it.
            assert_eq!(texts(&[thread], &["openblas"], &[]), [expected]);
        }
    }

    #[test]
    fn names_that_libraries_share_are_told_apart_by_what_is_loaded() {
        let arrow = "set JE_ARROW_MALLOC_CONF=background_thread:false in the template's environment";
        let polars = "set _RJEM_MALLOC_CONF=background_thread:false in the template's environment";
        let thread = ["jemalloc_bg_thd"];
        assert_eq!(texts(&thread, &["libarrow"], &[]), [arrow]);
        assert_eq!(texts(&thread, &["libarrow", "polars"], &[]), [arrow, polars]);
        let openmp = "set OMP_NUM_THREADS=1 in the template's environment";
        assert_eq!(texts(&["python3", "python3"], &["libgomp", "libomp"], &[]), [openmp]);
    }

    #[test]
    fn what_is_set_already_is_no_remedy() {
        let join = "join them before the end of the warm-up, or start them after the fork";
        assert_eq!(texts(&["python3"], &["openblas"], &VARIABLES), [join]);
        assert_eq!(
            texts(&["jemalloc_bg_thd"], &["libarrow"], &VARIABLES),
            ["use pyarrow only after the fork"]
        );
        let xla = "use XLA (of jax or TensorFlow) only after the fork";
        assert_eq!(texts(&["tf_XLAEigen", "python3"], &["openblas"], &VARIABLES), [xla]);
        assert_eq!(texts(&["tf_XLAEigen", "Thread-1"], &[], &[]), [xla, join]);
        let four = [("OPENBLAS_NUM_THREADS", "4")];
        assert_eq!(
            texts(&["python3"], &["openblas"], &four),
            ["set OPENBLAS_NUM_THREADS=1 in the template's environment"]
        );
    }
}
