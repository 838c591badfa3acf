# files: yes
import sys

print("before")
real = sys.stdout
with open("log.txt", "w") as sys.stdout:
    print("into the file")
sys.stdout = real
print("after")
