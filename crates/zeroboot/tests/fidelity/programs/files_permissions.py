# files: yes
import os

old = os.umask(0o027)
print(oct(old))
open("by-umask", "w").close()
os.mkdir("directory-by-umask")
open("no-access", "w").close()
os.chmod("no-access", 0)
try:
    open("no-access")
except PermissionError as error:
    print(error)
os.chmod("no-access", 0o640)
print(os.access("no-access", os.X_OK), os.access(".", os.W_OK))
