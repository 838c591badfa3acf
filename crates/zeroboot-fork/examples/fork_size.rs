//! What the size of a process costs a fork, frozen or not: as the example `floor`, but with memory that has been written.
//!
//! ```text
//! head -c 5 /dev/zero | cargo run --release --example fork_size -- 1024 frozen | od -t u8
//! ```

#[path = "measure/bare.rs"]
mod bare;

use std::env;
use std::error::Error;
use std::hint::black_box;

use zeroboot_fork::freeze::freeze;

fn main() -> Result<(), Box<dyn Error>> {
    const USAGE: &str = "fork_size MEBIBYTES plain|frozen";
    let mut arguments = env::args().skip(1);
    let size: usize = arguments.next().ok_or(USAGE)?.parse()?;
    // Not zero, so that each page has memory of its own.
    let memory = black_box(vec![1_u8; size << 20]);
    match arguments.next().as_deref() {
        Some("plain") => {}
        Some("frozen") => _ = freeze()?,
        _ => return Err(USAGE.into()),
    }
    bare::serve()?;
    drop(black_box(memory));
    Ok(())
}
