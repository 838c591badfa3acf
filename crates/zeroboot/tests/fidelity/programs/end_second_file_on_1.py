import sys

print("first")
sys.stdout.flush()
second = open(1, "w", closefd=False)
print("second", file=second)
