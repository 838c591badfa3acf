import os
import subprocess

reader, writer = os.pipe()
subprocess.run(["sh", "-c", f"echo passed >&{writer}"], pass_fds=[writer])
print(os.read(reader, 100))
