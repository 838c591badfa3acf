//! The same for programs of tasks.

mod common;

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use common::run;
use libtest_mimic::{Failed, Trial};
use zeroboot::tokio::{Pool, Template};
use zeroboot::{Output, Policy, Request, Status, StormAction, StormPolicy};

zeroboot::function! {
    name: "double",
    warm_up: || (),
    answer: |(): &(), number: u64| -> u64 { number * 2 },
}

fn main() -> ExitCode {
    zeroboot::init();
    run(vec![
        Trial::test("tasks_run_spawn_and_claim", || tasks(everything())),
        Trial::test("sixty_four_tasks_at_once", || tasks(many())),
        Trial::test("a_storm_is_killed", || tasks(storm())),
        Trial::test("a_run_that_nobody_awaits_is_ended", || tasks(let_go())),
    ])
}

fn tasks(work: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(work)
}

async fn python() -> Result<Template, Failed> {
    Ok(Template::build(|| zeroboot::Template::python().without_site().build()).await?)
}

async fn full(template: &Template, size: usize) -> Result<Pool, Failed> {
    let pool = template.pool(size).await?;
    pool.wait_until_full(Duration::from_secs(20)).await?;
    Ok(pool)
}

async fn everything() -> Result<(), Failed> {
    let template = python().await?;
    let spawned = template.spawn().await?;
    let pool = full(&template, 2).await?;
    let claimed = pool.claim().await?;
    if spawned.seal().is_none() || claimed.seal().is_none() {
        return Err("no seal".into());
    }
    let code = || Request::code("print(1 + 1)");
    for outcome in [
        template.run("print(1 + 1)").await?,
        spawned.run(code()).await?,
        claimed.run(code()).await?,
        pool.execute(code()).await?,
    ] {
        if outcome.status != Status::Exited(0) || outcome.stdout != b"2\n" {
            return Err(format!("{outcome:?}").into());
        }
    }
    template.rotate().await?;
    if pool.counters().hits != 2 || template.run("1").await?.status != Status::Exited(0) {
        return Err(format!("{:?}", pool.counters()).into());
    }
    let function = Template::build(|| zeroboot::Template::function("double").build()).await?;
    let answer: u64 = function.call(21_u64).await?;
    if answer == 42 { Ok(()) } else { Err(format!("{answer}").into()) }
}

async fn many() -> Result<(), Failed> {
    let pool = full(&python().await?, 8).await?;
    let callers: Vec<_> = (0..64)
        .map(|number| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.run(&format!("print({number})")).await })
        })
        .collect();
    for (number, caller) in callers.into_iter().enumerate() {
        let outcome = caller.await??;
        if outcome.stdout_lossy() != format!("{number}\n") {
            return Err(format!("{number}: {outcome:?}").into());
        }
    }
    Ok(())
}

async fn storm() -> Result<(), Failed> {
    // So much on any machine.
    let kill = StormPolicy::of(StormAction::Kill).begins_at(2_000, Duration::from_secs(3));
    let policy = Policy::strict().storm(kill);
    let template = Template::build(move || zeroboot::Template::python().policy(policy).build()).await?;
    let code = "
import mmap
while True:
    area = mmap.mmap(-1, 40 << 20, mmap.MAP_PRIVATE)
    area.madvise(mmap.MADV_NOHUGEPAGE)
    for at in range(0, 40 << 20, 4096): area[at] = 1
";
    let outcome = template.run(code).await?;
    if outcome.status == Status::Storm { Ok(()) } else { Err(format!("{outcome:?}").into()) }
}

async fn let_go() -> Result<(), Failed> {
    let template = python().await?;
    let (mut here, output) = std::io::pipe()?;
    let request = Request::code("print('here', flush=True)\nwhile True: pass")
        .stdout(Output::To(output.into()))
        .timeout(Duration::from_secs(60));
    let run = tokio::spawn(async move { template.execute(request).await });
    let here = tokio::task::spawn_blocking(move || {
        let mut word = [0; 5];
        std::io::Read::read_exact(&mut here, &mut word).map(|()| here)
    });
    let mut here = here.await??;
    run.abort();
    // The pipe's other end is closed when the run has let go of it, and not before.
    let end = tokio::task::spawn_blocking(move || std::io::Read::read_to_end(&mut here, &mut Vec::new()));
    tokio::time::timeout(Duration::from_secs(20), end).await???;
    if run.await.is_ok() { Err("it was not aborted".into()) } else { Ok(()) }
}
