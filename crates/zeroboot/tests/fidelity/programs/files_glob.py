import glob
import pathlib

for name in ("x.py", "y.txt", ".hidden"):
    open(name, "w").close()
print(sorted(glob.glob("*.txt")), sorted(glob.glob("*")))
print(sorted(str(path) for path in pathlib.Path.cwd().rglob("*.txt")))
