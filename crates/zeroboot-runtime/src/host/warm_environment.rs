//! The environment of a Python template's warm-up: what keeps libraries from starting threads, which no fork has.
//!
//! A library reads its variable when it is imported, so sandboxes need none of them, and have none: one that a script imports
//! finds the environment that it finds outside. `docs/packages.md` says what this means for each library.

/// Each with the libraries that read it.
const PRESETS: [(&str, &str); 9] = [
    // GNU's, LLVM's and Intel's OpenMP (scikit-learn, lightgbm, torch): as many threads as processors at the first parallel
    // region, which some run at import.
    ("OMP_NUM_THREADS", "1"),
    // The BLAS of numpy's and scipy's wheels: a thread for each processor at import.
    ("OPENBLAS_NUM_THREADS", "1"),
    // That of conda's numpy and scipy.
    ("MKL_NUM_THREADS", "1"),
    // Another one that numpy can be built with.
    ("BLIS_NUM_THREADS", "1"),
    // numexpr, which pandas imports where it is installed: a pool at import.
    ("NUMEXPR_NUM_THREADS", "1"),
    // pyarrow's jemalloc, whose thread gives memory back: it is started at import, whichever memory pool is chosen.
    ("JE_ARROW_MALLOC_CONF", "background_thread:false"),
    // The same of libraries in Rust that use the crate tikv-jemallocator, as polars does.
    ("_RJEM_MALLOC_CONF", "background_thread:false"),
    // Hugging Face's tokenizers: a pool when a warm-up file first encodes a batch.
    ("TOKENIZERS_PARALLELISM", "false"),
    // No library's: the loader resolves every function now, or each sandbox would look up, and write down, those that the
    // template has not called yet.
    ("LD_BIND_NOW", "1"),
];

/// These variables. What the template's author gives goes before them.
pub(super) fn presets() -> impl Iterator<Item = (String, String)> {
    PRESETS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
}
