"""The Python side of a template: warms the imports, and then has sandbox.py serve.

Started by the host as `python3 -c`; the arguments are the sandboxes' PATH and the modules to import. Descriptors are listed in ZEROBOOT_FDS:
control, link, the library, this file and, if there is one, a file to run after the imports.
"""

import atexit
import linecache
import marshal
import os
import sys
import traceback
import types
from importlib.machinery import ExtensionFileLoader, ModuleSpec

HERE = "<zeroboot>"
HOME = "/home/sandbox"


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


def load(path):
    loader = ExtensionFileLoader("zeroboot_template", path)
    spec = ModuleSpec("zeroboot_template", loader, origin=path)
    library = loader.create_module(spec)
    loader.exec_module(library)
    return library


def load_and_warm_up():
    fds = [int(number) for number in os.environ["ZEROBOOT_FDS"].split(",")]
    library = load("/proc/self/fd/%d" % fds[2])
    fail = library.fail
    # For write_heavy, which only a warm-up can call.
    sys.modules["zeroboot_template"] = library
    try:
        warm_up(sys.argv[2:])
        if len(fds) > 4:
            fail = library.fail_file
            run_warm_file(fds[4])
        atexit.unregister(TakingDown())
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException as error:
        flush_what_can_be()
        error = own_frames_cut(error)
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        fail(text.encode("utf-8", "replace"))
        os._exit(1)
    del sys.modules["zeroboot_template"]
    return library


def has_one_thread():
    return len(os.listdir("/proc/self/task")) == 1


def name_threads():
    """Sets the kernel's names of Python's threads, which the audit reports. The interpreter does so itself from 3.14 on."""
    for thread in sys.modules["threading"].enumerate():
        try:
            with open("/proc/self/task/%d/comm" % thread.native_id, "wb", buffering=0) as name:
                name.write(thread.name.encode("utf-8", "replace")[:15])
        except (OSError, TypeError):
            # It has ended; or it was not started by this module, and has no number.
            pass


# Exit handlers that take down what ends with the process, and so would have every sandbox write all over its memory, for nothing:
# by module and name. All others run in each sandbox at its end, as outside: they may flush what the script has written.
TAKING_DOWN = (
    # Clears caches, and ends backends.
    ("jax._src.api", "clean_up"),
    # Collects garbage.
    ("jaxlib._jax", "collect_garbage"),
    ("jaxlib.xla_extension", "collect_garbage"),
    # Frees blocks that Pillow keeps to use them again.
    ("PIL._imaging", "clear_cache"),
)


class TakingDown:
    """Equal to such a handler: to say so is the only way to learn which there are."""

    def __eq__(self, handler):
        try:
            module, name = handler.__module__, handler.__qualname__
            if module is None and name == "cleanup":
                # Empties the caches of `typing`: that of libraries which are bound by nanobind has no module.
                return handler.__code__.co_filename == "<internal>"
            return (module, name) in TAKING_DOWN
        except Exception:
            # What is no function may answer as it likes.
            return False

    __hash__ = None


def flush_what_can_be():
    """What was printed before a failure helps to understand it; the warm-up may have closed or replaced the streams."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass


# Where a program of the command line looks first is the directory that it is started in, as a script's is the one that it lies in.
sys.path[0] = HOME
library = load_and_warm_up()
generators, settings = types.ModuleType("generators"), types.ModuleType("settings")
generators.library = library
exec(compile(library.generators(), HERE, "exec", dont_inherit=True), generators.__dict__)
exec(compile(library.settings(), HERE, "exec", dont_inherit=True), settings.__dict__)
# Compiled before, so that nothing is in the nursery but what stays there.
code = marshal.dumps(compile(library.source(), HERE, "exec", dont_inherit=True))
# A second thread is refused later, with its name.
if not has_one_thread() and "threading" in sys.modules:
    name_threads()
if has_one_thread() and not library.open_nursery():
    print("zeroboot: no nursery: memory has ended, or another allocator is in use (tracemalloc, a profiler)", file=sys.stderr)
exec(
    marshal.loads(code),
    {
        "__name__": "__main__",
        "HOME": HOME,
        "library": library,
        "generators": generators,
        "settings": settings,
        "own_frames_cut": own_frames_cut,
        "flush_what_can_be": flush_what_can_be,
        "has_one_thread": has_one_thread,
    },
)
