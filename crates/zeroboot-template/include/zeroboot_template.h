/*
 * zeroboot_template.h: a template in any language that can call C.
 *
 * The host starts the program inside the sandboxes' file tree. Its environment holds ZEROBOOT_FDS, a list of descriptor
 * numbers separated by commas: control, link, library. The library is opened with
 * dlopen("/proc/self/fd/<library>", RTLD_NOW); nothing has to be installed.
 *
 *     load_the_model();
 *     if (zeroboot_serve(NULL, NULL) != 0) _exit(1);
 *     // here: one sandbox, hardened; standard input, output and error are its own
 *     char job[65536];
 *     ssize_t length = recv(ZEROBOOT_CHANNEL, job, sizeof job, 0);
 *     work(job, length);
 *     zeroboot_finish(0);
 *
 * One job is one or more packets: a byte whose lowest bit is 1 when another packet follows and 0 in the last one (its other
 * bits are not for you), then a piece of
 *
 *     job = name NUL argv0 NUL count-of-arguments NUL count-of-variables NUL (argument NUL)* (K=V NUL)* body
 *
 * The name is for messages; argv0 is what the program is called, as in main(), and the arguments follow it. The counts
 * are decimal digits. The variables are those that the request adds; the rest of the environment is the
 * template's own.
 */
#ifndef ZEROBOOT_TEMPLATE_H
#define ZEROBOOT_TEMPLATE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The descriptor of the channel, in a sandbox. */
#define ZEROBOOT_CHANNEL 3

/* Tells the host why the warm-up has failed. 0, or -1 when the host could not be told. */
int zeroboot_fail(const char *text);

/* The same where not the program's own work has failed, but the file that the host's user had it run. */
int zeroboot_fail_file(const char *text);

/*
 * Says, before zeroboot_serve, that each sandbox will rewrite this memory: whole blocks of 2 MiB of it are then copied at one
 * go, in huge pages, before zeroboot_serve returns in the sandbox. 0, or -1 where this process is no template.
 */
int zeroboot_write_heavy(const void *start, size_t length);

/*
 * Audits the process, seals it, and serves. Returns 0 once per sandbox, in the sandbox: a hardened copy of this process,
 * with no descriptor but 0, 1, 2 and the channel. Returns -1 in the template when it cannot serve (the host knows why)
 * or when the host has gone. The process must have one thread. ZEROBOOT_FDS is taken out of the environment. Where the host
 * wants several processes of the template, this one forks itself meanwhile; none of them returns but as said.
 *
 * before: called once, before the first fork. in_child: called in each sandbox. Both may be NULL.
 */
int zeroboot_serve(void (*before)(void), void (*in_child)(void));

/* Sends a piece of the answer; the pieces are joined on the host's side. 0, or -1. */
int zeroboot_answer(const void *bytes, size_t length);

/*
 * Ends the sandbox, after the host has measured it: no exit handlers, no flush. In a fork of the sandbox, or where
 * something else has taken the channel's place, it only ends the process.
 */
void zeroboot_finish(int code) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

#endif
