import os
import runpy
import sys

os.makedirs("package/sub")
open("package/__init__.py", "w").write("print('package', __name__)\n")
open("package/__main__.py", "w").write("from . import sub\nprint('main', __name__, __package__, sub.value)\n")
open("package/sub/__init__.py", "w").write("value = 7\n")
runpy.run_module("package", run_name="__main__", alter_sys=True)
