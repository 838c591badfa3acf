//! The warden's world and the shells in it, seen from inside.
//!
//! Each test makes a world of its own as the warden does: a first process unshares, a helper with the host's identity
//! maps the ids, and a second process, pid 1 of the world, builds the tree. All of it ends with the test.

#[path = "../common/mod.rs"]
mod common;
mod cover;
mod quotas;
mod shell;
mod tree;

use std::io::{Read, Write};
use std::process::ExitCode;

use common::{Forked, Outcome, forked, skip};
use libtest_mimic::{Failed, Trial};
use zeroboot_isolation::policy::{Policy, Protections};
use zeroboot_isolation::world::{Bind, Covers, IdMap, Lending, build_tree, unshare};

type Test = fn() -> Result<(), Failed>;

fn main() -> ExitCode {
    let trials: [(&str, Test); 24] = [
        ("the_system_is_read_only", tree::system_is_read_only),
        ("private_places_can_be_written", tree::private_places_can_be_written),
        ("the_umask_of_the_host_does_not_matter", tree::the_umask_of_the_host_does_not_matter),
        ("only_what_belongs_there_is_there", tree::only_what_belongs_there_is_there),
        ("no_mount_of_the_host_is_left", tree::no_mount_of_the_host_is_left),
        ("proc_shows_the_world_alone", tree::proc_shows_the_world_alone),
        ("the_user_is_called_sandbox", tree::user_is_called_sandbox),
        ("the_tree_belongs_to_root", tree::tree_belongs_to_root),
        ("settings_name_no_host", tree::settings_name_no_host),
        ("devices_work", tree::devices_work),
        ("a_bind_is_seen_and_read_only", tree::bind_is_seen_and_read_only),
        ("a_missing_source_is_named", tree::missing_source_is_named),
        ("a_bind_that_would_be_hidden_is_refused", tree::hidden_bind_is_refused),
        ("no_pipe_and_no_socket_of_a_view_can_be_opened", cover::nothing_special_can_be_opened),
        ("no_device_of_a_view_can_be_opened", cover::no_device_can_be_opened),
        ("what_is_trusted_is_not_looked_through", cover::what_is_trusted_is_not_looked_through),
        ("more_than_can_be_covered_is_refused", cover::more_than_can_be_covered_is_refused),
        ("a_host_keeps_signals_for_itself", quotas::host_keeps_signals),
        ("what_nobody_makes_is_closed", quotas::what_nobody_makes_is_closed),
        ("lent_capabilities_survive_an_exec", tree::lent_capabilities_survive_an_exec),
        ("a_sealed_template_joins_a_parked_shell", shell::sealed_template_joins),
        ("only_a_settled_shell_can_be_joined", shell::only_a_settled_shell_can_be_joined),
        ("a_shell_reaps_orphans", shell::shell_reaps_orphans),
        ("a_shell_that_is_asked_to_end_accounts_for_orphans", shell::shell_accounts_for_orphans),
    ];
    common::run(trials.map(|(name, test)| Trial::test(name, move || unless_forbidden(test))).into())
}

/// Skips where the kernel does not let this user make a world.
fn unless_forbidden(test: Test) -> Result<(), Failed> {
    match forked(|| Ok(unshare(Protections::STRICT)?))?.0 {
        complaint if complaint.is_empty() => test(),
        complaint => skip(&complaint),
    }
}

/// Runs `body` as pid 1 of a new world.
fn in_world(binds: &[Bind], body: impl FnOnce() -> Outcome) -> Result<(), Failed> {
    before_the_tree(|ids| {
        build_tree(binds, &Covers::look_through(binds)?, None, ids, &Policy::strict().limits)?;
        body()
    })
}

/// Runs `body` as pid 1 of new namespaces whose ids are mapped.
fn before_the_tree(body: impl FnOnce(IdMap) -> Outcome) -> Result<(), Failed> {
    let lending = Lending::of_this_process()?;
    let ids = lending.map();
    let (mut unshared_here, mut unshared) = std::io::pipe()?;
    let (mut mapped, mut mapped_here) = std::io::pipe()?;
    let first = Forked::start(|| {
        unshare(Protections::STRICT)?;
        unshared.write_all(b"u")?;
        mapped.read_exact(&mut [0])?;
        Forked::start(|| body(ids))?.content()
    })?;
    drop((unshared, mapped));
    // Where it fails the first process says why: it meets an end of file.
    if unshared_here.read(&mut [0])? == 1 {
        ids.write(first.pid.unsigned_abs())?;
        mapped_here.write_all(b"m")?;
    }
    drop(mapped_here);
    Ok(first.content()?)
}
