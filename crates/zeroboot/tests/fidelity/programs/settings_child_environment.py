import os
import subprocess
import sys

os.environ["PYTHONPATH"] = "extra"
os.environ["PYTHONUNBUFFERED"] = "1"
print(subprocess.check_output([sys.executable, "-c", "import sys; print('extra' in ''.join(sys.path), sys.stdout.write_through)"], text=True))
