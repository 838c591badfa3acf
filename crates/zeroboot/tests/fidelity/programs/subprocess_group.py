import os
import signal
import subprocess

child = subprocess.Popen(["sh", "-c", "sleep 30 & echo ready; wait"], start_new_session=True, stdout=subprocess.PIPE)
child.stdout.readline()
print(os.getpgid(child.pid) == child.pid, os.getsid(child.pid) == child.pid)
os.killpg(child.pid, signal.SIGTERM)
print(child.wait())
