import subprocess

print(subprocess.check_output("echo a; echo b >&2; echo c", shell=True, stderr=subprocess.STDOUT))
