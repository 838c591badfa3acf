import subprocess

print("printed first, written last")
subprocess.run(["echo", "printed last, written first"])
