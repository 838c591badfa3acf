import importlib
import os
import sys

os.mkdir("pack")
open("pack/__init__.py", "w").write("from .part import value\n")
open("pack/part.py", "w").write("value = 1\n")
import pack

print(pack.value, pack.__file__)
open("pack/part.py", "w").write("value = 22\n")
importlib.reload(sys.modules["pack.part"])
print(importlib.reload(pack).value)
