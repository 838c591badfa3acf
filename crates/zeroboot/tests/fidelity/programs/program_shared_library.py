# long: yes
# needs: program cc
import ctypes
import subprocess

open("x.c", "w").write("int twice(int n) { return 2 * n; }\n")
subprocess.run(["cc", "-shared", "-fPIC", "-o", "x.so", "x.c"], check=True)
print(ctypes.CDLL("./x.so").twice(21))
