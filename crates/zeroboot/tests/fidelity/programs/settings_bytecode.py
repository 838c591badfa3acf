import os
import sys

open("own_module.py", "w").write("value = 1\n")
import own_module

print(os.path.isdir("__pycache__"), own_module.__cached__ is not None, sys.pycache_prefix)
