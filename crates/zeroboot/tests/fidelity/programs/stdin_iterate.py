# stdin: "1\n2\n3"
import sys

print(sum(int(line) for line in sys.stdin))
