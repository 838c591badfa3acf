import subprocess
import sys

code = "import sys; print(sys.argv[1:], sys.flags.isolated, sys.path[0]); sys.exit(5)"
print(subprocess.run([sys.executable, "-c", code, "x"]).returncode)
