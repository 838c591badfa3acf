import subprocess

print(subprocess.run(["sh", "-c", "kill -9 $$"]).returncode)
print(subprocess.run(["sh", "-c", "kill -TERM $$"]))
