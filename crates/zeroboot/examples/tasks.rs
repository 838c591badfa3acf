//! Sandboxes for a program of tasks, several at once, and one that is given up:
//! `cargo run --release -p zeroboot --features tokio --example tasks`.

#![allow(clippy::print_stdout, reason = "an example that shows outcomes")]

use std::error::Error;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::timeout;
use zeroboot::Template as Threaded;
use zeroboot::tokio::Template;

fn main() -> Result<(), Box<dyn Error>> {
    Builder::new_multi_thread().enable_time().build()?.block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let template = Template::build(|| Threaded::python().import("math").build()).await?;

    let task = |number: u64| {
        let template = template.clone();
        tokio::spawn(
            async move { template.run(&format!("import math; print(math.factorial({number}))")).await },
        )
    };
    let tasks: Vec<_> = (10..14).map(task).collect();
    for task in tasks {
        let outcome = task.await??;
        println!("{}: {}", outcome.stdout_lossy().trim(), outcome.account);
    }

    // Dropping the future of a run ends its sandbox at once.
    let endless = timeout(Duration::from_millis(100), template.run("while True: pass"));
    println!("{}", if endless.await.is_err() { "given up after 100 ms" } else { "it has ended by itself" });
    Ok(())
}
