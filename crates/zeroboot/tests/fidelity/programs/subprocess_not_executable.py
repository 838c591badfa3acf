import subprocess

open("plain.txt", "w").write("text")
try:
    subprocess.run(["./plain.txt"])
except PermissionError as error:
    print(error)
