"""What a template serves, and what each sandbox runs: one script.

Made by template.py when all imports are warm. The library has opened a nursery by then, so that what every sandbox uses lies close
together. It does as little as can be, and has the library do what it can: an object that is touched is a page that is copied.
"""

import atexit
import builtins
import gc
import linecache
import os
import sys
import traceback
import types

HOME = "/home/sandbox"

# What is run in the template itself before it serves, and how often: the interpreter then has looked up, interned and
# specialised what every sandbox needs, which otherwise each would do, and write, for itself.
SETTLING = b"text = ''\nprint(text, end=text)\n"
ROUNDS = 20


def settle():
    """Goes the way of every sandbox, with nothing to print: see SETTLING."""
    hooks_are_known = has_known_hooks()
    for _ in range(ROUNDS):
        if hooks_are_known:
            library.run_fork_hooks()
        run_job(empty_main(), library.await_go, "<settling>", sys.argv[:], [], SETTLING)


def has_known_hooks():
    """Whether what runs in the child of a fork is the standard library's alone: others' may be for children only."""
    # They end all threads but one. Where there are others the library refuses to serve.
    if not has_one_thread() or "threading" not in sys.modules:
        return False
    known = getattr(sys, "stdlib_module_names", ())
    one = sys.modules["threading"]._after_fork
    for hooks in gc.get_objects():
        if type(hooks) is list and any(hook is one for hook in hooks):
            return all(getattr(hook, "__module__", None) in known for hook in hooks)
    return False


def make_ready():
    """The last of the warm-up. What the garbage collector leaves alone is looked at once more."""
    fds = os.environ["ZEROBOOT_FDS"]
    os.environ.clear()
    os.environ.update(PATH=sys.argv[1], HOME=HOME, TMPDIR="/tmp", LANG="C.UTF-8")
    # For the library alone, which takes it away.
    os.putenv("ZEROBOOT_FDS", fds)
    sys.path.insert(0, HOME)
    del sys.argv[1:]
    settle()
    gc.unfreeze()
    gc.collect()


def serve():
    """Returns a job, in sandboxes only."""
    gc.freeze()
    job = library.serve()
    if not job:
        os._exit(1)
    return job


def reseeders():
    """What the interpreter's own hooks leave equal in every sandbox, of the modules that are loaded."""
    loaded = sys.modules
    if "ssl" in loaded:
        yield lambda: loaded["ssl"].RAND_add(os.urandom(32), 32.0)
    if "tempfile" in loaded:
        yield lambda: setattr(loaded["tempfile"], "_name_sequence", None)


class Loader:
    """Where tracebacks find the lines of the script, whose file is not in the sandbox: linecache asks a module's loader."""

    body = b""

    def get_source(self, name):
        return self.body.decode("utf-8", "replace")


def empty_main():
    main = types.ModuleType("__main__")
    main.__builtins__ = builtins
    main.__loader__ = Loader()
    return main


def run_ahead(made, await_go, name, argv, environment, body):
    """Does what a job does, for its memory to be there when the job comes. Of this the job sees nothing."""
    streams = [os.dup(fd) for fd in (0, 1, 2)]
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nowhere, fd)
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ahead = empty_main()
    status = run_job(ahead, await_go, name, argv, environment, body)
    flush_what_can_be()
    sys.modules["__main__"] = main
    linecache.cache.pop(name, None)
    for fd, stream in enumerate(streams):
        os.dup2(stream, fd)
        os.close(stream)
    os.close(nowhere)
    # It may have drawn random numbers, and chosen their seed.
    if "random" in sys.modules:
        sys.modules["random"].seed()
    for action in reseeders():
        action()
    generators.seed_again(made)
    generators.seed_again(generators.find())
    return status


def exit_status(code):
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def report(error):
    error = own_frames_cut(error)
    kind, trace = type(error), error.__traceback__
    if sys.excepthook is sys.__excepthook__:
        # The built-in hook looks for the script's file to quote it; this one asks linecache.
        traceback.print_exception(kind, error, trace)
    else:
        sys.excepthook(kind, error, trace)


def run_job(main, await_go, name, argv, environment, body):
    for variable in environment:
        key, _, value = variable.partition(b"=")
        os.environb[key] = value
    sys.argv[:] = argv
    return run(main, await_go, body, name)


def run(main, await_go, body, name):
    """Runs the script as `__main__` and gives its exit status."""
    # As the interpreter: code of a command line has no file, which multiprocessing would run again in what it spawns.
    if sys.argv[0] != "-c":
        main.__file__ = name
    main.__loader__.body = body
    try:
        # Compiling runs nothing of the script, and the host reads the seal meanwhile.
        try:
            code = compile(body, name, "exec", dont_inherit=True)
        finally:
            await_go()
        exec(code, main.__dict__)
    except SystemExit as leave:
        return exit_status(leave.code)
    except KeyboardInterrupt as error:
        report(error)
        interrupt()
    except BaseException as error:
        report(error)
        return 1
    return 0


def interrupt():
    """As the interpreter does: ends by the signal, so that whoever waits sees it."""
    import signal

    sys.stdout.flush()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)


def wind_up(status):
    """What the interpreter does at its end: threads, exit handlers, buffers."""
    if "threading" in sys.modules:
        try:
            sys.modules["threading"]._shutdown()
        except BaseException as error:
            report(error)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except Exception as error:
            if status == 0:
                status = 120
            if stream is sys.stdout:
                report(error)
    return status


def sandbox():
    """Serves, and goes on once per sandbox: what can be made ready is, before the fork."""
    await_go, finish = library.await_go, library.finish
    main = sys.modules["__main__"] = empty_main()
    make_ready()
    reseed = list(reseeders())
    made = list(generators.find())
    generators.seed_or_fail(made)
    if made:
        reseed.append(lambda: generators.seed_again(made))
    job = serve()

    for action in reseed:
        action()
    is_ahead, *job = job
    if is_ahead:
        _, *job = library.ran_ahead(run_ahead(made, await_go, *job))
    finish(wind_up(run_job(main, await_go, *job)))


sandbox()
