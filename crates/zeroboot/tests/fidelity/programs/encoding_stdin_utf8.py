# stdin: "h\u00e4\n\ud83d\ude00\n"
import sys

for line in sys.stdin:
    print(ascii(line), len(line))
