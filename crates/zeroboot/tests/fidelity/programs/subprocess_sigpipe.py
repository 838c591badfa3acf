import subprocess

done = subprocess.run("yes | head -n 1", shell=True, capture_output=True, text=True)
print(done.stdout, done.returncode)
