//! The floor of all forks: a bare `clone3` in a small process, from the call to the child's first instruction.
//!
//! For each byte on standard input it forks once and writes the nanoseconds to standard output, eight bytes in the
//! machine's order. The benchmarks start it as a process of its own, since a larger one forks more slowly: the example
//! `fork_size` measures that.
//!
//! ```text
//! head -c 5 /dev/zero | cargo run --release --example floor | od -t u8
//! ```

#[path = "measure/bare.rs"]
mod bare;

use std::io;

fn main() -> io::Result<()> {
    bare::serve()
}
