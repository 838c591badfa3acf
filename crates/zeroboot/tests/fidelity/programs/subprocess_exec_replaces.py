import os

print("lost")
os.execlp("echo", "echo", "in its place")
