"""What the interpreter reads from its environment when it starts, done again in a sandbox, whose environment comes later.

Run by template.py, with names of its own. What cannot be done again (PYTHONHASHSEED) the host warns of.
"""

import io
import os
import sys
import time

LINES, NOTHING = 1, 2


def apply(environment):
    for variable in environment:
        key, _, value = variable.partition(b"=")
        os.environb[key] = value
    for name, action in ACTIONS.items():
        # As for the interpreter, an empty one is none.
        if os.environ.get(name):
            action(os.environ[name])


def set_zone(value):
    time.tzset()


def add_path(value):
    """Behind the script's own directory."""
    sys.path[1:1] = [os.path.abspath(entry) for entry in value.split(os.pathsep)]


def set_encoding(value):
    encoding, _, errors = value.partition(":")
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        # Standard error prints whatever it is.
        own = "backslashreplace" if stream is sys.stderr else errors or ("strict" if encoding else stream.errors)
        stream.reconfigure(encoding=encoding or stream.encoding, errors=own)


def add_warnings(value):
    import warnings

    options = value.split(",")
    sys.warnoptions.extend(options)
    warnings._processoptions(options)


def enable_fault_handler(value):
    import faulthandler

    faulthandler.enable()


def is_on(value):
    """As the interpreter takes a flag: a number that is 0 is off, and all else is on."""
    try:
        return int(value) != 0
    except ValueError:
        return True


def write_no_bytecode(value):
    sys.dont_write_bytecode = is_on(value)


def trace_memory(value):
    import tracemalloc

    if int(value) > 0:
        tracemalloc.start(int(value))


def use_backend(value):
    """Where matplotlib is warm it has read the variable."""
    if "matplotlib" in sys.modules:
        sys.modules["matplotlib"].rcParams["backend"] = value


def buffer_nothing(value):
    if is_on(value):
        buffer(NOTHING)


def buffer(how):
    """By the line, for a terminal at the other end: a prompt without a newline comes as well. Or not at all, as by `-u`."""
    if how == NOTHING:
        sys.stdin.reconfigure(write_through=True)
    names = ("stdout",) if how == LINES else ("stdout", "stderr")
    for name in names:
        old = getattr(sys, name)
        raw = io.FileIO(old.fileno(), "wb", closefd=False)
        raw.name = "<%s>" % name
        stream = io.TextIOWrapper(raw, old.encoding, old.errors, line_buffering=how == LINES, write_through=True)
        stream.mode = "w"
        setattr(sys, name, stream)
        setattr(sys, "__%s__" % name, stream)


ACTIONS = {
    "TZ": set_zone,
    "PYTHONPATH": add_path,
    "PYTHONIOENCODING": set_encoding,
    "PYTHONWARNINGS": add_warnings,
    "PYTHONFAULTHANDLER": enable_fault_handler,
    "PYTHONDONTWRITEBYTECODE": write_no_bytecode,
    "PYTHONTRACEMALLOC": trace_memory,
    "PYTHONUNBUFFERED": buffer_nothing,
    "MPLBACKEND": use_backend,
}
