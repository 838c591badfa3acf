import os
import platform
import sys

print(platform.system(), platform.machine(), platform.python_version(), platform.python_implementation())
print(sys.version, sys.platform, sys.implementation.name, os.uname().sysname, os.uname().release)
