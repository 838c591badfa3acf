import os
import subprocess

print(subprocess.check_output(["sh", "-c", "echo $OWN $HOME $LANG"], env={**os.environ, "OWN": "value"}, text=True))
print(subprocess.check_output(["env", "-i", "A=1", "env"], text=True))
