import os
import sys

print(sys.executable, sys._base_executable, os.path.exists(sys.executable))
print(sys.prefix, sys.exec_prefix, sys.orig_argv)
