import os
import subprocess

os.mkdir("below")
print(subprocess.check_output(["pwd"], cwd="below", text=True))
