import sys

print("after a form feed")
