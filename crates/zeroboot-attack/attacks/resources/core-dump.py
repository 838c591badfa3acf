# Crashes, and looks for the image of its memory.
import resource

place = scratch()
os.mkdir(place)
os.chdir(place)
pid = os.fork()
if pid == 0:
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
    signal.signal(signal.SIGABRT, signal.SIG_DFL)
    os.abort()
status = os.waitpid(pid, 0)[1]
names = os.listdir(place)
for name in names:
    os.unlink(name)
through("dumped: %s" % (names or "to a handler of the host")) if os.WCOREDUMP(status) or names else held("no image")
