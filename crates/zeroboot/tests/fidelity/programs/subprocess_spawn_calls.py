import os
import sys

print(os.spawnlp(os.P_WAIT, "sh", "sh", "-c", "exit 6"))
pid = os.posix_spawn("/bin/sh", ["sh", "-c", "echo spawned; exit 7"], os.environ)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
