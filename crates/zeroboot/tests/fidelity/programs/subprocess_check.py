import subprocess

subprocess.run(["sh", "-c", "exit 9"], check=True)
