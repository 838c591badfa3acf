# Executes a program, which can be dumped again, and looks whether a crash would run the host's handler (core(5)).
import resource

CODE = """
import ctypes, os, resource
said = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE)
os.write(1, (" ".join(map(str, said))).encode())
"""
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    os.dup2(writer, 1)
    for program in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError):
            os.execv(program, [program, "-I", "-S", "-c", CODE])
    os._exit(1)
os.close(writer)
said = os.read(reader, 100).split()
os.waitpid(child, 0)
if not said:
    held("no program can be run")
dumpable, soft, hard = map(int, said)
# A limit of 0 keeps no handler from running; one of 1 does, and a process that may not raise limits cannot change it.
if dumpable != 1 or (soft, hard) == (1, 1):
    held("dumpable is %d, the limits are %d and %d" % (dumpable, soft, hard))
through("dumpable, and the limits are %d and %d" % (soft, hard))
