import subprocess
import sys

if len(sys.argv) > 1:
    print("child", __file__, sys.argv[1:])
    sys.exit(4)
print(subprocess.run([sys.executable, __file__, "x"]).returncode)
