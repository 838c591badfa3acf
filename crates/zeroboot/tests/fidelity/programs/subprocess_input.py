import subprocess

print(subprocess.run(["tr", "a-z", "A-Z"], input="hello\n", text=True, capture_output=True).stdout, end="")
