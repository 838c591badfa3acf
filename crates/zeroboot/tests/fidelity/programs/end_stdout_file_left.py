import sys

print("before")
sys.stdout = open("log.txt", "w")
print("into the file")
