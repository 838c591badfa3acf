"""What a template serves, and what each sandbox runs: one script.

Made by template.py when all imports are warm. The library has opened a nursery by then, so that what every sandbox uses lies close
together. It does as little as can be, and has the library do what it can: an object that is touched is a page that is copied.
"""

import _thread
import builtins
import errno
import gc
import linecache
import os
import sys
import types
from importlib.machinery import BuiltinImporter, SourceFileLoader

# Where a script comes from, as the library says it: from no file, from the file that is written for it, from one that is there
# already; or it is a module.
CODE, WRITTEN, SHOWN, MODULE = range(4)

# How standard output is buffered: as by the interpreter where it is no terminal, by the line, or not at all.
BLOCKS, LINES, NOTHING = range(3)

# What is run in the template itself before it serves, and how often: the interpreter then has looked up, interned and
# specialised what every sandbox needs, which otherwise each would do, and write, for itself.
SETTLING = b"text = ''\nprint(text, end=text)\n"
ROUNDS = 20


def settle():
    """Goes the way of every sandbox, with nothing to print: see SETTLING."""
    hooks_are_known = has_known_hooks()
    path = HOME + "/settling"
    for turn in range(ROUNDS):
        if hooks_are_known:
            library.run_fork_hooks()
        job = begin(path, sys.argv[:], [], SETTLING, (CODE, WRITTEN)[turn % 2], BLOCKS)
        library.evaluate(*job)
        sys.path[0] = HOME
    os.unlink(path)
    sys.modules["__main__"] = empty_main()


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


def set_environment():
    """The sandboxes' own, without what the warm-up needed."""
    fds = os.environ["ZEROBOOT_FDS"]
    os.environ.clear()
    os.environ.update(PATH=sys.argv[1], HOME=HOME, TMPDIR="/tmp", LANG="C.UTF-8")
    # The template's own command line.
    linecache.cache.pop("<string>", None)
    # For the library alone, which takes it away.
    os.putenv("ZEROBOOT_FDS", fds)
    sys.path[0] = HOME
    del sys.argv[1:]


def values_of_thread():
    """What `threading.local` holds for this thread, whose state is given up: from 3.13 on it is kept there."""
    if sys.version_info < (3, 13):
        return []
    return [(each, dict(each.__dict__)) for each in generators.instances(_thread._local)]


def make_ready(values):
    """The last of the warm-up."""
    for local, content in values:
        local.__dict__.update(content)
    settle()
    gc.collect()
    gc.freeze()


def reseeders():
    """What the interpreter's own hooks leave equal in every sandbox, of the modules that are loaded."""
    loaded = sys.modules
    if "ssl" in loaded:
        yield lambda: loaded["ssl"].RAND_add(os.urandom(32), 32.0)
    if "tempfile" in loaded:
        yield lambda: setattr(loaded["tempfile"], "_name_sequence", None)


def empty_main():
    """As the interpreter makes it, down to the order of the names."""
    main = types.ModuleType("__main__")
    main.__loader__ = BuiltinImporter
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    main.__builtins__ = builtins
    return main


def run_ahead(made, name, argv, environment, body, origin, buffering):
    """Does what a job does, for its memory to be there when the job comes. Of this the job sees nothing."""
    streams = [os.dup(fd) for fd in (0, 1, 2)]
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nowhere, fd)
    status = 0
    try:
        code, namespace = begin(name, argv, environment, body, origin, buffering)
        exec(code, namespace)
    except SystemExit as leave:
        status = leave.code & 0xFF if isinstance(leave.code, int) else int(leave.code is not None)
    except BaseException as error:
        sys.excepthook(type(error), own_frames_cut(error), error.__traceback__)
        status = 1
    flush_what_can_be()
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


def begin(name, argv, environment, body, origin, buffering):
    """Makes the main module and the interpreter's settings ready for a script.

    Returns its code and its namespace; or a function and its arguments, for the module that `-m` names. The library runs
    them, since no frame of this file may stand below the script's.
    """
    if environment:
        settings.apply(environment)
    if buffering:
        settings.buffer(buffering)
    sys.argv[:] = argv
    if hasattr(sys, "orig_argv"):
        given = [name] if origin == MODULE else [str(body, "utf-8", "surrogateescape")] if argv[0] == "-c" else []
        # A new list: to change the template's would copy the pages that it lies in.
        sys.orig_argv = [sys.executable, *argv[:1], *given, *argv[1:]]
    if origin == MODULE:
        sys.modules["__main__"] = empty_main()
        import runpy

        return runpy._run_module_as_main, (name,)
    # Of its own: the collector leaves alone what the template has made, and so all that it holds.
    main = sys.modules["__main__"] = empty_main()
    if origin == CODE:
        # As the interpreter: code of a command line has no file, which multiprocessing would run again in what it spawns.
        sys.path[0] = ""
        if argv[0] != "-c":
            main.__file__ = name
            if sys.version_info < (3, 15):
                main.__cached__ = None
    else:
        if origin == WRITTEN:
            write_script(name, body)
        else:
            sys.path[0] = os.path.dirname(name)
        main.__file__ = name
        if sys.version_info < (3, 15):
            main.__cached__ = None
        main.__loader__ = SourceFileLoader("__main__", name)
    code = compile(body, name, "exec", dont_inherit=True)
    if origin == CODE and argv[0] == "-c" and hasattr(linecache, "_register_code"):
        # From 3.13 on the interpreter quotes the lines of a command line: at first by name, later by code.
        key = code if hasattr(linecache, "_code_key") else name
        linecache._register_code(key, body.decode("utf-8", "replace"), name)
    return code, main.__dict__


def wants_network(error):
    """Whether a script has failed for want of a network, for a hint to its author."""
    for _ in range(20):
        if error is None:
            return False
        if type(error).__name__ == "gaierror":
            return True
        if isinstance(error, PermissionError) and error.errno == errno.EPERM:
            trace = error.__traceback__
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            if trace is not None and trace.tb_frame.f_code.co_filename.endswith("/socket.py"):
                return True
        error = error.__cause__ or error.__context__
    return False


def write_script(path, body):
    """Where programs look for it that read their own source, or have it run again in another process."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    except OSError as error:
        # A file that is shown at its place is left as it is.
        if error.errno == errno.EROFS:
            return
        raise
    # A short write is possible for what is larger than any file may be, and for nothing else.
    os.write(file, body)
    os.close(file)


def sandbox():
    """Serves, and goes on once per sandbox: what can be made ready is, before the fork."""
    sys.modules["__main__"] = empty_main()
    set_environment()
    # What the warm-up has the collector leave alone is looked at once more.
    gc.unfreeze()
    reseed = list(reseeders())
    made = list(generators.find())
    generators.seed_or_fail(made)
    if made:
        reseed.append(lambda: generators.seed_again(made))

    def be_born():
        for action in reseed:
            action()

    # It returns nowhere: in a sandbox it runs the script and ends the process, and in the template it ends it, too.
    values = values_of_thread()
    library.serve(
        lambda: make_ready(values), be_born if reseed else None, lambda *job: run_ahead(made, *job), begin, wants_network
    )


sandbox()
