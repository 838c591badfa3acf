import os
import signal
import subprocess

child = subprocess.Popen(["sleep", "30"])
child.send_signal(signal.SIGSTOP)
_, status = os.waitpid(child.pid, os.WUNTRACED)
print(os.WIFSTOPPED(status), signal.Signals(os.WSTOPSIG(status)).name)
child.send_signal(signal.SIGCONT)
child.kill()
print(child.wait())
