"""The Python side of a template: warms the imports, serves, and runs one script in each sandbox.

Started by the host as `python3 -I`; the arguments are the sandboxes' PATH and the modules to import. Descriptors are listed in ZEROBOOT_FDS:
control, link, the library, this file and, if there is one, a file to run after the imports.
"""

import atexit
import builtins
import ctypes
import gc
import linecache
import os
import sys
import traceback
import types

HERE = "<zeroboot>"
HOME = "/home/sandbox"
CHANNEL = 3
# The flags of a packet: another one follows; the job may start at once; it is to be run ahead of another one.
MORE, AT_ONCE, AHEAD = 1, 2, 4
ENCODING = sys.getfilesystemencoding()


def warm_up(modules):
    for name in modules:
        __import__(name)


def run_warm_file(warm_fd):
    warm = types.ModuleType("warm")
    sys.modules["warm"] = warm
    with open(warm_fd, "rb", closefd=False) as file:
        source = file.read()
    linecache.cache["warm.py"] = (lambda: source.decode("utf-8", "replace"),)
    exec(compile(source, "warm.py", "exec", dont_inherit=True), warm.__dict__)


def own_frames_cut(error):
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == HERE:
        trace = trace.tb_next
    return error.with_traceback(trace)


def load_and_warm_up():
    fds = [int(number) for number in os.environ["ZEROBOOT_FDS"].split(",")]
    library = ctypes.PyDLL("/proc/self/fd/%d" % fds[2])
    fail = library.zeroboot_fail
    try:
        warm_up(sys.argv[2:])
        if len(fds) > 4:
            fail = library.zeroboot_fail_file
            run_warm_file(fds[4])
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException as error:
        flush_what_can_be()
        error = own_frames_cut(error)
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        fail(text.encode("utf-8", "replace").replace(b"\0", b"?"))
        os._exit(1)
    return library


def flush_what_can_be():
    """What was printed before a failure helps to understand it; the warm-up may have closed or replaced the streams."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass


def serve(library):
    """Returns in sandboxes only."""
    fds = os.environ["ZEROBOOT_FDS"]
    os.environ.clear()
    os.environ.update(PATH=sys.argv[1], HOME=HOME, TMPDIR="/tmp", LANG="C.UTF-8")
    # For the library alone, which takes it away.
    os.putenv("ZEROBOOT_FDS", fds)
    sys.path.insert(0, HOME)
    del sys.argv[1:]
    hooks = [ctypes.pythonapi.PyOS_BeforeFork, ctypes.pythonapi.PyOS_AfterFork_Child]
    hooks = [ctypes.cast(hook, ctypes.c_void_p) for hook in hooks]
    gc.collect()
    gc.freeze()
    if library.zeroboot_serve(*hooks) != 0:
        os._exit(1)


def reseeders():
    """What the interpreter's own hooks leave equal in every sandbox, of the modules that are loaded."""
    loaded = sys.modules
    if "numpy.random" in loaded:
        yield loaded["numpy.random"].seed
    if "ssl" in loaded:
        yield lambda: loaded["ssl"].RAND_add(os.urandom(32), 32.0)
    if "tempfile" in loaded:
        yield lambda: setattr(loaded["tempfile"], "_name_sequence", None)


def receive_job():
    """The flags, the name, the whole argv, the environment and the body; their layout is in the host's protocol."""
    packet = os.read(CHANNEL, 65536)
    job = packet[1:]
    while packet[0] & MORE:
        packet = os.read(CHANNEL, 65536)
        job += packet[1:]
    name, argv0, arguments, environment, rest = job.split(b"\0", 4)
    arguments = int(arguments)
    *strings, body = rest.split(b"\0", arguments + int(environment))
    return packet[0], name, [argv0, *strings[:arguments]], strings[arguments:], body


def await_go():
    """The host has read the seal: user code may start."""
    if os.read(CHANNEL, 1) != b"g":
        os._exit(125)


def run_ahead(name, argv, body):
    """Does what a job does, for its memory to be there when the job comes. Of this the job sees nothing."""
    streams = [os.dup(fd) for fd in (0, 1, 2)]
    nowhere = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nowhere, fd)
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ahead = types.ModuleType("__main__")
    name = name.decode(ENCODING, "surrogateescape")
    sys.argv[:] = map(os.fsdecode, argv)
    status = run(ahead, body, name)
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
    os.write(CHANNEL, b"T%c" % status)


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


def run(main, body, name):
    """Runs the script as `__main__` and gives its exit status."""
    # As the interpreter: code of a command line has no file, which multiprocessing would run again in what it spawns.
    if sys.argv[0] != "-c":
        main.__file__ = name
    linecache.cache[name] = (lambda: body.decode("utf-8", "replace"),)
    try:
        exec(compile(body, name, "exec", dont_inherit=True), main.__dict__)
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
    """Warms up, serves, and goes on once per sandbox: what can be made ready is, before the fork."""
    library = load_and_warm_up()
    finish = library.zeroboot_finish
    main = types.ModuleType("__main__")
    main.__builtins__ = builtins
    sys.modules["__main__"] = main
    reseed = list(reseeders())
    serve(library)

    for action in reseed:
        action()
    flags, name, argv, environment, body = receive_job()
    if flags & AHEAD:
        run_ahead(name, argv, body)
        flags, name, argv, environment, body = receive_job()
    name = name.decode(ENCODING, "surrogateescape")
    for variable in environment:
        key, _, value = variable.partition(b"=")
        os.environb[key] = value
    sys.argv[:] = map(os.fsdecode, argv)
    if not flags & AT_ONCE:
        await_go()
    finish(wind_up(run(main, body, name)))


sandbox()
