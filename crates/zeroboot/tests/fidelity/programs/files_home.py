import os
import pathlib

print(os.path.expanduser("~"), pathlib.Path.home() == pathlib.Path.cwd(), os.environ["HOME"])
print(os.path.expandvars("$HOME/x"))
