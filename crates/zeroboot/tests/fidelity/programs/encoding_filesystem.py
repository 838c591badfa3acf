# files: yes
import os
import sys

print(sys.getfilesystemencoding(), sys.getfilesystemencodeerrors(), sys.getdefaultencoding())
open("h\u00e4.txt", "w").write("\u00e4\n")
open(b"\xff.bin", "wb").write(b"\xff")
print(ascii(sorted(os.listdir("."))))
os.unlink(b"\xff.bin")
