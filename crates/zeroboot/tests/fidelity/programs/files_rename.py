# files: yes
import os

open("a", "w").write("a")
open("b", "w").write("b")
os.rename("a", "b")
os.makedirs("dir/sub")
try:
    os.rmdir("dir")
except OSError as error:
    print(error)
try:
    os.rename("b", "dir")
except OSError as error:
    print(error)
os.replace("b", "dir/sub/c")
